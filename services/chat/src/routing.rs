//! Which thread a customer's text belongs to: a pure function. A text names a number and no job.

use crate::model::{Thread, ThreadId};

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Into this open thread.
    Thread(ThreadId),
    /// Into a new thread of the office alone.
    NewOfficeThread,
}

/// The one open thread of the number; with none or several the one without a job, which only the office sees: nothing is
/// lost, and nothing shown to the crew of a job that it may not be about.
pub fn route(open: &[Thread]) -> Route {
    match open {
        [only] => Route::Thread(only.id),
        several => {
            let of_the_office = several.iter().find(|thread| thread.job.is_none());
            of_the_office.map_or(Route::NewOfficeThread, |thread| Route::Thread(thread.id))
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::{ContactNumber, JobId, Position, ThreadState};

    fn thread(number: u128, job: Option<&str>) -> Thread {
        Thread {
            id: ThreadId(Uuid::from_u128(number)),
            job: job.map(JobId::trusted),
            contact: ContactNumber::trusted("+15550100".into()),
            state: ThreadState::Open,
            head: Position::default(),
            crew_head: Position::default(),
            floor: Position::default(),
            created_at: 0,
            updated_at: 0,
        }
    }

    #[test]
    fn a_text_goes_to_the_one_open_thread_else_to_the_office() {
        let to = |number| Route::Thread(ThreadId(Uuid::from_u128(number)));
        let cases = [
            (vec![], Route::NewOfficeThread),
            (vec![thread(1, Some("a"))], to(1)),
            (vec![thread(1, None)], to(1)),
            (vec![thread(1, Some("a")), thread(2, Some("b"))], Route::NewOfficeThread),
            (vec![thread(1, Some("a")), thread(2, None), thread(3, Some("b"))], to(2)),
        ];
        for (open, expected) in cases {
            assert_eq!(route(&open), expected);
        }
    }
}
