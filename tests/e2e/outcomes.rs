//! What calls and streams of a story come to, as JSON, and what must come of them.

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetail, StatusExt};

/// The bytes of a status, its details included: clients limit what comes in trailers.
const STATUS_LIMIT: usize = 2_048;

/// A call, or a stream, that ended well.
pub fn answered(response: Value) -> Value {
    json!({"code": "OK", "reason": "", "field": "", "response": response})
}

/// Whether what is expected is a part of what has come.
pub fn matches(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| matches(value, actual)))
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(expected, actual)| matches(expected, actual))
        }
        _ => expected == actual,
    }
}

/// What is expected where nothing else is said.
pub fn with_defaults(outcome: &Value) -> Value {
    let mut whole = json!({"code": "OK", "reason": "", "field": ""});
    whole.as_object_mut().expect("an object").extend(outcome.as_object().expect("an outcome").clone());
    whole
}

/// A call, or a stream, that was refused.
pub fn refused(status: &Status) -> Value {
    let size = status.message().len() + status.details().len();
    if size > STATUS_LIMIT {
        return json!({"code": format!("a status of {size} bytes"), "message": status.message()});
    }
    let (mut infos, mut fields) = (Vec::new(), Vec::new());
    for detail in status.get_error_details_vec() {
        match detail {
            ErrorDetail::ErrorInfo(info) => infos.push(info),
            ErrorDetail::BadRequest(bad) => fields.extend(bad.field_violations.into_iter().map(|violation| violation.field)),
            _ => {}
        }
    }
    let mut outcome = json!({"code": code_name(status.code()), "field": fields.join(", "), "message": status.message()});
    match infos.as_slice() {
        [info] if info.domain == "crewline" => {
            outcome["reason"] = info.reason.as_str().into();
            outcome["metadata"] = json!(info.metadata);
        }
        _ => outcome["reason"] = format!("not one ErrorInfo of Crewline: {infos:?}").into(),
    }
    outcome
}

/// As gRPC writes it: `NOT_FOUND`.
pub fn code_name(code: Code) -> String {
    let name = format!("{code:?}");
    let words = name.char_indices().flat_map(|(index, letter)| {
        let gap = (index > 0 && letter.is_ascii_uppercase()).then_some('_');
        gap.into_iter().chain([letter.to_ascii_uppercase()])
    });
    words.collect()
}
