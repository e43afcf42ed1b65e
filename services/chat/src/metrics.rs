//! Every instrument of this service.

use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

/// The instruments. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Messages that were committed.
    pub messages: Counter<u64>,
    /// Events that were handed out on streams.
    pub events_delivered: Counter<u64>,
    /// Pages of events that streams read from the store: catch-up, and watchers that stalled.
    pub store_pages: Counter<u64>,
    /// Reads that inbox streams made.
    pub inbox_reads: Counter<u64>,
    /// Statements that the database executed.
    pub statements: Counter<u64>,
    /// Times that a stream began to hold because access was not known.
    pub holds: Counter<u64>,
    /// From the commit of an event to its hand-over to a stream that had caught up.
    pub commit_to_yield: Histogram<f64>,
    streams: UpDownCounter<i64>,
}

/// Counts a stream while it is open.
#[derive(Debug)]
pub struct OpenStream(UpDownCounter<i64>);

impl Metrics {
    /// Makes the instruments.
    pub fn new(meter: &Meter) -> Self {
        Self {
            messages: meter
                .u64_counter("crewline.chat.messages")
                .with_description("Messages that were committed")
                .with_unit("{message}")
                .build(),
            events_delivered: meter
                .u64_counter("crewline.chat.events_delivered")
                .with_description("Events that were handed out on streams")
                .with_unit("{event}")
                .build(),
            store_pages: meter
                .u64_counter("crewline.chat.store_pages")
                .with_description("Pages of events that streams read from the store")
                .with_unit("{page}")
                .build(),
            inbox_reads: meter
                .u64_counter("crewline.chat.inbox_reads")
                .with_description("Reads that inbox streams made")
                .with_unit("{read}")
                .build(),
            statements: meter
                .u64_counter("crewline.chat.statements")
                .with_description("Statements that the database executed")
                .with_unit("{statement}")
                .build(),
            holds: meter
                .u64_counter("crewline.chat.holds")
                .with_description("Times that a stream began to hold because access was not known")
                .with_unit("{hold}")
                .build(),
            commit_to_yield: meter
                .f64_histogram("crewline.chat.commit_to_yield")
                .with_description("Time from the commit of an event to its hand-over to a stream that had caught up")
                .with_unit("s")
                .with_boundaries(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
                .build(),
            streams: meter
                .i64_up_down_counter("crewline.chat.streams")
                .with_description("Open streams")
                .with_unit("{stream}")
                .build(),
        }
    }

    /// One more stream is open.
    pub fn open_stream(&self) -> OpenStream {
        self.streams.add(1, &[]);
        OpenStream(self.streams.clone())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}
