//! Benchmarks.

pub mod alerts;
pub mod pruned;
pub mod structs;
