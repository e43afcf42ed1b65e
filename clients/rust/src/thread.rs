//! The stream of a thread.

use crewline_api::chat::v1 as pb;
use pb::watch_thread_response::Frame;
use tonic::{Status, Streaming};

pub use pb::watch_thread_request::Position;

use crate::client::Client;
use crate::subscription::{Source, Taken};

/// What the stream of a thread tells. Cursors are for whoever goes on later, in another process.
#[derive(Clone, Debug, PartialEq)]
pub enum ThreadNews {
    /// The stream is open, again after each interruption.
    Opened(pb::Opened),
    /// What happened: each event once, in order, none missing.
    Events(pb::EventBatch),
    /// The newest event has been told; live from here.
    CaughtUp(pb::CaughtUp),
    /// Nothing new: every 25 s at most. After `Holding`, anything but that means that access is known again.
    Progress(pb::Progress),
    /// Who else is here: a hint, which may be lost.
    Presence(pb::Presence),
    /// Nothing is told for now, because the service does not know who may see it.
    Holding,
    /// Drop what you hold of the thread: it comes again from the first event that is available.
    Reset(pb::Reset),
}

/// A thread, read up to some event.
pub(crate) struct ThreadSource {
    pub(crate) client: Client,
    pub(crate) thread: Reading,
}

#[derive(Debug)]
pub(crate) struct Reading {
    thread_id: String,
    viewing: bool,
    position: Position,
    /// The number of the newest event, once it is known; 0 before the first.
    newest: Option<u64>,
    /// The application was told so last.
    somebody_is_here: bool,
}

impl Source for ThreadSource {
    type Frame = pb::WatchThreadResponse;
    type News = ThreadNews;
    type Frames = Streaming<pb::WatchThreadResponse>;

    async fn open(&mut self) -> Result<Self::Frames, Status> {
        Ok(self.client.threads().watch_thread(self.thread.request()).await?.into_inner())
    }

    fn take(&mut self, response: pb::WatchThreadResponse) -> Taken<ThreadNews> {
        self.thread.take(response)
    }
}

impl Reading {
    pub(crate) fn new(thread_id: String, viewing: bool, position: Position) -> Self {
        let newest = if position == Position::AfterSeq(0) { Some(0) } else { None };
        Self { thread_id, viewing, position, newest, somebody_is_here: false }
    }

    fn request(&self) -> pb::WatchThreadRequest {
        let (thread_id, position) = (self.thread_id.clone(), Some(self.position.clone()));
        pb::WatchThreadRequest { thread_id, position, viewing: self.viewing, ..Default::default() }
    }

    fn take(&mut self, response: pb::WatchThreadResponse) -> Taken<ThreadNews> {
        let news = match response.frame {
            Some(Frame::Opened(opened)) => ThreadNews::Opened(opened),
            Some(Frame::Events(batch)) => return self.take_events(batch),
            Some(Frame::CaughtUp(caught_up)) => {
                self.go_to(&caught_up.cursor);
                // A new stream tells who is here, but not that nobody is.
                let forgotten = std::mem::take(&mut self.somebody_is_here).then(|| ThreadNews::Presence(pb::Presence::default()));
                return Taken::News([ThreadNews::CaughtUp(caught_up)].into_iter().chain(forgotten).collect());
            }
            Some(Frame::Progress(progress)) => {
                self.go_to(&progress.cursor);
                ThreadNews::Progress(progress)
            }
            Some(Frame::Presence(presence)) => {
                self.somebody_is_here = !presence.people.is_empty();
                ThreadNews::Presence(presence)
            }
            Some(Frame::Holding(_)) => ThreadNews::Holding,
            Some(Frame::Reset(reset)) => {
                let before = reset.first_available_seq.saturating_sub(1);
                self.position = Position::AfterSeq(before);
                // What lies before the first event that is available may still be named as its predecessor.
                self.newest = (before == 0).then_some(0);
                ThreadNews::Reset(reset)
            }
            Some(Frame::Closing(closing)) => {
                self.go_to(&closing.cursor);
                return Taken::Farewell(closing.into());
            }
            // Of a newer service.
            None => return Taken::News(Vec::new()),
        };
        Taken::News(vec![news])
    }

    fn take_events(&mut self, mut batch: pb::EventBatch) -> Taken<ThreadNews> {
        let mut newest = self.newest;
        let mut gap = None;
        batch.events.retain(|event| {
            if newest.is_some_and(|newest| event.seq <= newest) {
                return false;
            }
            if newest.is_some_and(|newest| event.prev_seq != newest) {
                gap.get_or_insert((newest, event.seq, event.prev_seq));
            }
            newest = Some(event.seq);
            true
        });
        if let Some((newest, seq, prev_seq)) = gap {
            let newest = newest.unwrap_or_default();
            return Taken::Misfit(format!("event {seq} follows {prev_seq}, and the newest event here is {newest}"));
        }
        self.newest = newest;
        self.go_to(&batch.cursor);
        if batch.events.is_empty() { Taken::News(Vec::new()) } else { Taken::News(vec![ThreadNews::Events(batch)]) }
    }

