//! Texts to the customer, and what is not for the customer.

use crewline_api::chat::v1 as pb;

use super::reading::Screens;
use super::{CUSTOMER, JOB};
use crate::demo::Failed;
use crate::demo::calls::{close, history, note, send, start};
use crate::demo::stage::Stage;

/// A number where no text arrives.
const LANDLINE: &str = "+15550100199";

/// The crew and the office reply, and the customer's phone shows it.
pub async fn replies(stage: &mut Stage, screens: &mut Screens, thread: &str) -> Result<(), Failed> {
    stage.scene("Tina replies: everybody sees it, the customer gets it, and everybody sees that");
    let reply = "In ten minutes.";
    let sent = stage.done("Tina", &format!("replies: {reply}"), send(&stage.tina, thread, "tina-1", reply).await)?;
    screens.see(stage, reply).await?;
    stage.phone_shows(CUSTOMER, reply).await?;
    let message = sent.message.unwrap_or_default().message_id;
    stage.comes_so_far(&mut screens.olga, &message, pb::DeliveryStatus::Delivered).await?;
    let list = stage.done("Tina", "reads the history", history(&stage.tina, thread).await)?;
    let status = list.messages.iter().find(|found| found.message_id == message).map(pb::Message::delivery_status);
    stage.same("Tina", "finds her reply delivered", &Some(pb::DeliveryStatus::Delivered), &status)?;
    let again = stage.done("Tina", "sends it again, with the same id", send(&stage.tina, thread, "tina-1", reply).await)?;
    stage.same("Chat", "makes no second message", &true, &again.duplicate)?;

    stage.scene("Theo and Olga write, too: the customer gets it in that order, and who writes has read");
    let (first, second) = ("I bring the pump.", "Please open the gate for them.");
    stage.done("Theo", &format!("replies: {first}"), send(&stage.theo, thread, "theo-1", first).await)?;
    stage.done("Olga (office)", &format!("writes: {second}"), send(&stage.olga, thread, "olga-1", second).await)?;
    for body in [first, second] {
        screens.see(stage, body).await?;
    }
    for body in [first, second] {
        stage.phone_shows(CUSTOMER, body).await?;
    }
    stage.has_mark(&mut screens.theos_phone, 0).await
}

/// Notes for colleagues.
pub async fn notes(stage: &mut Stage, screens: &mut Screens, thread: &str) -> Result<(), Failed> {
    stage.scene("Notes for colleagues: the customer gets none, and the crew none that is for the office alone");
    let (price, dog) = ("Has not paid the last bill.", "Mind the dog.");
    let written = note(&stage.olga, thread, "olga-2", price, pb::Audience::Office).await;
    stage.done("Olga (office)", &format!("notes for the office: {price}"), written)?;
    let written = note(&stage.tina, thread, "tina-2", dog, pb::Audience::Crew).await;
    stage.done("Tina", &format!("notes for all: {dog}"), written)?;
    stage.sees(&mut screens.olga, price).await?;
    // The office's note would have come before.
    screens.see(stage, dog).await
}

/// Who may not, is told why.
pub async fn refusals(stage: &mut Stage, thread: &str) -> Result<(), Failed> {
    stage.scene("Who may not, is told why");
    let read = stage.done("Vera (view only)", "reads the thread", history(&stage.vera, thread).await)?;
    stage.same("Vera (view only)", "finds all but the office's note", &6, &read.messages.len())?;
    let refused = send(&stage.vera, thread, "vera-1", "Hello!").await;
    stage.refused("Vera (view only)", "writes", "CHAT_PERMISSION_REQUIRED", refused)?;
    let refused = history(&stage.nils, thread).await;
    stage.refused("Nils (other job)", "reads the thread", "THREAD_NOT_VISIBLE", refused)
}

/// A text that cannot arrive is shown so.
pub async fn landline(stage: &mut Stage) -> Result<(), Failed> {
    stage.scene("A landline: the office sees that the text did not arrive");
    let olga = stage.olga.clone();
    let started =
        stage.done("Olga (office)", &format!("starts a thread with a landline about job {JOB}"), start(&olga, LANDLINE).await)?;
    let thread = started.thread.unwrap_or_default().thread_id;
    let mut stream = stage.watch("Olga (office)", &olga, &thread).await?;
    let body = "We come tomorrow.";
    let sent = stage.done("Olga (office)", &format!("writes: {body}"), send(&olga, &thread, "olga-1", body).await)?;
    let message = sent.message.unwrap_or_default().message_id;
    stage.sees(&mut stream, body).await?;
    stage.comes_so_far(&mut stream, &message, pb::DeliveryStatus::Undelivered).await?;
    stage.phone_shows(LANDLINE, body).await?;
    let again =
        pb::ResendMessageRequest { thread_id: thread.clone(), message_id: message.clone(), client_message_id: "olga-2".into() };
    let resent = stage.done("Olga (office)", "sends it again", olga.threads().resend_message(again).await)?;
    stage.same("Chat", "counts a second sending", &2, &resent.message.unwrap_or_default().delivery_attempt)?;
    stage.comes_so_far(&mut stream, &message, pb::DeliveryStatus::Undelivered).await?;
    stage.phone_shows(LANDLINE, body).await?;
    stage.done("Olga (office)", "closes that thread", close(&olga, &thread).await)?;
    Ok(())
}
