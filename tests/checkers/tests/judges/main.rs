//! The judges on histories made by hand: what must pass, what must be found, and what is nearly the one or the other.

mod asking;
mod commit_order;
mod doubles;
mod gaps;
mod ledger;
mod liveness;
mod real_time;
mod records;
mod sample;
mod sends;
mod size;
