//! A tenant with people, a job and a thread: what most tests begin with.

use crewline::demo::office::{create_person, enable_chat, set_permissions};
use crewline::party::{Pair, Party, until_heard};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::calls::try_messages;
use crate::refusals::reason_of;

pub const JOB: &str = "1001";
pub const CUSTOMER: &str = "+15550100123";

/// A tenant of one test alone. Olga works in the office with full access; tina and theo are technicians with full access, vera
/// may only view; all three are on the job, which has a thread with the customer.
pub struct Company {
    pub tenant: String,
    pub admin: Party,
    pub dispatch: Party,
    pub carrier: Party,
    pub olga: Party,
    pub tina: Party,
    pub theo: Party,
    pub vera: Party,
    pub thread: String,
}

impl Company {
    pub async fn open(callers: &Pair) -> Self {
        let (mut company, assigned) = Self::without_thread(callers).await;
        company.thread = company.start_thread(JOB, CUSTOMER).await;
        company.heard(assigned).await;
        company
    }

    /// The same, with no need for a chat service, and the revision that it is complete at.
    pub async fn without_thread(callers: &Pair) -> (Self, u64) {
        let tenant = format!("t{}", Uuid::new_v4().simple());
        let person = |kind, id| callers.person(kind, id, &tenant).expect("a token");
        let service = |scope| callers.service(scope, &tenant).expect("a token");
        let company = Self {
            admin: person("admin", "ada"),
            dispatch: service("dispatch"),
            carrier: service("carrier"),
            olga: person("office", "olga"),
            tina: person("technician", "tina"),
            theo: person("technician", "theo"),
            vera: person("technician", "vera"),
            thread: String::new(),
            tenant,
        };
        let create = pb::CreateTenantRequest { tenant_id: company.tenant.clone(), display_name: "Test".into() };
        service_of(callers, &company.tenant).tenants().create_tenant(create).await.expect("a tenant");
        enable_chat(&company.admin).await.expect("chat enabled");
        for (id, kind, full) in [
            ("olga", pb::PersonKind::Office, true),
            ("tina", pb::PersonKind::Technician, true),
            ("theo", pb::PersonKind::Technician, true),
            ("vera", pb::PersonKind::Technician, false),
        ] {
            create_person(&company.admin, id, id, kind).await.expect("a person");
            set_permissions(&company.admin, id, true, full).await.expect("permissions");
        }
        let assigned = company.assign("1", &["tina", "theo", "vera"]).await;
        (company, assigned)
    }

    /// Starts a thread, when the chat service has heard of the office.
    pub async fn start_thread(&self, job: &str, contact: &str) -> String {
        let start = chat::StartThreadRequest { job_id: job.into(), contact_number: contact.into(), ..Default::default() };
        let started = until_heard(async || self.olga.threads().start_thread(start.clone()).await).await.expect("started");
        started.into_inner().thread.expect("a thread").thread_id
    }

    /// Takes somebody on, with permissions of their own: to view, and for full access.
    pub async fn hire(&self, callers: &Pair, kind: pb::PersonKind, id: &str, (view, full): (bool, bool)) -> Party {
        create_person(&self.admin, id, id, kind).await.expect("a person");
        self.heard(self.permit(id, view, full).await).await;
        let kind = if kind == pb::PersonKind::Office { "office" } else { "technician" };
        callers.person(kind, id, &self.tenant).expect("a token")
    }

    pub async fn assign(&self, appointment: &str, technicians: &[&str]) -> u64 {
        self.assign_to(JOB, appointment, technicians).await
    }

    pub async fn assign_to(&self, job: &str, appointment: &str, technicians: &[&str]) -> u64 {
        let assign = pb::AssignTechniciansRequest {
            job_id: job.into(),
            appointment_id: appointment.into(),
            technician_ids: technicians.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let assigned = self.dispatch.dispatch().assign_technicians(assign).await.expect("assigned");
        assigned.into_inner().receipt.expect("a receipt").revision
    }

    pub async fn unassign(&self, appointment: &str, technicians: &[&str]) -> u64 {
        self.unassign_from(JOB, appointment, technicians).await
    }

    pub async fn unassign_from(&self, job: &str, appointment: &str, technicians: &[&str]) -> u64 {
        let unassign = pb::UnassignTechniciansRequest {
            job_id: job.into(),
            appointment_id: appointment.into(),
            technician_ids: technicians.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        let unassigned = self.dispatch.dispatch().unassign_technicians(unassign).await.expect("unassigned");
        unassigned.into_inner().receipt.expect("a receipt").revision
    }

    /// The customer texts.
    pub async fn text(&self, id: &str, body: &str) -> chat::ReceiveMessageResponse {
        try_text(&self.carrier, id, body).await.expect("received")
    }

    /// The messages of the thread, as the office sees them.
    pub async fn messages(&self) -> Vec<chat::Message> {
        messages_of(&self.olga, &self.thread).await
    }
}

fn service_of(callers: &Pair, tenant: &str) -> Party {
    callers.service("provision", tenant).expect("a token")
}

pub async fn try_text(carrier: &Party, id: &str, body: &str) -> Result<chat::ReceiveMessageResponse, Status> {
    try_text_from(carrier, CUSTOMER, id, body).await
}

/// Somebody with this number texts.
pub async fn try_text_from(carrier: &Party, contact: &str, id: &str, body: &str) -> Result<chat::ReceiveMessageResponse, Status> {
    let text = chat::ReceiveMessageRequest {
        provider: "test".into(),
        provider_message_id: id.into(),
        contact_number: contact.into(),
        body: body.into(),
        ..Default::default()
    };
    Ok(carrier.carrier().receive_message(text).await?.into_inner())
}

/// Somebody sends.
pub async fn try_send(party: &Party, thread: &str, id: &str, body: &str) -> Result<chat::SendMessageResponse, Status> {
    let send = chat::SendMessageRequest {
        thread_id: thread.into(),
        client_message_id: id.into(),
        body: body.into(),
        ..Default::default()
    };
    Ok(party.threads().send_message(Request::new(send)).await?.into_inner())
}

/// All messages of a thread, page by page.
pub async fn messages_of(party: &Party, thread: &str) -> Vec<chat::Message> {
    try_messages(party, thread).await.expect("messages")
}

/// The reason of a refusal; what was answered, if it was none.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> String {
    result.map_or_else(|status| reason_of(&status), |answer| format!("not refused: {answer:?}"))
}
