//! Closed is hidden from technicians; reopened is as it was.

use crewline_api::chat::v1 as pb;
use pb::event::Payload;

use super::reading::Screens;
use crate::demo::Failed;
use crate::demo::calls::{close, history, send, text, thread as get, threads_of_job};
use crate::demo::stage::Stage;

/// The scenes; the streams of the technicians end in them, and are opened again.
pub async fn play(stage: &mut Stage, mut screens: Screens, thread: &str) -> Result<Screens, Failed> {
    let (olga, tina, theo) = (stage.olga.clone(), stage.tina.clone(), stage.theo.clone());
    stage.scene("Olga closes the thread: it vanishes for technicians, with its mark, and stays for the office");
    let thanks = "Thank you!";
    stage.done("Customer", &format!("texts: {thanks}"), text(&stage.gateway, "5", thanks).await)?;
    screens.see(stage, thanks).await?;
    stage.has_mark(&mut screens.tinas_phone, 1).await?;
    let before = stage.done("Tina", "looks at the thread", get(&tina, thread).await)?.thread.unwrap_or_default();
    let written = stage.done("Tina", "looks at its history", history(&tina, thread).await)?.messages.len();

    stage.done("Olga (office)", "closes the thread", close(&olga, thread).await)?;
    stage.ends(screens.tina, pb::ClosingReason::ThreadClosed, "THREAD_NOT_VISIBLE").await?;
    stage.ends(screens.theo, pb::ClosingReason::ThreadClosed, "THREAD_NOT_VISIBLE").await?;
    stage.loses_thread(&mut screens.tinas_phone, thread, pb::RemovedReason::ThreadClosed).await?;
    stage.has_mark(&mut screens.tinas_phone, 0).await?;
    let list = stage.done("Tina", "lists the threads of the job", threads_of_job(&tina).await)?;
    stage.same("Tina", "finds none", &0, &list.threads.len())?;
    stage.refused("Tina", "writes", "THREAD_NOT_VISIBLE", send(&tina, thread, "tina-5", "Bye!").await)?;
    stage.hears(&mut screens.olga, "the thread is closed", |event| matches!(event, Payload::ThreadClosed(_))).await?;
    stage.done("Olga (office)", "still reads it", history(&olga, thread).await)?;
    stage.refused("Olga (office)", "writes", "THREAD_CLOSED", send(&olga, thread, "olga-5", "Bye!").await)?;

    stage.scene("Olga reopens it: it is there again, with its history and what everybody has read");
    let reopened = olga.threads().reopen_thread(pb::ReopenThreadRequest { thread_id: thread.to_owned() }).await;
    stage.done("Olga (office)", "reopens the thread", reopened)?;
    stage.hears(&mut screens.olga, "the thread is open", |event| matches!(event, Payload::ThreadReopened(_))).await?;
    stage.has_thread(&mut screens.tinas_phone, thread, 1).await?;
    stage.has_mark(&mut screens.tinas_phone, 1).await?;
    let after = stage.done("Tina", "looks at the thread", get(&tina, thread).await)?.thread.unwrap_or_default();
    stage.same("Tina", "has read it as far as before", &before.read_seq, &after.read_seq)?;
    let found = stage.done("Tina", "looks at its history", history(&tina, thread).await)?.messages.len();
    stage.same("Tina", &format!("finds all {written} messages"), &written, &found)?;

    stage.scene("Closed once more, it opens by itself when the customer texts");
    stage.done("Olga (office)", "closes the thread", close(&olga, thread).await)?;
    stage.hears(&mut screens.olga, "the thread is closed", |event| matches!(event, Payload::ThreadClosed(_))).await?;
    stage.loses_thread(&mut screens.tinas_phone, thread, pb::RemovedReason::ThreadClosed).await?;
    let leak = "It leaks again!";
    let received = stage.done("Customer", &format!("texts: {leak}"), text(&stage.gateway, "6", leak).await)?;
    stage.same("Chat", "opens the thread again", &(true, thread), &(received.reopened, received.thread_id.as_str()))?;
    stage.hears(&mut screens.olga, "the thread is open", |event| matches!(event, Payload::ThreadReopened(_))).await?;
    stage.sees(&mut screens.olga, leak).await?;
    stage.has_thread(&mut screens.tinas_phone, thread, 2).await?;
    let (tina, theo) = (stage.watch("Tina", &tina, thread).await?, stage.watch("Theo", &theo, thread).await?);
    Ok(Screens { tina, theo, ..screens })
}
