//! The engines that a host runs Keyway plugins with.

mod sealed_records;
pub mod stores;

pub use sealed_records::RecordError;
