//! The binary `crewline`: both services in one process, or one alone; tokens and keys; a demo.

pub mod cli;
pub mod config;
pub mod demo;
pub mod demo_tenant;
pub mod endpoints;
pub mod error;
pub mod keys;
pub mod party;
pub mod phone;
pub mod serve;
mod verify;
