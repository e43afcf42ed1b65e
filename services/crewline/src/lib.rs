//! The binary `crewline`: both services in one process, or one alone; backups; tokens and keys; a demo.

pub mod backup;
pub mod cli;
pub mod config;
pub mod demo;
pub mod demo_tenant;
pub mod endpoints;
pub mod error;
pub mod keys;
pub mod party;
pub mod phone;
mod progress;
pub mod restore;
pub mod serve;
mod settings;
mod verify;
