//! `docs/errors.md` is made of the comments of the reasons.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use prost_reflect::DescriptorPool;
use tonic::Code;

use crate::refusals::code_of;

const ABOUT: &str = "# Errors

Every call that is refused, and every stream that ends with an error, has one status with exactly one `google.rpc.ErrorInfo` (domain
`crewline`) in its details. Its `reason` is one of these. `BadRequest` names the field of an `INVALID_FIELD`, `PreconditionFailure` repeats
the reason of a FAILED_PRECONDITION, and `RetryInfo` says after how long to try again, where waiting helps.

A call that fails for several reasons is told the first in the order of the table, but that `UNKNOWN_METHOD` comes right after the token. What
the transport refuses before there is a call has no reason: headers of more than 16 KiB (HTTP 431), and a connection that is closed.

This page is made of the comments in `proto/crewline/errors/v1/reason.proto`, and a test compares the two:
`CREWLINE_WRITE_PAGES=1 cargo test --workspace --test e2e errors_page` writes it anew.

| reason | status | cause | what to do |
|---|---|---|---|
";

/// Each reason with its comment, in the order of the enum.
fn reasons() -> Vec<(String, String)> {
    let pool = DescriptorPool::decode(crewline_api::FILE_DESCRIPTOR_SET).expect("descriptors");
    let reasons = pool.get_enum_by_name("crewline.errors.v1.ErrorReason").expect("the enum");
    let file = reasons.parent_file().file_descriptor_proto().clone();
    // The path of a comment: of the enums of the file the first, of its values this one.
    let comments: BTreeMap<i32, String> =
        file.source_code_info.expect("comments").location.into_iter().filter_map(comment).collect();
    let values = (0..).zip(file.enum_type[0].value.clone());
    let named = values.map(|(at, value)| {
        let name = value.name().strip_prefix("ERROR_REASON_").expect("the prefix").to_owned();
        (name, comments.get(&at).unwrap_or_else(|| panic!("{} has no comment", value.name())).clone())
    });
    named.filter(|(name, _)| name != "UNSPECIFIED").collect()
}

fn comment(location: prost_types::source_code_info::Location) -> Option<(i32, String)> {
    let [5, 0, 2, value] = *location.path.as_slice() else { return None };
    let words: Vec<&str> = location.leading_comments.as_deref()?.split_whitespace().collect();
    Some((value, words.join(" ")))
}

/// A comment in its three parts: status, cause, and what to do.
fn parts(comment: &str) -> Option<(&str, &str, &str)> {
    let (status, rest) = comment.split_once(": ")?;
    let (cause, to_do) = rest.split_once(" To do: ")?;
    Some((status, cause, to_do))
}

/// As it is written in comments.
fn written(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}

#[test]
fn each_reason_says_its_one_status_its_cause_and_what_to_do_and_the_page_says_the_same() {
    let mut page = ABOUT.to_owned();
    for (reason, comment) in reasons() {
        let (status, cause, to_do) = parts(&comment).unwrap_or_else(|| panic!("{reason}: {comment}"));
        assert_eq!(status, written(code_of(&reason)), "{reason}");
        writeln!(page, "| `{reason}` | {status} | {cause} | {to_do} |").expect("written");
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    if std::env::var_os("CREWLINE_WRITE_PAGES").is_some() {
        std::fs::write(&path, &page).expect("written");
    }
    let there = std::fs::read_to_string(&path).expect("docs/errors.md");
    assert_eq!(there, page, "write it anew, as it says itself");
}
