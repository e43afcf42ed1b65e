//! A customer wants no texts, and later wants them again.

use crewline_api::chat::v1 as pb;
use pb::event::Payload;

use super::CUSTOMER;
use super::reading::Screens;
use crate::demo::Failed;
use crate::demo::calls::{send, text};
use crate::demo::stage::Stage;

/// The scenes.
pub async fn play(stage: &mut Stage, screens: &mut Screens, thread: &str) -> Result<(), Failed> {
    stage.scene("The customer texts STOP: nobody can text them any more, and everybody is told so");
    stage.done("Customer", "texts: STOP", text(&stage.gateway, "3", "STOP").await)?;
    screens.see(stage, "STOP").await?;
    stage.hears(&mut screens.olga, "the customer has opted out", |event| opted_out(event) == Some(true)).await?;
    stage.refused("Tina", "writes", "CONTACT_OPTED_OUT", send(&stage.tina, thread, "tina-3", "All right?").await)?;
    stage.refused("Olga (office)", "writes", "CONTACT_OPTED_OUT", send(&stage.olga, thread, "olga-3", "Sorry!").await)?;
    let list = stage.olga.records().list_opt_outs(pb::ListOptOutsRequest::default()).await;
    let list = stage.done("Olga (office)", "lists who wants no texts", list)?;
    let numbers: Vec<String> = list.opt_outs.into_iter().map(|opt_out| opt_out.contact_number).collect();
    stage.same("Olga (office)", "finds the customer there", &vec![CUSTOMER.to_owned()], &numbers)?;

    stage.scene("The customer texts START: it goes on");
    stage.done("Customer", "texts: START", text(&stage.gateway, "4", "START").await)?;
    screens.see(stage, "START").await?;
    stage.hears(&mut screens.olga, "the customer has opted in", |event| opted_out(event) == Some(false)).await?;
    let body = "We are at the gate.";
    stage.done("Tina", &format!("writes: {body}"), send(&stage.tina, thread, "tina-4", body).await)?;
    screens.see(stage, body).await?;
    // Neither the notes nor what was refused is there.
    stage.phone_shows(CUSTOMER, body).await
}

fn opted_out(event: &Payload) -> Option<bool> {
    match event {
        Payload::OptOutChanged(change) => Some(change.opted_out),
        _ => None,
    }
}
