//! What the administrator and the dispatch system change in a company. Each change tells its revision.

use std::time::{Duration, Instant};

use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use crewline::demo::office::set_permissions;
use crewline::party::{Party, until_heard};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use prost_types::FieldMask;
use uuid::Uuid;

use crate::company::{Company, JOB};
use crate::reader::Reader;
use crate::running::PATIENCE;
use crate::waiting::when_known;

pub const VIEW: &str = "view_customer_chats";
pub const FULL: &str = "allow_full_access_to_customer_chats";
pub const WHY: &str = "a test";

pub fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

pub fn revision_of(receipt: Option<pb::ChangeReceipt>) -> u64 {
    receipt.expect("a receipt").revision
}

impl Company {
    pub async fn set_chat(&self, chat_enabled: bool) -> u64 {
        self.set_settings(pb::TenantSettings { chat_enabled, ..Default::default() }, "chat_enabled").await
    }

    pub async fn set_policy(&self, policy: pb::AccessAfterJobEnd) -> u64 {
        let settings = pb::TenantSettings { technician_access_after_job_end: policy.into(), ..Default::default() };
        self.set_settings(settings, "technician_access_after_job_end").await
    }

    async fn set_settings(&self, settings: pb::TenantSettings, path: &str) -> u64 {
        let update = pb::UpdateTenantSettingsRequest {
            settings: Some(settings),
            update_mask: mask(&[path]),
            reason: WHY.into(),
            ..Default::default()
        };
        let updated = self.admin.directory().update_tenant_settings(update).await.expect("updated");
        revision_of(updated.into_inner().receipt)
    }

    /// Sets the defaults of a role.
    pub async fn set_role(&self, role: &str, view: bool, full: bool) -> u64 {
        let role = pb::Role {
            role_id: role.into(),
            view_customer_chats: view,
            allow_full_access_to_customer_chats: full,
            ..Default::default()
        };
        let update = pb::UpdateRoleRequest {
            role: Some(role),
            update_mask: mask(&[VIEW, FULL]),
            reason: WHY.into(),
            ..Default::default()
        };
        revision_of(self.admin.directory().update_role(update).await.expect("updated").into_inner().receipt)
    }

    /// Sets both of a person's own permissions.
    pub async fn permit(&self, person: &str, view: bool, full: bool) -> u64 {
        let updated = set_permissions(&self.admin, person, view, full).await.expect("updated");
        revision_of(updated.into_inner().receipt)
    }

    pub async fn reset(&self, person: &str) -> u64 {
        let reset = pb::ResetToRoleRequest { person_id: person.into(), reason: WHY.into(), ..Default::default() };
        revision_of(self.admin.directory().reset_to_role(reset).await.expect("reset").into_inner().receipt)
    }

    /// Changes one field of a person.
    pub async fn set_person(&self, person: pb::Person, path: &str) -> u64 {
        let update = pb::UpdatePersonRequest {
            person: Some(person),
            update_mask: mask(&[path]),
            reason: WHY.into(),
            ..Default::default()
        };
        revision_of(self.admin.directory().update_person(update).await.expect("updated").into_inner().receipt)
    }

    pub async fn set_active(&self, person: &str, active: bool) -> u64 {
        self.set_person(pb::Person { person_id: person.into(), active, ..Default::default() }, "active").await
    }

    pub async fn set_mobile_access(&self, person: &str, mobile_access: bool) -> u64 {
        self.set_person(pb::Person { person_id: person.into(), mobile_access, ..Default::default() }, "mobile_access").await
    }

    pub async fn report_job(&self, status: pb::JobStatus) -> u64 {
        let report = pb::ReportJobStatusRequest { job_id: JOB.into(), status: status.into(), ..Default::default() };
        revision_of(self.dispatch.dispatch().report_job_status(report).await.expect("reported").into_inner().receipt)
    }

    /// Changes one field of an assignment to the first appointment.
    pub async fn set_assignment(&self, technician: &str, new: pb::AppointmentAssignment, path: &str) -> u64 {
        let assignment =
            pb::AppointmentAssignment { job_id: JOB.into(), appointment_id: "1".into(), technician_id: technician.into(), ..new };
        let update =
            pb::UpdateAssignmentRequest { assignment: Some(assignment), update_mask: mask(&[path]), ..Default::default() };
        revision_of(self.dispatch.dispatch().update_assignment(update).await.expect("updated").into_inner().receipt)
    }

    /// Waits until the chat service judges by the facts of this revision: it tells Olga which one it has.
    pub async fn heard(&self, revision: u64) {
        let began = Instant::now();
        loop {
            let open = async || Reader::try_open_at(&self.olga, &self.thread, Position::AfterSeq(0)).await;
            let mut stream = when_known(open).await.expect("a stream");
            let heard = stream.until(|frame| if let Frame::Opened(opened) = frame { Some(opened.access_revision) } else { None });
            if heard.await >= revision {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the chat service does not hear of revision {revision}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The customer texts, and the stream brings it.
    pub async fn assert_reaches(&self, reader: &mut Reader, text: &str) {
        let received = self.text(&Uuid::new_v4().to_string(), text).await;
        reader.read_to(received.seq).await;
        assert_eq!(reader.bodies.last().map(String::as_str), Some(text));
    }

    /// Opens a stream from the beginning, when the chat service has heard that the person may.
    pub async fn watch(&self, party: &Party) -> Reader {
        let open = async || Reader::try_open_at(party, &self.thread, Position::AfterSeq(0)).await;
        until_heard(open).await.expect("a stream")
    }
}
