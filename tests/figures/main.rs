//! The figures of confirmed revocation, from the real binary: `cargo bench --workspace --bench revocation`, all of them, or only the parts
//! that are named behind it after `--`.
//!
//! Times mean little on a machine that others use, too: compare the lines of one table, which were measured in turns. Nothing
//! asserts a speed; what was to take place, as a node that confirms, is asserted.

// These serve the tests, too, which use more of them.
#[allow(dead_code)]
#[path = "../e2e/apart.rs"]
mod apart;
#[allow(dead_code)]
#[path = "../e2e/calls.rs"]
mod calls;
#[allow(dead_code)]
#[path = "../e2e/changes.rs"]
mod changes;
#[allow(dead_code)]
#[path = "../e2e/company.rs"]
mod company;
#[allow(dead_code)]
#[path = "../e2e/engine.rs"]
mod engine;
mod idling;
#[allow(dead_code)]
#[path = "../e2e/metrics.rs"]
mod metrics;
mod outages;
#[allow(dead_code)]
#[path = "../e2e/reader.rs"]
mod reader;
#[allow(dead_code)]
#[path = "../e2e/refusals.rs"]
mod refusals;
mod residue;
mod revoking;
#[allow(dead_code)]
#[path = "../e2e/running.rs"]
mod running;
mod sample;
#[allow(dead_code)]
#[path = "../e2e/waiting.rs"]
mod waiting;
#[allow(dead_code)]
#[path = "../e2e/wire.rs"]
mod wire;

const PARTS: [&str; 4] = ["revoking", "outages", "residue", "idling"];

#[tokio::main]
async fn main() {
    // Cargo adds options of its own.
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    println!("measured with {}", running::binary().display());
    for part in PARTS.into_iter().filter(|part| asked.is_empty() || asked.iter().any(|asked| asked == part)) {
        println!("\n## {part}\n");
        match part {
            "revoking" => revoking::measure().await,
            "outages" => outages::measure().await,
            "residue" => residue::measure().await,
            _ => idling::measure().await,
        }
    }
}
