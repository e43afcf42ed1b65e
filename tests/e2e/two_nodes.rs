//! A revocation with two nodes of the chat service, each with a database of its own.

use crewline_api::permissions::v1 as pb;

use crate::apart::Apart;
use crate::company::Company;
use crate::switchboard::{Cause, Switchboard};
use crate::waiting::until;

#[tokio::test]
async fn a_revocation_is_confirmed_by_every_node_and_only_the_silent_one_is_waited_out() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let direct = apart.permissions.endpoints.permissions.expect("permissions");
    let _second = apart.another_node(direct).await;
    let operator = apart.callers().await.person("operator", "op", &company.tenant).expect("a token");
    until("two nodes with a lease", async || {
        let listed = operator.access().list_nodes(pb::ListNodesRequest {}).await.expect("the nodes").into_inner();
        let ready = listed.nodes.iter().filter(|node| node.lease_expire_time.is_some() && node.lag == 0);
        (ready.count() == 2).then_some(())
    })
    .await;

    let board = Switchboard::of(&company);
    assert_eq!(board.turn(&Cause::Permissions("tina".into()), false).await, (2, 0), "confirmed, waited out");
    apart.wire.cut();
    assert_eq!(board.turn(&Cause::Permissions("theo".into()), false).await, (1, 1), "confirmed, waited out");
}
