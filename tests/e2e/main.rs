//! End-to-end tests: the real binary, its real databases, and real clients over the public API.
//!
//! `running` starts processes, `engine` gives them databases, `company` fills a tenant, `reader` reads a stream and checks what every stream must keep. The
//! other files are the rules, by theme.

mod auditing;
mod callers;
mod changes;
mod checking;
mod client;
mod company;
mod crews;
mod deciding;
mod directory;
mod dispatching;
mod engine;
mod feeding;
mod grpcurl_docs;
mod holding;
mod isolation;
mod jobs;
mod kills;
mod levels;
mod losing_access;
mod mutations;
mod node;
mod ordering;
mod outages;
mod paging;
mod processes;
mod reader;
mod refusals;
mod refusing;
mod resuming;
mod retrying;
mod running;
mod sending;
mod stalling;
mod stories;
mod story;
mod streams;
mod tenants;
mod texting;
mod tokens;
mod tools;
mod updating;