    fn go_to(&mut self, cursor: &str) {
        if !cursor.is_empty() {
            self.position = Position::Cursor(cursor.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(events: &[(u64, u64)], cursor: &str) -> pb::WatchThreadResponse {
        let events = events.iter().map(|&(prev_seq, seq)| pb::Event { seq, prev_seq, ..Default::default() }).collect();
        frame(Frame::Events(pb::EventBatch { events, cursor: cursor.into() }))
    }

    fn frame(frame: Frame) -> pb::WatchThreadResponse {
        pb::WatchThreadResponse { frame: Some(frame) }
    }

    /// The numbers of the events that the application gets.
    fn taken(reading: &mut Reading, response: pb::WatchThreadResponse) -> Option<Vec<u64>> {
        match reading.take(response) {
            Taken::News(news) => Some(
                news.into_iter()
                    .flat_map(|news| if let ThreadNews::Events(batch) = news { batch.events } else { Vec::new() })
                    .map(|event| event.seq)
                    .collect(),
            ),
            Taken::Misfit(_) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_came_before_is_dropped_and_what_is_missing_is_noticed() {
        let mut reading = Reading::new("t".into(), false, Position::AfterSeq(0));
        assert_eq!(taken(&mut reading, batch(&[(0, 1), (1, 2)], "a")), Some(vec![1, 2]));
        assert_eq!(taken(&mut reading, batch(&[(1, 2), (2, 4)], "b")), Some(vec![4]), "3 is for another audience");
        assert_eq!(taken(&mut reading, batch(&[(4, 4)], "c")), Some(vec![]));
        assert_eq!(taken(&mut reading, batch(&[(4, 5), (6, 7)], "d")), None, "6 is missing");
        assert_eq!(reading.request().position, Some(Position::Cursor("c".into())), "nothing of the batch was taken");
        assert_eq!(taken(&mut reading, batch(&[(4, 5), (5, 6)], "e")), Some(vec![5, 6]));
    }

    #[test]
    fn who_was_here_is_forgotten_when_the_next_stream_has_caught_up() {
        let mut reading = Reading::new("t".into(), false, Position::AfterSeq(0));
        let caught_up = || frame(Frame::CaughtUp(pb::CaughtUp { cursor: "c".into(), ..Default::default() }));
        let told = |reading: &mut Reading, response| match reading.take(response) {
            Taken::News(news) => news.into_iter().filter(|news| matches!(news, ThreadNews::Presence(_))).count(),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(&mut reading, caught_up()), 0);
        let somebody = pb::Presence { people: vec![pb::Present::default()] };
        assert_eq!(told(&mut reading, frame(Frame::Presence(somebody))), 1);
        assert_eq!((told(&mut reading, caught_up()), told(&mut reading, caught_up())), (1, 0));
    }

    #[test]
    fn a_beginning_in_the_middle_is_taken_as_it_comes() {
        for position in [Position::Cursor("c".into()), Position::AfterSeq(5)] {
            let mut reading = Reading::new("t".into(), false, position.clone());
            assert_eq!(reading.request().position, Some(position));
            assert_eq!(taken(&mut reading, batch(&[(4, 6)], "d")), Some(vec![6]), "5 is for another audience");
            assert_eq!(taken(&mut reading, batch(&[(7, 8)], "e")), None);
        }
    }

    #[test]
    fn after_a_reset_the_thread_comes_from_the_first_event_that_is_available() {
        let mut reading = Reading::new("t".into(), false, Position::Cursor("old".into()));
        taken(&mut reading, batch(&[(8, 9)], "newer"));
        taken(&mut reading, frame(Frame::Reset(pb::Reset { first_available_seq: 1, ..Default::default() })));
        assert_eq!(reading.request().position, Some(Position::AfterSeq(0)));
        assert_eq!(taken(&mut reading, batch(&[(1, 2)], "x")), None, "1 is missing");
        assert_eq!(taken(&mut reading, batch(&[(0, 1)], "y")), Some(vec![1]));

        taken(&mut reading, frame(Frame::Reset(pb::Reset { first_available_seq: 5, ..Default::default() })));
        assert_eq!(reading.request().position, Some(Position::AfterSeq(4)));
        assert_eq!(taken(&mut reading, batch(&[(4, 5)], "z")), Some(vec![5]));
    }

    #[test]
    fn every_frame_with_a_cursor_moves_the_position() {
        let mut reading = Reading::new("t".into(), false, Position::AfterSeq(0));
        for (number, next) in [
            Frame::CaughtUp(pb::CaughtUp { cursor: "0".into(), ..Default::default() }),
            Frame::Progress(pb::Progress { cursor: "1".into(), ..Default::default() }),
            Frame::Closing(pb::Closing { cursor: "2".into(), ..Default::default() }),
        ]
        .into_iter()
        .enumerate()
        {
            let _taken = reading.take(frame(next));
            assert_eq!(reading.request().position, Some(Position::Cursor(number.to_string())));
        }
    }

    #[test]
    fn a_frame_of_a_newer_service_is_passed_over() {
        let mut reading = Reading::new("t".into(), false, Position::AfterSeq(0));
        assert_eq!(taken(&mut reading, pb::WatchThreadResponse { frame: None }), Some(vec![]));
    }
}
