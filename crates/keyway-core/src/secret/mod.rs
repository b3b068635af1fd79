//! Secret values, which have a media kind, are never printed, and are zeroized on drop.
//!
//! See decision C14.

mod json;
mod json_text;
mod structured;
mod text;
mod value;

pub use json_text::{JsonTextError, JsonTextFault, unescape_json};
pub use structured::{Integer, Structured, Table};
pub use text::SecretText;
pub use value::{MediaKind, SecretValue};
