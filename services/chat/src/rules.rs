//! What an operator can set of this service's rules.

use std::time::Duration;

use crate::store::outbound::HandOut;

/// How customers' texts are treated, and texts to them.
#[derive(Clone, Debug)]
pub struct Rules {
    /// A text opens a closed thread again for so long (choice A9).
    pub reopen_within: Duration,
    /// How texts are handed to the gateway.
    pub hand_out: HandOut,
    /// Streams that one person or service may hold on a node.
    pub streams_per_person: usize,
    /// Where attachments are fetched: what stands before their ids.
    pub attachments_url: String,
}
