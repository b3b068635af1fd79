//! A credential store that follows a script.

mod scripted;

pub use crate::scripted::Fault;
pub use scripted::{NoCredentials, ScriptedStore, Step, StoreCall, StoreEntry};
