use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crewline_api::chat::v1 as pb;
use tokio::sync::watch;
use tokio_stream::iter;
use tonic::Code;
use tonic_types::{ErrorDetails, StatusExt};

use super::*;
use crate::subscription::Subscription;

/// A service that counts from one on, and what its streams do after each other.
struct Counting {
    script: VecDeque<Act>,
    next: u64,
    opened: Opened,
}

/// When streams were opened, and behind which number.
type Opened = Arc<Mutex<Vec<(Instant, u64)>>>;

/// What one stream does.
enum Act {
    /// Cannot be opened.
    Refuses(Status),
    /// Says these and ends so.
    Ends(u64, Option<Status>),
    /// Says so many, then why it ends.
    Closes(u64, Closing, Status),
    /// Says so many, then nothing.
    Hangs(u64),
}

enum Said {
    Number(u64),
    Closing(Closing),
}

impl Source for Counting {
    type Frame = Said;
    type News = u64;
    type Frames = std::pin::Pin<Box<dyn Stream<Item = Result<Said, Status>> + Send>>;

    async fn open(&mut self) -> Result<Self::Frames, Status> {
        self.opened.lock().expect("no panic").push((Instant::now(), self.next));
        let from = self.next;
        let numbers = move |count| (from + 1..=from + count).map(|number| Ok(Said::Number(number)));
        match self.script.pop_front().unwrap_or(Act::Hangs(0)) {
            Act::Refuses(status) => Err(status),
            Act::Ends(count, status) => Ok(Box::pin(iter(numbers(count).chain(status.map(Err))))),
            Act::Closes(count, closing, status) => {
                Ok(Box::pin(iter(numbers(count).chain([Ok(Said::Closing(closing)), Err(status)]))))
            }
            Act::Hangs(count) => Ok(Box::pin(iter(numbers(count)).chain(tokio_stream::pending()))),
        }
    }

    fn take(&mut self, frame: Said) -> Taken<u64> {
        match frame {
            Said::Number(number) => {
                assert_eq!(number, self.next + 1, "opened behind what was taken");
                self.next = number;
                Taken::News(vec![number])
            }
            Said::Closing(closing) => Taken::Farewell(closing.into()),
        }
    }
}

fn subscribe(script: impl IntoIterator<Item = Act>, tokens: TokenSource) -> (Subscription<u64>, Opened) {
    let opened = Opened::default();
    let source = Counting { script: script.into_iter().collect(), next: 0, opened: Arc::clone(&opened) };
    (Subscription::to(source, tokens, Pace { buffer: 4, ..Pace::default() }), opened)
}

fn closing(reason: ClosingReason, retry_after: u64) -> Closing {
    let wait = prost_types::Duration { seconds: i64::try_from(retry_after).expect("small"), nanos: 0 };
    Closing { reason: reason.into(), retry_after: Some(wait), ..Default::default() }
}

fn refusal(code: Code, reason: &str) -> Status {
    Status::with_error_details(code, "", ErrorDetails::with_error_info(reason, "crewline", []))
}

fn lost() -> Status {
    Status::unknown("transport error")
}

/// All numbers, and the end, if there is one before `last` has come.
async fn read_to(subscription: &mut Subscription<u64>, last: u64) -> (Vec<u64>, Option<Parting>) {
    tokio::time::timeout(Duration::from_secs(3600), read(subscription, last)).await.expect("an end within the limit")
}

async fn read(subscription: &mut Subscription<u64>, last: u64) -> (Vec<u64>, Option<Parting>) {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        match subscription.next().await {
            Some(Update::News(number)) => numbers.push(number),
            Some(Update::Interrupted(_)) => {}
            Some(Update::Ended(parting)) => return (numbers, Some(parting)),
            None => panic!("no end"),
        }
    }
    (numbers, None)
}

#[tokio::test(start_paused = true)]
async fn whatever_breaks_a_stream_it_goes_on_behind_what_was_taken() {
    let script = [
        Act::Refuses(refusal(Code::Unavailable, "ACCESS_UNKNOWN")),
        Act::Ends(2, Some(lost())),
        Act::Ends(1, None),
        Act::Hangs(1),
        Act::Refuses(refusal(Code::Internal, "INTERNAL")),
        Act::Closes(2, closing(ClosingReason::Draining, 3), refusal(Code::Unavailable, "DRAINING")),
        Act::Hangs(1),
    ];
    let (mut subscription, opened) = subscribe(script, TokenSource::fixed("token"));
    assert_eq!(read_to(&mut subscription, 7).await.0, [1, 2, 3, 4, 5, 6, 7]);
    let opened = opened.lock().expect("no panic");
    let behind: Vec<u64> = opened.iter().map(|(_, behind)| *behind).collect();
    assert_eq!(behind, [0, 0, 2, 3, 4, 4, 6]);
    assert!(opened[4].0 - opened[3].0 >= Pace::default().silence, "the one that hung was given up after the silence");
    assert!(opened[6].0 - opened[5].0 >= Duration::from_secs(3), "the pause that the service asked for");
}

