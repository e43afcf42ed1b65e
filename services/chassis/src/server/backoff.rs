//! What becomes of an `accept` that failed: some failures are one connection's, others last until somebody leaves.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// Failures that are less than this apart are of one episode, also if a few connections come in between.
const EPISODE_GAP: Duration = Duration::from_secs(10);

/// What the network did to one connection before it was taken in; `accept(2)` counts the errors that wait on the new socket among them.
const OF_ONE_CONNECTION: [Errno; 13] = [
    Errno::CONNABORTED,
    Errno::CONNRESET,
    Errno::CONNREFUSED,
    Errno::TIMEDOUT,
    Errno::INTR,
    Errno::PERM,
    Errno::PROTO,
    Errno::NOPROTOOPT,
    Errno::OPNOTSUPP,
    Errno::NETDOWN,
    Errno::NETUNREACH,
    Errno::HOSTDOWN,
    Errno::HOSTUNREACH,
];

/// Whether the next connection can be taken in all the same. Of an error that is not known it is assumed that it lasts.
pub fn is_of_one_connection(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| OF_ONE_CONNECTION.contains(&errno))
}

/// The pauses between tries.
#[derive(Debug, Default)]
pub struct Backoff {
    last: Option<(Instant, Duration)>,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// From now on.
    pub length: Duration,
    /// Whether it is the first of an episode.
    pub first: bool,
}

impl Backoff {
    /// A try failed now.
    pub fn failed(&mut self, now: Instant) -> Pause {
        let before = self.last.filter(|(failed_at, _)| now.duration_since(*failed_at) < EPISODE_GAP);
        let length = before.map_or(FIRST_PAUSE, |(_, pause)| (pause * 2).min(LAST_PAUSE));
        self.last = Some((now, length));
        Pause { length, first: before.is_none() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_to_one_connection_is_no_reason_to_wait_and_everything_else_is() {
        let of = |errno: Errno| is_of_one_connection(&io::Error::from(errno));
        assert!(OF_ONE_CONNECTION.into_iter().all(of));
        for lasting in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::INVAL, Errno::BADF] {
            assert!(!of(lasting), "{lasting}");
        }
        assert!(!is_of_one_connection(&io::Error::other("of no system")));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_a_second_and_begin_anew_with_another_episode() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        for (pause, first) in [(50, true), (100, false), (200, false), (400, false), (800, false), (1_000, false), (1_000, false)]
        {
            assert_eq!(backoff.failed(now), Pause { length: Duration::from_millis(pause), first });
            now += Duration::from_millis(pause);
        }
        now += EPISODE_GAP;
        assert_eq!(backoff.failed(now), Pause { length: FIRST_PAUSE, first: true });
    }
}
