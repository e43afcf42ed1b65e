//! Who may call what: every RPC has its entry in the default-deny table, and nobody else gets in.

use std::collections::BTreeMap;

use chassis::identity::Callers;
use crewline_api::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::refusals::reason_of;
use crate::running::Running;
use crate::tokens::{Claims, Mint, with_token};

const TENANT: &str = "acme";
const SCOPES: [&str; 5] = ["dispatch", "carrier", "notify", "enforce", "provision"];

/// For whom the API says that an RPC is: kinds of people, and scopes of services.
fn meant_for(service: &str, method: &str) -> &'static [&'static str] {
    let reads = method.starts_with("Get") || method.starts_with("List");
    match (service, method) {
        ("AccessService", "WatchAccess") => &["enforce"],
        ("AccessService", "ListNodes") => &["enforce", "operator"],
        ("AccessService", _) => &["enforce", "admin", "operator"],
        ("DirectoryService", "GetPerson" | "ListPeople") => &["admin", "operator", "dispatch"],
        ("DirectoryService", "CreatePerson" | "UpdatePerson") => &["admin", "dispatch"],
        ("DirectoryService", _) if reads => &["admin", "operator"],
        ("DirectoryService", _) => &["admin"],
        ("DispatchService", "ListAssignments") => &["dispatch", "admin", "operator"],
        ("DispatchService", _) => &["dispatch"],
        ("TenantService", _) if reads => &["provision", "operator"],
        ("TenantService", _) => &["provision"],
        ("AuditService", _) => &["admin", "operator"],
        ("ThreadService", "StartThread" | "CloseThread" | "ReopenThread" | "MoveThread") => &["office"],
        ("ThreadService", _) => &["technician", "office"],
        ("RecordsService", _) => &["office"],
        ("CarrierService", _) => &["carrier"],
        ("OperatorService", _) => &["operator"],
        unknown => panic!("who is to call {unknown:?}?"),
    }
}

/// Every RPC of a package, as its path, and for whom it is meant.
pub fn rpcs(package: &str) -> BTreeMap<String, Vec<&'static str>> {
    let descriptors = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
    let mut rpcs = BTreeMap::new();
    for file in descriptors.file.iter().filter(|file| file.package() == package) {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{package}.{}/{}", service.name(), method.name());
                let mut callers = meant_for(service.name(), method.name()).to_vec();
                callers.sort_unstable();
                rpcs.insert(path, callers);
            }
        }
    }
    assert!(!rpcs.is_empty());
    rpcs
}

fn table(callers: Callers) -> BTreeMap<String, Vec<&'static str>> {
    let entries = callers.0.iter().map(|(path, callers)| {
        let mut callers: Vec<&str> = callers
            .iter()
            .map(|caller| {
                assert_eq!(
                    caller.kind == "service",
                    caller.scope.is_some(),
                    "{path}: services come with a scope, people without"
                );
                caller.scope.unwrap_or(caller.kind)
            })
            .collect();
        callers.sort_unstable();
        ((*path).to_owned(), callers)
    });
    let table: BTreeMap<_, _> = entries.collect();
    assert_eq!(table.len(), callers.0.len(), "no RPC stands there twice");
    table
}

/// Both services' RPCs with the connection to call them on.
fn all_rpcs(mint: &Mint) -> Vec<(String, Vec<&'static str>, Channel)> {
    let permissions =
        rpcs("crewline.permissions.v1").into_iter().map(|(path, callers)| (path, callers, mint.permissions.clone()));
    let chat = rpcs("crewline.chat.v1").into_iter().map(|(path, callers)| (path, callers, mint.chat.clone()));
    permissions.chain(chat).collect()
}

/// What comes of a call with an empty message.
async fn call(channel: &Channel, path: &str, request: Request<()>) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("a connection");
    let path = path.parse::<PathAndQuery>().expect("a path");
    client.unary(request, path, ProstCodec::<(), ()>::default()).await.map(|_| ())
}

async fn call_as(mint: &Mint, channel: &Channel, path: &str, claims: Claims<'_>) -> Result<(), Status> {
    call(channel, path, with_token(&mint.token(claims), ())).await
}

