//! The table of bad inputs itself: its rows are whole, and none is missing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use serde_json::Value;

use crate::drivers;
use crate::outcomes::code_name;
use crate::refusals::code_of;

/// What the rows meet, below the folder of the tests.
pub const SCENE: &str = "bad_inputs/scene.json";

/// What a row can be about, if not about the form of a field.
const ABOUT: [&str; 4] = ["caller", "order", "ownership", "state"];

/// Fields of which every value is taken, and why.
const TAKEN: [(&str, &str); 11] = [
    // A malformed question is told of in the answer, beside the answers to the others: the table has a row for that.
    ("BatchCheckAccess", "questions.person_id"),
    ("BatchCheckAccess", "questions.job_id"),
    ("BatchCheckAccess", "questions.permission"),
    // The answer to a place that this database cannot serve is a snapshot.
    ("WatchAccess", "hello.epoch"),
    ("WatchAccess", "hello.cursor"),
    // What is made has no etag yet, and nobody changes their kind: these are not looked at.
    ("CreateRole", "role.etag"),
    ("CreatePerson", "person.etag"),
    ("UpdatePerson", "person.kind"),
    // Beyond the newest event means the newest one.
    ("MarkRead", "up_to_seq"),
    ("MarkUnread", "from_seq"),
    // The answer to a number that there is not is a reset.
    ("WatchThread", "after_seq"),
];

/// A watch is of whatever tenants the token names, and nodes serve all.
const OF_NO_TENANT: [&str; 2] = ["WatchAccess", "ListNodes"];

/// One file of the table.
pub struct Table {
    pub path: PathBuf,
    pub story: Value,
}

impl Table {
    pub fn rows(&self) -> &[Value] {
        self.story["steps"].as_array().expect("rows")
    }
}

/// The whole table.
pub fn tables() -> Vec<Table> {
    let files = drivers::files("bad_inputs").into_iter().filter(|path| !path.ends_with(SCENE));
    files.map(|path| Table { story: drivers::read(&path), path }).collect()
}

/// How many rows are about order, ownership or state: what is well-formed, and refused all the same.
pub fn rows_about_what_holds(tables: &[Table]) -> usize {
    let rows = tables.iter().flat_map(Table::rows);
    rows.filter(|row| ["order", "ownership", "state"].iter().any(|about| row["about"] == *about)).count()
}

fn is_refused(row: &Value) -> bool {
    row["expect"]["code"] != "OK"
}

#[test]
fn the_table_has_200_refusals_of_which_60_are_about_order_ownership_or_state() {
    let mut tables = tables();
    for table in &mut tables {
        table.story["steps"].as_array_mut().expect("rows").retain(is_refused);
    }
    assert!(tables.iter().map(|table| table.rows().len()).sum::<usize>() >= 200);
    assert!(rows_about_what_holds(&tables) >= 60);
}

#[test]
fn every_row_names_its_call_and_caller_and_the_status_reason_and_field_of_the_answer() {
    let api = api();
    for table in tables() {
        for row in table.rows() {
            let name = row["call"].as_str().expect("a call");
            let method = methods(&api).find(|method| path_of(method) == name).unwrap_or_else(|| panic!("no RPC {name}"));
            assert_eq!(row["stream"] == true, method.is_server_streaming(), "{row:#}");
            assert!(row["as"].is_string() && row["say"].is_string(), "{row:#}");
            assert!(row.get("eventually").is_none() && row.get("save").is_none(), "a row leads to nothing: {row:#}");
            assert!(row.get("about").is_none_or(|about| ABOUT.iter().any(|known| about == known)), "{row:#}");
            let expected = &row["expect"];
            let (code, reason) = (expected["code"].as_str().expect("a code"), expected["reason"].as_str().expect("a reason"));
            let right = if is_refused(row) { code_name(code_of(reason)) } else { "OK".to_owned() };
            assert_eq!(code, right, "{row:#}");
            assert_eq!(expected["field"].is_string(), reason == "INVALID_FIELD", "{row:#}");
            assert!(is_refused(row) || expected["response"].is_object(), "what is no refusal says what it is: {row:#}");
        }
    }
}

#[test]
fn every_rpc_and_every_field_that_has_a_limit_has_a_row() {
    let (api, tables) = (api(), tables());
    let mut missing = Vec::new();
    for method in methods(&api) {
        let rpc = path_of(&method);
        let rows = tables.iter().flat_map(Table::rows).filter(|row| row["call"] == rpc.as_str() && is_refused(row));
        let broken: BTreeSet<String> = rows.clone().filter_map(field_of).collect();
        if rows.count() == 0 {
            missing.push(rpc.clone());
        }
        for (path, _) in fields(&method.input(), "") {
            let taken = TAKEN.contains(&(method.name(), path.as_str()));
            match (taken, broken.contains(&path)) {
                (false, false) => missing.push(format!("{rpc}: {path}")),
                (true, true) => missing.push(format!("{rpc}: {path} is not always taken")),
                _ => {}
            }
        }
    }
    assert!(missing.is_empty(), "no row breaks these:\n{}", missing.join("\n"));
}

