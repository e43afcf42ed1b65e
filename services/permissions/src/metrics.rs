//! Every instrument of this service.

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter};

/// From a round to a node nearby to the longest lease.
const IN_FORCE_SECONDS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 60.0];

/// The instruments. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Decisions that were asked for, by `allowed`.
    pub decisions: Counter<u64>,
    /// Nodes of the chat service that watch the feed now.
    pub watches: UpDownCounter<i64>,
    /// Changes sent to nodes.
    pub changes_sent: Counter<u64>,
    /// From the commit of a change that takes access away until it was in force.
    pub in_force: Histogram<f64>,
    /// Changes that wait for nodes now.
    pub unfinished: Gauge<u64>,
    /// Nodes that did not confirm a change until their lease had run out.
    pub nodes_waited_out: Counter<u64>,
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
            in_force: meter
                .f64_histogram("crewline.permissions.in_force")
                .with_description("Time from the commit of a change that takes access away until it was in force")
                .with_unit("s")
                .with_boundaries(IN_FORCE_SECONDS.to_vec())
                .build(),
            unfinished: meter
                .u64_gauge("crewline.permissions.unfinished")
                .with_description("Changes that are committed and wait for nodes to be in force")
                .with_unit("{change}")
                .build(),
            nodes_waited_out: meter
                .u64_counter("crewline.permissions.nodes_waited_out")
                .with_description("Nodes that did not confirm a change until their lease had run out")
                .with_unit("{node}")
                .build(),
        }
    }
}