#[test]
fn every_rpc_has_an_entry_for_those_whom_the_api_names_and_there_is_no_other_entry() {
    assert_eq!(table(permissions::callers::CALLERS), rpcs("crewline.permissions.v1"));
    assert_eq!(table(chat::callers::CALLERS), rpcs("crewline.chat.v1"));
}

#[tokio::test]
async fn every_rpc_is_for_those_whom_the_api_names_and_for_nobody_else() {
    let running = Running::pair().await;
    let mint = Mint::of(&running);
    let tenants = [TENANT];
    let people = ["technician", "office", "admin", "operator", "robot", "service", "Admin", ""];
    for (path, callers, channel) in all_rpcs(&mint) {
        for kind in people {
            let outcome = call_as(&mint, &channel, &path, Claims::person(kind, "pat", &tenants)).await;
            assert_admitted(outcome, callers.contains(&kind), &path, kind);
            // A person's token is none of a service, whatever scopes it holds.
            let claims = Claims { scopes: &SCOPES, ..Claims::person(kind, "pat", &tenants) };
            if kind != "service" {
                assert_admitted(call_as(&mint, &channel, &path, claims).await, callers.contains(&kind), &path, kind);
            }
        }
        for scope in SCOPES {
            let outcome = call_as(&mint, &channel, &path, Claims::service(&[scope], &tenants)).await;
            assert_admitted(outcome, callers.contains(&scope), &path, scope);
        }
        // The names of kinds are no scopes.
        let outcome = call_as(&mint, &channel, &path, Claims::service(&people, &tenants)).await;
        assert_admitted(outcome, false, &path, "a service with kinds for scopes");
    }
}

fn assert_admitted(outcome: Result<(), Status>, admitted: bool, path: &str, who: &str) {
    let reason = outcome.as_ref().err().map(reason_of).unwrap_or_default();
    assert_eq!(reason != "CALLER_NOT_ALLOWED", admitted, "{path} by {who:?}: {outcome:?}");
    assert!(!reason.starts_with("TOKEN_"), "{path} by {who:?}: {outcome:?}");
}

#[tokio::test]
async fn without_a_good_token_nobody_gets_in_anywhere() {
    let running = Running::pair().await;
    let other = Running::pair().await;
    let (mint, foreign) = (Mint::of(&running), Mint::of(&other));
    let tenants = [TENANT];
    for (path, callers, channel) in all_rpcs(&mint) {
        let admitted = callers[0];
        let scopes = [admitted];
        let good = if SCOPES.contains(&admitted) {
            Claims::service(&scopes, &tenants)
        } else {
            Claims::person(admitted, "pat", &tenants)
        };
        let token = mint.token(good);
        let (head, signature) = token.rsplit_once('.').expect("a signature");
        let bad = [
            foreign.token(good),
            mint.token(Claims { audience: "billing", ..good }),
            mint.token(Claims { subject: "", ..good }),
            mint.token(Claims { tenants: &[], ..good }),
            format!("{head}."),
            format!("{head}.{}", signature.chars().rev().collect::<String>()),
            "x".repeat(9_000),
            "x".into(),
        ];
        for bad in bad {
            let refused = call(&channel, &path, with_token(&bad, ())).await.expect_err("refused");
            assert_eq!(reason_of(&refused), "TOKEN_INVALID", "{path}");
        }
        let refused = call(&channel, &path, Request::new(())).await.expect_err("refused");
        assert_eq!(reason_of(&refused), "TOKEN_INVALID", "{path} without a token");
        let mut other_scheme = Request::new(());
        other_scheme.metadata_mut().insert("authorization", format!("Basic {token}").parse().expect("ascii"));
        let refused = call(&channel, &path, other_scheme).await.expect_err("refused");
        assert_eq!(reason_of(&refused), "TOKEN_INVALID", "{path} with another scheme");
        let expired = mint.token(Claims { expires_in: -60, ..good });
        let refused = call(&channel, &path, with_token(&expired, ())).await.expect_err("refused");
        assert_eq!(reason_of(&refused), "TOKEN_EXPIRED", "{path}");
        // Expired and not for this RPC: the token comes first.
        let robot = mint.token(Claims { expires_in: -60, ..Claims::person("robot", "pat", &tenants) });
        let refused = call(&channel, &path, with_token(&robot, ())).await.expect_err("refused");
        assert_eq!(reason_of(&refused), "TOKEN_EXPIRED", "{path}");
    }
}
