//! What all four Keyway contracts stand on.

mod clock;
mod error;
mod resources;
mod secret;

pub use clock::{Clock, SystemClock, Timestamp};
pub use error::{ErrorKind, PluginError};
pub use resources::{MissingResource, Resources};
pub use secret::{Integer, MediaKind, SecretValue, Structured, Table};
