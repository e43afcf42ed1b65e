//! What both services need around their domain. Nothing here knows what a tenant, a subject or a kind of caller means:
//! that is each service's. A thing is admitted only when both services use it today.

pub mod admission;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod db;
pub mod identity;
pub mod ids;
pub mod layers;
pub mod lifecycle;
pub mod mutant;
pub mod net;
pub mod page;
pub mod refusal;
pub mod server;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod telemetry;
pub mod text;
pub mod token;
