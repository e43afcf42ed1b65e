//! A seed stands for one history, in every process.

use std::process::Command;

/// What the simulation of a seed says last: the hash of all that happened.
fn hash_of(seed: u64) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_crewline-simulation"))
        .args(["--seed", &seed.to_string(), "--brief"])
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().find_map(|line| line.strip_prefix("hash: ")).unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn a_seed_is_the_same_in_fresh_processes_and_another_one_differs() {
    for seed in [3, 4] {
        assert_eq!(hash_of(seed), hash_of(seed), "seed {seed}");
    }
    assert_ne!(hash_of(3), hash_of(4));
}
