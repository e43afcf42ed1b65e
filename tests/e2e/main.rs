//! End-to-end tests: the real binary, its real databases, and real clients over the public API.
//!
//! `running` starts processes, `company` fills a tenant, `reader` reads a stream and checks what every stream must keep. The
//! other files are the rules, by theme.

mod company;
mod reader;
mod running;

mod holding;
mod kills;
mod processes;
mod resuming;
mod stalling;
