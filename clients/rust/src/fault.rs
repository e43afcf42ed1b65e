//! What a status means for another try.

use std::error::Error;
use std::io;
use std::time::Duration;

use crewline_api::errors::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt;

const DOMAIN: &str = "crewline";

/// A status, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service says no. The same call gets the same answer.
    Refused,
    /// The token has run out: another one helps.
    Expired,
    /// Not now, and nothing was done.
    Busy,
    /// Nobody knows whether it was done: the connection broke, or time ran out.
    Lost,
    /// The service has a bug, or what came cannot be read. Nobody knows whether it was done.
    Broken,
}

/// The name of the reason that a status of Crewline carries, such as `THREAD_NOT_VISIBLE`; empty if it carries none.
pub fn reason(status: &Status) -> String {
    match status.get_details_error_info() {
        Some(info) if info.domain == DOMAIN => info.reason,
        _ => String::new(),
    }
}

/// How long the service asks to wait before the next try.
pub fn retry_after(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

impl Fault {
    /// What a status means.
    pub fn of(status: &Status) -> Self {
        let reason = reason(status);
        match ErrorReason::from_str_name(&format!("ERROR_REASON_{reason}")) {
            Some(known) => Self::of_reason(known),
            // Of a newer service: the code has to do.
            None if !reason.is_empty() => match status.code() {
                Code::Unavailable | Code::DeadlineExceeded => Self::Lost,
                _ => Self::Refused,
            },
            None => Self::without_reason(status),
        }
    }

    /// Whether the call may have done what it was for.
    pub fn may_be_done(self) -> bool {
        matches!(self, Self::Lost | Self::Broken)
    }

    fn of_reason(reason: ErrorReason) -> Self {
        match reason {
            ErrorReason::TokenExpired => Self::Expired,
            ErrorReason::AccessUnknown | ErrorReason::QueueFull | ErrorReason::TooManyStreams | ErrorReason::Draining => {
                Self::Busy
            }
            ErrorReason::StoreUnavailable | ErrorReason::Deadline => Self::Lost,
            ErrorReason::Internal => Self::Broken,
            _ => Self::Refused,
        }
    }

    /// The services give a reason with every refusal: what has none comes from the transport, or from something in between.
    fn without_reason(status: &Status) -> Self {
        if was_never_sent(status) {
            return Self::Busy;
        }
        match status.code() {
            // tonic gives all of these to a broken connection: "operation was canceled", "transport error", and by its HTTP/2 code.
            Code::Unavailable | Code::Cancelled | Code::Unknown | Code::DeadlineExceeded => Self::Lost,
            _ if status.source().is_some() || status.message().contains("h2 protocol error") => Self::Lost,
            Code::Internal | Code::DataLoss => Self::Broken,
            _ => Self::Refused,
        }
    }
}

/// Nobody listens: only connecting fails so.
fn was_never_sent(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn with_reason(code: Code, reason: &str) -> Status {
        Status::with_error_details(code, "", ErrorDetails::with_error_info(reason, DOMAIN, []))
    }

    #[test]
    fn a_reason_decides_whatever_the_code() {
        for (reason, fault) in [
            ("TOKEN_EXPIRED", Fault::Expired),
            ("TOKEN_INVALID", Fault::Refused),
            ("ACCESS_UNKNOWN", Fault::Busy),
            ("DRAINING", Fault::Busy),
            ("QUEUE_FULL", Fault::Busy),
            ("TOO_MANY_STREAMS", Fault::Busy),
            ("STORE_UNAVAILABLE", Fault::Lost),
            ("DEADLINE", Fault::Lost),
            ("INTERNAL", Fault::Broken),
            ("INVALID_FIELD", Fault::Refused),
            ("PERSON_INACTIVE", Fault::Refused),
            ("CHAT_DISABLED", Fault::Refused),
            ("CHAT_PERMISSION_REQUIRED", Fault::Refused),
            ("THREAD_NOT_VISIBLE", Fault::Refused),
            ("THREAD_CLOSED", Fault::Refused),
            ("IDEMPOTENCY_KEY_REUSED", Fault::Refused),
            ("STORAGE_FULL", Fault::Refused),
            ("ETAG_MISMATCH", Fault::Refused),
            ("UNKNOWN_METHOD", Fault::Refused),
        ] {
            assert_eq!(Fault::of(&with_reason(Code::Unavailable, reason)), fault, "{reason}");
        }
    }

    #[test]
    fn of_a_reason_that_is_not_known_yet_the_code_decides() {
        assert_eq!(Fault::of(&with_reason(Code::Unavailable, "MOON_FULL")), Fault::Lost);
        assert_eq!(Fault::of(&with_reason(Code::FailedPrecondition, "MOON_FULL")), Fault::Refused);
        assert_eq!(Fault::of(&with_reason(Code::Internal, "MOON_FULL")), Fault::Refused);
    }

    #[test]
    fn a_status_without_a_reason_is_a_lost_connection_by_whichever_code_the_library_gives_it() {
        for (code, message, fault) in [
            (Code::Unavailable, "tcp connect error", Fault::Lost),
            (Code::Cancelled, "operation was canceled", Fault::Lost),
            (Code::Cancelled, "Timeout expired", Fault::Lost),
            (Code::Unknown, "transport error", Fault::Lost),
            (Code::Unknown, "h2 protocol error: error reading a body from connection", Fault::Lost),
            (Code::Unknown, "Service was not ready: transport error", Fault::Lost),
            (Code::Internal, "h2 protocol error: http2 error", Fault::Lost),
            (Code::ResourceExhausted, "h2 protocol error: enhance your calm", Fault::Lost),
            (Code::DeadlineExceeded, "", Fault::Lost),
            (Code::Internal, "failed to decode Protobuf message: invalid tag value: 0", Fault::Broken),
            (Code::Unimplemented, "no such page", Fault::Refused),
            (Code::Unauthenticated, "", Fault::Refused),
            (Code::ResourceExhausted, "decoded message length too large", Fault::Refused),
        ] {
            assert_eq!(Fault::of(&Status::new(code, message)), fault, "{code:?} {message}");
        }
    }

    #[test]
    fn a_call_that_nobody_listened_to_was_not_made() {
        let refused = Status::from_error(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)));
        assert_eq!(Fault::of(&refused), Fault::Busy);
        let reset = Status::from_error(Box::new(io::Error::from(io::ErrorKind::ConnectionReset)));
        assert_eq!(Fault::of(&reset), Fault::Lost);
        assert!(Fault::Lost.may_be_done() && Fault::Broken.may_be_done());
        assert!(!Fault::Busy.may_be_done() && !Fault::Refused.may_be_done() && !Fault::Expired.may_be_done());
    }

    #[test]
    fn the_reason_of_somebody_else_is_none_of_ours() {
        let foreign =
            Status::with_error_details(Code::Unavailable, "", ErrorDetails::with_error_info("TOKEN_EXPIRED", "elsewhere", []));
        assert_eq!((reason(&foreign).as_str(), Fault::of(&foreign)), ("", Fault::Lost));
    }
}
