//! The age of answers that the caller of a store accepts.

use std::time::Duration;

/// The age up to which a caller accepts answers that a store kept.
///
/// A host may lend it with the other [resources](crate::OpenContext::resources) of a store. A store that keeps answers returns none
/// that is older, and declares the smaller [staleness](crate::Capabilities::staleness) (decision L12). A store whose reads are
/// immediate need not look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedAge(pub Duration);
