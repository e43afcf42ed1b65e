//! Every instrument of this service.

use opentelemetry::metrics::{Counter, Meter, UpDownCounter};

/// The instruments. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Decisions that were asked for, by `allowed`.
    pub decisions: Counter<u64>,
    /// Nodes of the chat service that watch the feed now.
    pub watches: UpDownCounter<i64>,
    /// Changes sent to nodes.
    pub changes_sent: Counter<u64>,
}

impl Metrics {
    /// Makes the instruments.
    pub fn new(meter: &Meter) -> Self {
        Self {
            decisions: meter
                .u64_counter("crewline.permissions.decisions")
                .with_description("Access decisions that were asked for")
                .with_unit("{decision}")
                .build(),
            watches: meter
                .i64_up_down_counter("crewline.permissions.watches")
                .with_description("Open access watches")
                .with_unit("{stream}")
                .build(),
            changes_sent: meter
                .u64_counter("crewline.permissions.changes_sent")
                .with_description("Changes sent on access watches")
                .with_unit("{change}")
                .build(),
        }
    }
}
