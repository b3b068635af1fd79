//! Benchmarks of Keyway and its peers.
//!
//! `cargo xtask bench [AREA] [--json FILE]` measures every figure and decides whether it reaches its target.
//! `cargo bench --package keyway-benches` runs criterion over the same setups, to search for regressions.
//!
//! - [`measure`]: interleaved rounds, medians, processor time;
//! - [`row`]: a figure beside its target and its peer;
//! - [`areas`]: the measured areas, one file each;
//! - [`peers`]: the implementations with which Keyway is compared;
//! - [`generic_store`]: a filled store;
//! - [`shelf`]: a credential store that answers at once;
//! - [`hands`]: a clock that a measurement sets.

pub mod areas;
pub mod generic_store;
pub mod hands;
pub mod measure;
pub mod peers;
pub mod programs;
pub mod row;
pub mod shelf;
