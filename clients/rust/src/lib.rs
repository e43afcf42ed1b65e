//! Crewline from Rust: calls that are retried safely, and streams that come back by themselves.
//!
//! ```ignore
//! let services = Services::new("http://127.0.0.1:50052", Some("http://127.0.0.1:50051"))?;
//! let tina = Client::new(services, token);
//! tina.send_message(SendMessageRequest { thread_id, body: "In ten minutes.".into(), ..Default::default() }).await?;
//! let mut thread = tina.watch_thread(thread_id, Position::AfterSeq(0));
//! while let Some(update) = thread.next().await { … }
//! ```
//!
//! `Client` is one identity over connections that all identities share. Its typed clients (`threads()`, `directory()`, …) make one attempt
//! for each call; `read` and `write` retry, and `watch_thread`, `watch_inbox` and
//! `watch_outbound` reconnect.

pub mod backoff;
pub mod client;
pub mod fault;
pub mod inbox;
pub mod keyed;
pub mod outbound;
pub mod retry;
pub mod services;
pub mod subscription;
pub mod thread;
pub mod token;

mod line;
mod pool;
mod transport;

pub use client::Client;
pub use services::Services;
pub use subscription::{Subscription, Update};
pub use token::TokenSource;
