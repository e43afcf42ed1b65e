//! Confirmed revocation as models: every state that a few processes, frames and clocks can come to, searched to the end.
//!
//! Three small models instead of one that never ends. Each is the protocol, and the protocol with one fault: the first must keep every
//! promise in every state, and be able to do its work; with a fault, the search must come to the promise that it breaks. What was searched
//! and found, with the shortest way to each broken promise:
//!
//! ```sh
//! cargo test -p crewline-models -- --nocapture --test-threads 1
//! ```

mod guarantee;
mod lease;
mod one_node;
mod search;
mod take_over;
mod two_nodes;
