//! A refusal on its way to the caller: one status, one reason, the details that apply, and nothing of its cause.

use std::collections::HashMap;
use std::time::Duration;

use crewline_api::errors::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The `domain` of every `google.rpc.ErrorInfo` that Crewline sends.
pub const DOMAIN: &str = "crewline";

/// Why a call is refused, as the caller will be told. Boxed: it travels in the `Err` of almost every function.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Told>);

#[derive(Clone, Debug)]
struct Told {
    reason: ErrorReason,
    message: String,
    metadata: HashMap<String, String>,
    field: Option<(String, String)>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal for `reason`; `message` is for a human and holds nothing that the caller did not send.
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Told { reason, message, metadata: HashMap::new(), field: None, retry_after: None }))
    }

    /// `field` is not as it must be.
    pub fn invalid(field: impl Into<String>, must: impl Into<String>) -> Self {
        let (field, must) = (field.into(), must.into());
        let mut refusal = Self::new(ErrorReason::InvalidField, format!("{field}: {must}"));
        refusal.0.field = Some((field, must));
        refusal
    }

    /// Waiting helps: try again after so long.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds a machine-readable fact.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// The reason.
    pub fn reason(&self) -> ErrorReason {
        self.0.reason
    }

    /// The time after which to try again, where waiting helps.
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The field that is wrong and what it must be, for an INVALID_FIELD.
    pub fn field(&self) -> Option<(&str, &str)> {
        self.0.field.as_ref().map(|(field, must)| (field.as_str(), must.as_str()))
    }
}

/// The one status of each reason, as the error table of the API says.
pub fn code(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::TokenInvalid | ErrorReason::TokenExpired => Code::Unauthenticated,
        ErrorReason::CallerNotAllowed
        | ErrorReason::TenantNotAllowed
        | ErrorReason::PersonInactive
        | ErrorReason::ChatPermissionRequired => Code::PermissionDenied,
        ErrorReason::InvalidField | ErrorReason::PageTokenInvalid => Code::InvalidArgument,
        ErrorReason::ChatDisabled | ErrorReason::ThreadClosed | ErrorReason::ContactOptedOut | ErrorReason::MessageNotFailed => {
            Code::FailedPrecondition
        }
        ErrorReason::ThreadNotVisible | ErrorReason::ResourceNotFound => Code::NotFound,
        ErrorReason::OpenThreadExists | ErrorReason::IdempotencyKeyReused | ErrorReason::ResourceExists => Code::AlreadyExists,
        ErrorReason::EtagMismatch => Code::Aborted,
        ErrorReason::QueueFull | ErrorReason::RateLimited | ErrorReason::TooManyStreams | ErrorReason::StorageFull => {
            Code::ResourceExhausted
        }
        ErrorReason::AccessUnknown | ErrorReason::StoreUnavailable | ErrorReason::Draining => Code::Unavailable,
        ErrorReason::Deadline => Code::DeadlineExceeded,
        ErrorReason::UnknownMethod => Code::Unimplemented,
        ErrorReason::Internal | ErrorReason::Unspecified => Code::Internal,
    }
}

/// The name of a reason as `ErrorInfo.reason` carries it.
pub fn name(reason: ErrorReason) -> &'static str {
    let full = reason.as_str_name();
    full.strip_prefix("ERROR_REASON_").unwrap_or(full)
}

impl From<Refusal> for Status {
    fn from(Refusal(told): Refusal) -> Self {
        let mut details = ErrorDetails::with_error_info(name(told.reason), DOMAIN, told.metadata);
        if let Some((field, must)) = told.field {
            details.add_bad_request_violation(field, must);
        }
        let code = code(told.reason);
        if code == Code::FailedPrecondition {
            details.add_precondition_failure_violation(name(told.reason), "", told.message.clone());
        }
        if let Some(wait) = told.retry_after {
            details.set_retry_info(Some(wait));
        }
        Status::with_error_details(code, told.message, details)
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn an_invalid_field_is_named_in_a_bad_request_beside_one_error_info() {
        let status = Status::from(Refusal::invalid("body", "must not be empty"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(details.error_info().expect("error info").reason, "INVALID_FIELD");
        assert_eq!(details.error_info().expect("error info").domain, "crewline");
        assert_eq!(details.bad_request().expect("bad request").field_violations[0].field, "body");
    }

    #[test]
    fn a_wait_that_helps_travels_as_retry_info() {
        let status = Status::from(Refusal::new(ErrorReason::QueueFull, "busy").retry_after(Duration::from_millis(250)));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_error_details().retry_info().expect("retry info").retry_delay, Some(Duration::from_millis(250)));
    }
}
