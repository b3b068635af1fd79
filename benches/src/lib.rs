//! Benchmarks of Keyway and the peers they are measured against.
//!
//! `cargo xtask bench [AREA] [--json FILE]` measures and holds every figure against its target; it is what
//! decides. `cargo bench --package keyway-benches` runs criterion over the same setups, for people who look
//! for a regression.
//!
//! - [`measure`]: interleaved rounds, medians, processor time;
//! - [`row`]: a figure beside its target and its peer;
//! - [`areas`]: what is measured, one file an area;
//! - [`peers`]: what it is measured against;
//! - [`generic_store`]: a filled store.

pub mod areas;
pub mod generic_store;
pub mod measure;
pub mod peers;
pub mod row;
