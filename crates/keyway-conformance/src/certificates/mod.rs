//! The scripted certificate authority.

mod scripted;

pub use scripted::{CaCall, CaEffect, Fault, ScriptedCa, Step};
