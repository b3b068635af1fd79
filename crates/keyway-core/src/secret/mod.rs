//! Secret values: bytes with a media kind, never printed, zeroized on drop (decision C14).

mod json;
mod structured;
mod value;

pub use structured::{Integer, Structured, Table};
pub use value::{MediaKind, SecretValue};
