//! Every message that somebody was shown, on a stream or in an answer.

use crate::history::{History, Nanos};
use crate::switches::{Switches, Turns};
use crate::verdict::Event;

/// Somebody was shown a message.
pub(crate) struct Sighting<'a> {
    pub event: Event,
    /// Who was shown it.
    pub viewer: Viewer,
    pub message: &'a str,
    pub received: Nanos,
}

/// Whose sighting it is: a subscription, or a read.
#[derive(Clone, Copy)]
pub(crate) enum Viewer {
    Subscription(usize),
    Read(usize),
}

/// What has to be on for each viewer.
pub(crate) struct Views<'a> {
    subscriptions: Vec<Vec<&'a Turns>>,
    reads: Vec<Vec<&'a Turns>>,
}

/// All sightings.
pub(crate) fn sightings(history: &History) -> impl Iterator<Item = Sighting<'_>> {
    let delivered = history.deliveries.iter().enumerate().map(|(at, delivery)| Sighting {
        event: Event::Delivery(at),
        viewer: Viewer::Subscription(history.streams[delivery.stream].subscription),
        message: &delivery.message,
        received: delivery.received,
    });
    let read = history.reads.iter().enumerate().flat_map(|(at, read)| {
        read.messages.iter().map(move |message| Sighting {
            event: Event::Read(at),
            viewer: Viewer::Read(at),
            message,
            received: read.answered,
        })
    });
    delivered.chain(read)
}

impl<'a> Views<'a> {
    pub fn of(history: &'a History, switches: &'a Switches<'a>) -> Self {
        let job = |thread: usize| Some(history.threads[thread].job.as_str());
        let subscriptions = history.subscriptions.iter();
        let subscriptions = subscriptions.map(|watcher| switches.to_see(&watcher.person, job(watcher.thread))).collect();
        let reads = history.reads.iter().map(|read| switches.to_see(&read.person, job(read.thread))).collect();
        Self { subscriptions, reads }
    }

    pub fn of_viewer(&self, viewer: Viewer) -> &[&'a Turns] {
        match viewer {
            Viewer::Subscription(at) => &self.subscriptions[at],
            Viewer::Read(at) => &self.reads[at],
        }
    }
}
