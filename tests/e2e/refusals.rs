//! What every refusal must be: the status of its cause, and one reason that a program can read.

use tonic::{Code, Status};
use tonic_types::{ErrorDetail, ErrorInfo, StatusExt};

/// The reason of a refusal that is as the API says: exactly one `ErrorInfo`, of Crewline, under the one status of its cause.
pub fn reason_of(status: &Status) -> String {
    let details = status.check_error_details_vec().expect("details that can be read");
    let infos: Vec<&ErrorInfo> =
        details.iter().filter_map(|detail| if let ErrorDetail::ErrorInfo(info) = detail { Some(info) } else { None }).collect();
    let [info] = infos.as_slice() else { panic!("{} ErrorInfos in {status:?}", infos.len()) };
    assert_eq!(info.domain, "crewline", "{status:?}");
    assert_eq!(status.code(), code_of(&info.reason), "{status:?}");
    let names_a_field = details.iter().any(
        |detail| matches!(detail, ErrorDetail::BadRequest(bad) if bad.field_violations.iter().all(|field| !field.field.is_empty())),
    );
    assert_eq!(names_a_field, info.reason == "INVALID_FIELD", "{status:?}");
    info.reason.clone()
}

/// `OK`, or the reason of the refusal.
pub fn outcome<T>(result: Result<T, Status>) -> String {
    result.map_or_else(|status| reason_of(&status), |_| "OK".to_owned())
}

/// The one status of each cause, as the error table has it.
pub fn code_of(reason: &str) -> Code {
    match reason {
        "TOKEN_INVALID" | "TOKEN_EXPIRED" => Code::Unauthenticated,
        "CALLER_NOT_ALLOWED" | "TENANT_NOT_ALLOWED" | "PERSON_INACTIVE" | "CHAT_PERMISSION_REQUIRED" => Code::PermissionDenied,
        "INVALID_FIELD" | "PAGE_TOKEN_INVALID" => Code::InvalidArgument,
        "CHAT_DISABLED" | "THREAD_CLOSED" | "CONTACT_OPTED_OUT" | "MESSAGE_NOT_FAILED" => Code::FailedPrecondition,
        "THREAD_NOT_VISIBLE" | "RESOURCE_NOT_FOUND" => Code::NotFound,
        "OPEN_THREAD_EXISTS" | "IDEMPOTENCY_KEY_REUSED" | "RESOURCE_EXISTS" => Code::AlreadyExists,
        "ETAG_MISMATCH" => Code::Aborted,
        "QUEUE_FULL" | "RATE_LIMITED" | "TOO_MANY_STREAMS" | "STORAGE_FULL" => Code::ResourceExhausted,
        "ACCESS_UNKNOWN" | "STORE_UNAVAILABLE" | "DRAINING" => Code::Unavailable,
        "DEADLINE" => Code::DeadlineExceeded,
        "INTERNAL" => Code::Internal,
        "UNKNOWN_METHOD" => Code::Unimplemented,
        unknown => panic!("no such reason: {unknown}"),
    }
}