#[tokio::test(start_paused = true)]
async fn a_final_reason_ends_it_and_nothing_is_opened_again() {
    for reason in [
        ClosingReason::AccessRevoked,
        ClosingReason::Unassigned,
        ClosingReason::ChatDisabled,
        ClosingReason::PersonInactive,
        ClosingReason::ThreadClosed,
        ClosingReason::TokenExpired,
        ClosingReason::Unspecified,
    ] {
        let status = refusal(Code::PermissionDenied, "CHAT_PERMISSION_REQUIRED");
        let (mut subscription, opened) = subscribe([Act::Closes(1, closing(reason, 0), status)], TokenSource::fixed("token"));
        let (numbers, end) = read_to(&mut subscription, 9).await;
        let end = end.expect("an end");
        assert_eq!((numbers, end.closing, end.status.code()), (vec![1], Some(reason), Code::PermissionDenied));
        assert!(subscription.next().await.is_none());
        assert_eq!(opened.lock().expect("no panic").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_to_open_is_final_but_for_those_that_pass() {
    for (reason, passes) in
        [("THREAD_NOT_VISIBLE", false), ("TOKEN_INVALID", false), ("TOO_MANY_STREAMS", true), ("ACCESS_UNKNOWN", true)]
    {
        let script = [Act::Refuses(refusal(Code::Unavailable, reason)), Act::Hangs(1)];
        let (mut subscription, _) = subscribe(script, TokenSource::fixed("token"));
        assert_eq!(read_to(&mut subscription, 1).await.1.is_none(), passes, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewed_token_opens_a_stream_whose_token_ran_out_again() {
    let (renew, tokens) = watch::channel("old".to_owned());
    let end = || Act::Closes(1, closing(ClosingReason::TokenExpired, 0), refusal(Code::Unauthenticated, "TOKEN_EXPIRED"));
    let (mut subscription, _) = subscribe([end(), end()], TokenSource::watched(tokens));
    assert!(matches!(subscription.next().await, Some(Update::News(1))));
    renew.send_replace("new".to_owned());
    let (numbers, end) = read_to(&mut subscription, 9).await;
    assert_eq!((numbers, end.expect("an end").closing), (vec![2], Some(ClosingReason::TokenExpired)), "renewed once");
}

#[tokio::test(start_paused = true)]
async fn behind_a_slow_application_the_stream_is_let_go_and_nothing_is_lost() {
    let script = (0..50).map(|_| Act::Hangs(10));
    let (mut subscription, opened) = subscribe(script, TokenSource::fixed("token"));
    let count = || opened.lock().expect("no panic").len();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(count(), 1, "it is not opened again as long as nothing is taken");
    assert_eq!(read_to(&mut subscription, 50).await.0, (1..=50).collect::<Vec<u64>>());
    assert!(count() > 5, "a few numbers at a time");
}

#[tokio::test(start_paused = true)]
async fn failures_one_after_another_are_spread_further_and_further() {
    let script = (0..60).map(|_| Act::Refuses(lost()));
    let (mut subscription, opened) = subscribe(script.chain([Act::Hangs(1)]), TokenSource::fixed("token"));
    let began = Instant::now();
    read_to(&mut subscription, 1).await;
    let most = Pace::default().backoff.most;
    assert!(began.elapsed() > 10 * most && began.elapsed() < 60 * most, "{:?}", began.elapsed());
    let opened = opened.lock().expect("no panic");
    assert!(opened.windows(2).all(|pair| pair[1].0 - pair[0].0 <= most + Duration::from_millis(1)));
}

#[tokio::test(start_paused = true)]
async fn whoever_drops_the_subscription_ends_it() {
    let (subscription, opened) = subscribe((0..10).map(|_| Act::Ends(0, None)), TokenSource::fixed("token"));
    drop(subscription);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(opened.lock().expect("no panic").len() <= 1);
    let held = Arc::strong_count(&opened);
    assert_eq!(held, 1, "the task is gone");
}

#[test]
fn a_farewell_of_a_newer_service_is_final_if_it_says_that_no_retry_helps() {
    let then = |retry_after| Farewell::from(pb::Closing { reason: 99, ..closing(ClosingReason::Unspecified, retry_after) }).then;
    assert_eq!(then(0), Then::Stop);
    assert_eq!(then(2), Then::Return(Duration::from_secs(2)));
    assert_eq!(then(100_000), Then::Return(MAX_RETRY_AFTER));
}
