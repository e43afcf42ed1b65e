//! What operators are told: no body and no number is in it.

use std::time::Duration;

use chassis::ids::is_external_id;
use chassis::refusal::Refusal;
use crewline_api::chat::v1 as pb;
use crewline_api::errors::v1::ErrorReason;
use crewline_api::permissions::v1::ExplainAccessResponse;

use super::timestamp;
use crate::access::Explained;
use crate::access::guard::Denial;
use crate::error::Error;
use crate::model::{Thread, ThreadState};
use crate::store::entities::operator_reads;
use crate::streams::{Kind, OpenStream};

/// Whose streams, or everybody's.
pub fn holder(field: &str, text: &str) -> Result<String, Refusal> {
    let fits = text.is_empty() || is_external_id(text);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Refusal::invalid(field, "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -, or empty"))
    }
}

/// Why a person sees a thread, or not.
pub fn explained(
    thread: &Thread,
    explained: &Explained,
    permissions: Result<ExplainAccessResponse, String>,
) -> pb::ExplainThreadResponse {
    let refusal = |judged: &Result<(), Denial>| match judged {
        Ok(()) => ErrorReason::Unspecified,
        Err(denial) => Refusal::from(Error::from(*denial)).reason(),
    };
    let (permissions, permissions_unavailable) = match permissions {
        Ok(answer) => (Some(answer), String::new()),
        Err(why) => (None, why),
    };
    pb::ExplainThreadResponse {
        job_id: super::job_id(thread.job.as_ref()),
        closed: thread.state == ThreadState::Closed,
        read_refusal: refusal(&explained.read).into(),
        write_refusal: refusal(&explained.write).into(),
        why: why(explained),
        node_revision: explained.revision,
        lease_left: prost_types::Duration::try_from(explained.lease_left).ok(),
        permissions,
        permissions_unavailable,
    }
}

fn why(explained: &Explained) -> String {
    if explained.lease_left == Duration::ZERO {
        return "this node does not know who may see what: it hands nothing out".to_owned();
    }
    explained.read.and(explained.write).err().map_or_else(String::new, |denial| words(denial).to_owned())
}

/// A denial in words for an operator, who may know more than the person.
fn words(denial: Denial) -> &'static str {
    match denial {
        Denial::TenantNotAllowed => "the tenant is closed",
        Denial::PersonInactive => "the person is unknown, inactive, or a technician without mobile access",
        Denial::ChatDisabled => "chat is not enabled for the tenant",
        Denial::LevelTooLow => "the person lacks the permission",
        Denial::NoThread => "there is no such thread",
        Denial::NotOnJob => "the technician is on no appointment of the thread's job",
        Denial::JobEnded => "the job has ended, and the tenant's policy hides it then",
        Denial::HiddenWhenClosed => "the thread is closed: technicians do not see it",
        Denial::ThreadClosed => "the thread is closed: nobody writes into it",
    }
}

/// A stream that is open.
pub fn open_stream(open: &OpenStream) -> pb::OpenStream {
    let (kind, thread_id) = match open.kind {
        Kind::Thread(thread) => (pb::StreamKind::Thread, thread.to_string()),
        Kind::Inbox => (pb::StreamKind::Inbox, String::new()),
        Kind::Outbound => (pb::StreamKind::Outbound, String::new()),
    };
    let (at_seq, head_seq) = open.stands();
    pb::OpenStream {
        kind: kind.into(),
        holder_id: open.holder.id().to_owned(),
        thread_id,
        open_time: Some(timestamp(open.opened_at)),
        frames: open.frames(),
        at_seq,
        head_seq,
        holding: open.is_holding(),
    }
}

/// What an operator looked at.
pub fn read(read: operator_reads::Model) -> pb::OperatorRead {
    pb::OperatorRead {
        operator_id: read.operator_id,
        rpc: read.rpc,
        about: read.about,
        reason: read.reason,
        read_time: Some(timestamp(read.read_at)),
    }
}
