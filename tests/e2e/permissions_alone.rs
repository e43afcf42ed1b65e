//! The permissions service alone, so that a test is the only node of the chat service.

use std::time::Duration;

use crewline_api::permissions::v1 as pb;
use pb::audit_service_client::AuditServiceClient;
use tonic::{Request, Status};

use crate::changes::{FULL, VIEW, WHY, mask};
use crate::company::Company;
use crate::node::Node;
use crate::refusals::reason_of;
use crate::running::Running;
use crate::tokens::{Mint, with_token};
use crate::waiting::until;

/// Longer than any test.
pub const LONG_LEASE: &str = "60000";
/// Long enough to do something within it, and short enough to wait for its end.
pub const SHORT_LEASE: &str = "1000";
pub const SHORT: Duration = Duration::from_millis(1_000);
/// A deadline that a change which waits for a long lease does not meet.
pub const SOON: Duration = Duration::from_millis(300);
/// The longest that a call may wait, for what a loaded machine may need before it lets a change go.
const LONGEST: Duration = Duration::from_secs(30);

/// A company, and the process that it is in.
pub struct Alone {
    pub running: Running,
    pub company: Company,
    pub mint: Mint,
}

impl Alone {
    pub async fn with_lease_of(millis: &str) -> Self {
        Self::with(&[("CREWLINE_PERMISSIONS__LEASE_MILLIS", millis)]).await
    }

    /// With this configuration.
    pub async fn with(configuration: &[(&str, &str)]) -> Self {
        let running = Running::start("permissions", configuration).await;
        let (company, _) = Company::without_thread(&running.callers().await).await;
        let mint = Mint::of(&running);
        Self { running, company, mint }
    }

    /// A node that watches the company, and holds a lease.
    pub async fn node(&self) -> Node {
        Node::with_lease(&self.mint, &[&self.company.tenant]).await
    }

    /// Takes tina's access away, and waits for it.
    pub async fn revoke(&self) -> Result<pb::ChangeReceipt, Status> {
        update(&self.company, &self.revocation(), None).await
    }

    /// The same with the key of all who repeat it, and with all the time that there is.
    pub async fn revoke_with_patience(&self) -> Result<pb::ChangeReceipt, Status> {
        update(&self.company, &self.revocation(), Some(LONGEST)).await
    }

    /// The same without a key: a second call is another change, or none.
    pub async fn revoke_anew(&self) -> Result<pb::ChangeReceipt, Status> {
        update(&self.company, &permissions("tina", false, ""), Some(LONGEST)).await
    }

    /// Takes tina's access away, and gives up before that can be in force.
    pub async fn revoke_in_haste(&self) {
        self.give_up(&self.revocation()).await;
    }

    /// Sets what somebody may do, and waits for it.
    pub async fn permit(&self, person: &str, may: bool) -> Result<pb::ChangeReceipt, Status> {
        update(&self.company, &permissions(person, may, ""), None).await
    }

    /// Sets what somebody may do, which has to wait, and gives up before that can be in force.
    pub async fn permit_in_haste(&self, person: &str, may: bool) {
        self.give_up(&permissions(person, may, "")).await;
    }

    /// Calls until the service has told that the deadline was too short: the client's own timer may be faster.
    async fn give_up(&self, request: &pb::UpdatePermissionsRequest) {
        until("the service refuses", async || {
            let status = update(&self.company, request, Some(SOON)).await.expect_err("nothing to wait for");
            (!status.details().is_empty()).then(|| assert_eq!(reason_of(&status), "DEADLINE"))
        })
        .await;
    }

    fn revocation(&self) -> pb::UpdatePermissionsRequest {
        permissions("tina", false, "revoke")
    }

    pub async fn audited(&self, revision: u64) -> Result<pb::Change, Status> {
        let mut audit = AuditServiceClient::new(self.mint.permissions.clone());
        let get = pb::GetChangeRequest { revision };
        let found = audit.get_change(with_token(&self.company.admin.token, get)).await?;
        Ok(found.into_inner().change.expect("a change"))
    }

    pub async fn is_in_force(&self, revision: u64) -> bool {
        self.audited(revision).await.expect("a change").in_force_time.is_some()
    }
}

fn permissions(person: &str, may: bool, key: &str) -> pb::UpdatePermissionsRequest {
    pb::UpdatePermissionsRequest {
        person_id: person.into(),
        view_customer_chats: may,
        allow_full_access_to_customer_chats: may,
        update_mask: mask(&[VIEW, FULL]),
        reason: WHY.into(),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

async fn update(
    company: &Company,
    request: &pb::UpdatePermissionsRequest,
    deadline: Option<Duration>,
) -> Result<pb::ChangeReceipt, Status> {
    let mut update = Request::new(request.clone());
    if let Some(deadline) = deadline {
        update.set_timeout(deadline);
    }
    let updated = company.admin.directory().update_permissions(update).await?;
    Ok(updated.into_inner().receipt.expect("a receipt"))
}