#[test]
fn every_rpc_has_a_row_by_somebody_whom_it_is_not_for_and_one_about_what_is_not_theirs() {
    let (api, tables) = (api(), tables());
    let mut missing = Vec::new();
    for method in methods(&api) {
        let rpc = path_of(&method);
        let has = |about: &str| {
            let mut rows = tables.iter().flat_map(Table::rows).filter(|row| row["call"] == rpc.as_str() && is_refused(row));
            rows.any(|row| row["about"] == about)
        };
        if !has("caller") {
            missing.push(format!("{rpc}: caller"));
        }
        if !has("ownership") && !OF_NO_TENANT.contains(&method.name()) {
            missing.push(format!("{rpc}: ownership"));
        }
    }
    assert!(missing.is_empty(), "no row has these:\n{}", missing.join("\n"));
}

#[test]
fn a_field_that_can_be_refused_says_in_its_comment_what_it_must_be() {
    let (api, tables) = (api(), tables());
    let mut silent = BTreeSet::new();
    for method in methods(&api) {
        let rows = tables.iter().flat_map(Table::rows).filter(|row| row["call"] == path_of(&method).as_str());
        let broken: BTreeSet<String> = rows.filter_map(field_of).collect();
        for (path, field) in fields(&method.input(), "") {
            // Of an enum the values say it, and an etag or a page token is what was given.
            let opaque = matches!(field.kind(), Kind::Enum(_)) || path.ends_with("etag") || path == "page_token";
            if broken.contains(&path) && !opaque && !says_a_limit(&comment_of(&field)) {
                silent.insert(format!("{}: {}", field.full_name(), comment_of(&field)));
            }
        }
    }
    assert!(silent.is_empty(), "the limits of these are not stated:\n{}", Vec::from_iter(silent).join("\n"));
}

fn api() -> DescriptorPool {
    DescriptorPool::decode(crewline_api::FILE_DESCRIPTOR_SET).expect("descriptors")
}

/// Every RPC of Crewline.
fn methods(api: &DescriptorPool) -> impl Iterator<Item = MethodDescriptor> {
    let services: Vec<_> = api.services().filter(|service| service.full_name().starts_with("crewline.")).collect();
    assert!(!services.is_empty());
    services.into_iter().flat_map(|service| service.methods().collect::<Vec<_>>())
}

fn path_of(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}

/// The fields of a request that can hold something wrong, as paths: all but booleans, and messages as such.
fn fields(message: &MessageDescriptor, prefix: &str) -> Vec<(String, FieldDescriptor)> {
    let mut found = Vec::new();
    for field in message.fields() {
        let path = format!("{prefix}{}", field.name());
        match field.kind() {
            Kind::Bool => {}
            Kind::Message(inner) if inner.full_name() != "google.protobuf.FieldMask" => {
                found.extend(fields(&inner, &format!("{path}.")));
                found.extend(field.is_list().then(|| (path, field.clone())));
            }
            _ => found.push((path, field)),
        }
    }
    found
}

/// The field that a row breaks, without the index of an element.
fn field_of(row: &Value) -> Option<String> {
    match row["expect"]["reason"].as_str()? {
        "INVALID_FIELD" => {
            let named = row["expect"]["field"].as_str()?;
            let whole = named.split_once('[').map_or(named, |(list, _)| list);
            Some(whole.strip_suffix(".paths").unwrap_or(whole).to_owned())
        }
        "PAGE_TOKEN_INVALID" => Some("page_token".to_owned()),
        "ETAG_MISMATCH" => {
            let inside = |holder: &&str| row["request"][holder]["etag"].is_string();
            let holder = ["settings", "role", "person"].into_iter().find(inside);
            Some(holder.map_or("etag".to_owned(), |holder| format!("{holder}.etag")))
        }
        _ => None,
    }
}

fn comment_of(field: &FieldDescriptor) -> String {
    let file = field.parent_file();
    let info = file.file_descriptor_proto().source_code_info.as_ref().expect("descriptors with comments");
    let location = info.location.iter().find(|location| location.path == field.path()).expect("the place of a field");
    location.leading_comments().trim().to_owned()
}

fn says_a_limit(comment: &str) -> bool {
    let lower = comment.to_lowercase();
    let words = ["uuid", "e.164", "as in `", "at least", "at most", "a stream of this thread gave"];
    lower.chars().any(|character| character.is_ascii_digit()) || words.iter().any(|word| lower.contains(word))
}
