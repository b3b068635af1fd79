//! Benchmarks of Keyway and the peers they are measured against.
//!
//! `cargo xtask bench [AREA] [--json FILE]` measures and holds every figure against its target; it is what
//! decides. `cargo bench --package keyway-benches` runs criterion over the same setups, for people who look
//! for a regression.
//!
//! - [`measure`]: interleaved rounds, medians, processor time;
//! - [`row`]: a figure beside its target and its peer;
//! - [`areas`]: what is measured, one file an area;
//! - [`peers`]: what it is measured against.

pub mod areas;
pub mod measure;
pub mod peers;
pub mod row;
