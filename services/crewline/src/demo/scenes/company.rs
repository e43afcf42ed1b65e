//! A company comes, and its office starts a thread.

use crewline_api::permissions::v1 as pb;

use super::{CUSTOMER, JOB, OTHER_JOB};
use crate::demo::Failed;
use crate::demo::calls;
use crate::demo::office::{create_person, enable_chat, set_permissions};
use crate::demo::stage::Stage;
use crate::party::until_heard;

/// The company, its people, and who is on which job.
pub async fn set_up(stage: &mut Stage) -> Result<(), Failed> {
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
        ("nils", "Nils", pb::PersonKind::Technician, true, true),
    ] {
        stage.done("Ada (admin)", &format!("adds {name}"), create_person(&stage.admin, id, name, kind).await)?;
        let may = if full { "view and reply" } else { "view" };
        let set = set_permissions(&stage.admin, id, view, full).await;
        stage.done("Ada (admin)", &format!("lets {name} {may}"), set)?;
    }
    for (job, ids, names) in [(JOB, vec!["tina", "theo", "vera"], "Tina, Theo and Vera"), (OTHER_JOB, vec!["nils"], "Nils")] {
        let assign = pb::AssignTechniciansRequest {
            job_id: job.into(),
            appointment_id: "1".into(),
            technician_ids: ids.into_iter().map(str::to_owned).collect(),
            ..Default::default()
        };
        let assigned = stage.dispatch.dispatch().assign_technicians(assign).await;
        stage.done("Dispatch", &format!("assigns {names} to job {job}"), assigned)?;
    }
    stage.switch_phone_on();
    Ok(())
}

/// The thread; gives its id.
pub async fn start(stage: &mut Stage) -> Result<String, Failed> {
    stage.scene("The office starts the thread; technicians cannot");
    let (olga, tina) = (stage.olga.clone(), stage.tina.clone());
    let started = until_heard(async || calls::start(&olga, CUSTOMER).await).await;
    let started = stage.done("Olga (office)", &format!("starts a thread about job {JOB}"), started)?;
    stage.refused("Olga (office)", "starts it again", "OPEN_THREAD_EXISTS", calls::start(&olga, CUSTOMER).await)?;
    stage.refused("Tina", "starts a thread", "CALLER_NOT_ALLOWED", calls::start(&tina, CUSTOMER).await)?;
    Ok(started.thread.unwrap_or_default().thread_id)
}
