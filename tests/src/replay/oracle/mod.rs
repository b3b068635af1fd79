//! Oracles: correct results, computed from inputs alone and without the code under test.

pub mod barbican;
pub mod base64;
pub mod json_text;
pub mod metadata;
pub mod sps;
pub mod version;
pub mod watts;
