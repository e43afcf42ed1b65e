//! The story, scene by scene.

use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use tonic::{Response, Status};

use super::Failed;
use super::office::{create_person, enable_chat, set_permissions};
use super::stage::Stage;
use crate::party::{Party, until_heard};

const JOB: &str = "1001";
const CUSTOMER: &str = "+15550100123";

/// All scenes.
pub async fn play(stage: &mut Stage) -> Result<(), Failed> {
    set_up(stage).await?;
    let thread = start(stage).await?;

    stage.scene("The customer texts, and both technicians of the job see it");
    let mut tina = stage.watch("Tina", &stage.tina.clone(), &thread).await?;
    let mut theo = stage.watch("Theo", &stage.theo.clone(), &thread).await?;
    let mut olga = stage.watch("Olga (office)", &stage.olga.clone(), &thread).await?;
    let question = "When will you be here?";
    stage.done("Customer", &format!("texts: {question}"), text(&stage.carrier, "1", question).await)?;
    for stream in [&mut tina, &mut theo, &mut olga] {
        stage.sees(stream, question).await?;
    }

    stage.scene("Tina replies, and everybody sees it");
    let reply = "In ten minutes.";
    stage.done("Tina", &format!("replies: {reply}"), send(&stage.tina, &thread, "tina-1", reply).await)?;
    for stream in [&mut tina, &mut theo, &mut olga] {
        stage.sees(stream, reply).await?;
    }
    let again = stage.done("Tina", "sends it again, with the same id", send(&stage.tina, &thread, "tina-1", reply).await)?;
    stage.same("Chat", "makes no second message", &true, &again.duplicate)?;

    stage.scene("Who may not, is told why");
    let list = chat::ListMessagesRequest { thread_id: thread.clone(), ..Default::default() };
    let read = stage.done("Vera (view only)", "reads the thread", stage.vera.threads().list_messages(list).await)?;
    stage.same("Vera (view only)", "finds both messages", &2, &read.messages.len())?;
    let refused = send(&stage.vera, &thread, "vera-1", "Hello!").await;
    stage.refused("Vera (view only)", "writes", "CHAT_PERMISSION_REQUIRED", refused)?;
    let start = chat::StartThreadRequest { job_id: "1002".into(), contact_number: CUSTOMER.into() };
    let refused = stage.tina.threads().start_thread(start).await;
    stage.refused("Tina", "starts a thread", "CALLER_NOT_ALLOWED", refused)?;

    stage.scene("Ada takes Tina's permissions away while her stream is open");
    stage.done("Ada (admin)", "takes both permissions away", set_permissions(&stage.admin, "tina", false, false).await)?;
    stage.ends(tina, chat::ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED").await?;
    stage.refused("Tina", "writes", "CHAT_PERMISSION_REQUIRED", send(&stage.tina, &thread, "tina-2", "Still here?").await)?;

    let thanks = "Thank you!";
    stage.done("Customer", &format!("texts: {thanks}"), text(&stage.carrier, "2", thanks).await)?;
    for stream in [&mut theo, &mut olga] {
        stage.sees(stream, thanks).await?;
    }

    stage.scene("Dispatch takes Theo off the job");
    stage.done("Dispatch", "unassigns Theo", unassign(&stage.dispatch, "theo").await)?;
    stage.ends(theo, chat::ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await
}

async fn set_up(stage: &mut Stage) -> Result<(), Failed> {
    stage.scene("A company comes to Crewline");
    let create = pb::CreateTenantRequest { tenant_id: stage.tenant.clone(), display_name: "Demo Plumbing".into() };
    let created = until_heard(async || stage.provision.tenants().create_tenant(create.clone()).await).await;
    stage.done("Provisioning", &format!("makes the tenant {}", stage.tenant), created)?;
    stage.done("Ada (admin)", "enables chat", enable_chat(&stage.admin).await)?;
    for (id, name, kind, view, full) in [
        ("olga", "Olga", pb::PersonKind::Office, true, true),
        ("tina", "Tina", pb::PersonKind::Technician, true, true),
        ("theo", "Theo", pb::PersonKind::Technician, true, true),
        ("vera", "Vera", pb::PersonKind::Technician, true, false),
    ] {
        stage.done("Ada (admin)", &format!("adds {name}"), create_person(&stage.admin, id, name, kind).await)?;
        let may = if full { "view and reply" } else { "view" };
        let set = set_permissions(&stage.admin, id, view, full).await;
        stage.done("Ada (admin)", &format!("lets {name} {may}"), set)?;
    }
    let assign = pb::AssignTechniciansRequest {
        job_id: JOB.into(),
        appointment_id: "1".into(),
        technician_ids: vec!["tina".into(), "theo".into(), "vera".into()],
        ..Default::default()
    };
    let assigned = stage.dispatch.dispatch().assign_technicians(assign).await;
    stage.done("Dispatch", &format!("assigns Tina, Theo and Vera to job {JOB}"), assigned)?;
    Ok(())
}

async fn start(stage: &mut Stage) -> Result<String, Failed> {
    stage.scene("The office starts the thread");
    let start = chat::StartThreadRequest { job_id: JOB.into(), contact_number: CUSTOMER.into() };
    let olga = stage.olga.clone();
    let started = until_heard(async || olga.threads().start_thread(start.clone()).await).await;
    let started = stage.done("Olga (office)", &format!("starts a thread about job {JOB}"), started)?;
    let again = olga.threads().start_thread(start).await;
    stage.refused("Olga (office)", "starts it again", "OPEN_THREAD_EXISTS", again)?;
    Ok(started.thread.unwrap_or_default().thread_id)
}

async fn text(carrier: &Party, id: &str, body: &str) -> Result<Response<chat::ReceiveMessageResponse>, Status> {
    let text = chat::ReceiveMessageRequest {
        provider: "demo".into(),
        provider_message_id: id.into(),
        contact_number: CUSTOMER.into(),
        body: body.into(),
    };
    carrier.carrier().receive_message(text).await
}

async fn send(party: &Party, thread: &str, id: &str, body: &str) -> Result<Response<chat::SendMessageResponse>, Status> {
    let send = chat::SendMessageRequest { thread_id: thread.into(), client_message_id: id.into(), body: body.into() };
    party.threads().send_message(send).await
}

async fn unassign(dispatch: &Party, technician: &str) -> Result<Response<pb::UnassignTechniciansResponse>, Status> {
    let unassign = pb::UnassignTechniciansRequest {
        job_id: JOB.into(),
        appointment_id: "1".into(),
        technician_ids: vec![technician.into()],
        ..Default::default()
    };
    dispatch.dispatch().unassign_technicians(unassign).await
}
