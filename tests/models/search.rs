//! Searching a model: to its end, or for the shortest way to break a promise.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use stateright::{Checker, Model};

/// The model keeps its promises in every state that it can come to, and can do each of its works.
pub fn exhaust<M>(name: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let began = Instant::now();
    let checker = model.checker().spawn_bfs().join();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{name}: {} states, at most {} steps away, in {seconds:.1} s",
        checker.unique_state_count(),
        checker.max_depth() - 1
    );
    checker.assert_properties();
}

/// The model, with this fault, breaks its only promise. The shortest way there has these steps among others, in this order: so that it
/// is broken by what the fault is about.
pub fn hunt<M>(fault: &str, model: M, through: &[&str], because: &str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let checker = model.checker().spawn_bfs().join();
    let Some((promise, path)) = checker.discoveries().into_iter().next() else {
        panic!("{fault}: nothing is broken in {} states", checker.unique_state_count());
    };
    let steps: Vec<String> = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
    println!("| {fault} | {promise} | {} steps | {because} |\n  {}", steps.len(), steps.join(", "));
    let mut taken = steps.iter();
    for step in through {
        assert!(taken.any(|taken| taken.starts_with(step)), "{fault}: no {step} in its place in {steps:?}");
    }
}
