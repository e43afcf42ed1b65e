//! G3 as clients see it: to whoever asks after the revocation's call has returned, nothing is told, old or new.

use crate::history::History;
use crate::sightings::{Viewer, Views};
use crate::switches::{Switches, Turns, off_from_to};
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each stream that opened, each delivery, and each answer to a read.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::new(Rule::Asking);
    let switches = Switches::of(history);
    let mut look = |turns: &[&Turns], asked, told, event: Event, of: Option<Event>| {
        verdict.judged += 1;
        if let Some(change) = off_from_to(turns, asked, told) {
            verdict.find([event, Event::Change(change)].into_iter().chain(of).collect::<Vec<_>>());
        }
    };
    let views = Views::of(history, &switches);
    let watching = |stream: usize| views.of_viewer(Viewer::Subscription(history.streams[stream].subscription));
    for (at, stream) in history.streams.iter().enumerate() {
        if let Some(opened) = stream.opened {
            look(watching(at), stream.asked, opened, Event::Stream(at), None);
        }
    }
    for (at, delivery) in history.deliveries.iter().enumerate() {
        let (asked, of) = (history.streams[delivery.stream].asked, Event::Stream(delivery.stream));
        look(watching(delivery.stream), asked, delivery.received, Event::Delivery(at), Some(of));
    }
    for (at, read) in history.reads.iter().enumerate() {
        look(views.of_viewer(Viewer::Read(at)), read.asked, read.answered, Event::Read(at), None);
    }
    verdict
}
