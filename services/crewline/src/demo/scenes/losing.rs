//! Access is taken away while streams are open.

use crewline_api::chat::v1 as pb;
use crewline_api::permissions::v1 as permissions;

use super::JOB;
use super::reading::Screens;
use crate::demo::Failed;
use crate::demo::calls::{send, text};
use crate::demo::office::set_permissions;
use crate::demo::stage::Stage;

/// The scenes.
pub async fn play(stage: &mut Stage, mut screens: Screens, thread: &str) -> Result<(), Failed> {
    stage.scene("Ada takes Tina's permissions away while her streams are open");
    let revoked = set_permissions(&stage.admin, "tina", false, false).await;
    let revoked = stage.done("Ada (admin)", "takes both permissions away", revoked)?;
    confirmed(stage, revoked.receipt.unwrap_or_default())?;
    stage.ends(screens.tina, pb::ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED").await?;
    stage.inbox_ends(screens.tinas_phone, pb::ClosingReason::AccessRevoked).await?;
    stage.inbox_ends(screens.tinas_tablet, pb::ClosingReason::AccessRevoked).await?;
    stage.refused("Tina", "writes", "CHAT_PERMISSION_REQUIRED", send(&stage.tina, thread, "tina-6", "Still here?").await)?;

    let question = "Is anybody there?";
    stage.done("Customer", &format!("texts: {question}"), text(&stage.gateway, "7", question).await)?;
    for stream in [&mut screens.theo, &mut screens.olga] {
        stage.sees(stream, question).await?;
    }

    stage.scene("Dispatch takes Theo off the job");
    let unassign = permissions::UnassignTechniciansRequest {
        job_id: JOB.into(),
        appointment_id: "1".into(),
        technician_ids: vec!["theo".into()],
        ..Default::default()
    };
    let unassigned = stage.dispatch.dispatch().unassign_technicians(unassign).await;
    let unassigned = stage.done("Dispatch", "unassigns Theo", unassigned)?;
    confirmed(stage, unassigned.receipt.unwrap_or_default())?;
    stage.ends(screens.theo, pb::ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await?;
    stage.loses_thread(&mut screens.theos_phone, thread, pb::RemovedReason::Unassigned).await
}

/// The call has returned: the one node of the chat service has confirmed it.
fn confirmed(stage: &mut Stage, receipt: permissions::ChangeReceipt) -> Result<(), Failed> {
    let told = (receipt.in_force_time.is_some(), receipt.nodes_confirmed, receipt.nodes_waited_out);
    stage.same("", "the call returns: in force, confirmed by 1 node", &(true, 1, 0), &told)
}
