//! A thread belongs to another job: one crew loses it, the other has all of it.

use crewline_api::chat::v1 as pb;
use pb::event::Payload;

use super::reading::Screens;
use super::{JOB, OTHER_JOB};
use crate::demo::Failed;
use crate::demo::calls::{give_to, history};
use crate::demo::stage::Stage;

/// The scenes; the streams of the technicians end in them, and are opened again.
pub async fn play(stage: &mut Stage, mut screens: Screens, thread: &str) -> Result<Screens, Failed> {
    let (olga, tina, theo, nils) = (stage.olga.clone(), stage.tina.clone(), stage.theo.clone(), stage.nils.clone());
    stage.scene("Olga gives the thread to another job: its crew has all of it, the first one nothing");
    let mut nils_phone = stage.inbox("Nils's phone", &nils).await?;
    let written = stage.done("Tina", "looks at the history", history(&tina, thread).await)?.messages.len();
    stage.done("Olga (office)", &format!("moves the thread to job {OTHER_JOB}"), give_to(&olga, thread, OTHER_JOB).await)?;
    stage.hears(&mut screens.olga, "the thread is moved", |event| matches!(event, Payload::ThreadMoved(_))).await?;
    stage.ends(screens.tina, pb::ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await?;
    stage.ends(screens.theo, pb::ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await?;
    stage.loses_thread(&mut screens.tinas_phone, thread, pb::RemovedReason::ThreadMoved).await?;
    stage.refused("Tina", "reads the thread", "THREAD_NOT_VISIBLE", history(&tina, thread).await)?;
    // He has read none of what the customer wrote.
    stage.has_thread(&mut nils_phone, thread, 6).await?;
    let found = stage.done("Nils", "reads the history", history(&nils, thread).await)?.messages.len();
    stage.same("Nils", &format!("finds all {written} messages"), &written, &found)?;

    stage.scene("It was the wrong job: Olga gives it back");
    stage.done("Olga (office)", &format!("moves the thread to job {JOB}"), give_to(&olga, thread, JOB).await)?;
    stage.hears(&mut screens.olga, "the thread is moved", |event| matches!(event, Payload::ThreadMoved(_))).await?;
    stage.loses_thread(&mut nils_phone, thread, pb::RemovedReason::ThreadMoved).await?;
    stage.has_thread(&mut screens.tinas_phone, thread, 2).await?;
    let (tina, theo) = (stage.watch("Tina", &tina, thread).await?, stage.watch("Theo", &theo, thread).await?);
    Ok(Screens { tina, theo, ..screens })
}
