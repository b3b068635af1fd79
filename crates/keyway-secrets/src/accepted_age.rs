//! Defines the maximum age of cached answers that the caller of a store accepts.

use std::time::Duration;

/// The maximum age of cached answers that a caller accepts.
///
/// A host may pass this age with the other [resources](crate::OpenContext::resources) of a store. A store that caches
/// answers then returns no older cached answer, and declares this age as its
/// [staleness](crate::Capabilities::staleness) if its own staleness is greater (decision L12). A store whose reads are
/// immediate can ignore the age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedAge(pub Duration);
