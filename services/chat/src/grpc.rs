//! The RPCs: decode, identity, one domain call, encode.

pub mod carrier;
pub mod threads;
