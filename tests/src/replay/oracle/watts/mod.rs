//! The issuers' decisions W1 to W9, implemented independently of the code under test.

pub mod answer;
pub mod base64;
pub mod description;
mod erlang;
pub mod gate;
pub mod input;
mod plain;

pub use answer::{Answer, Reading};
pub use plain::Plain;
