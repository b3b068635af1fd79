//! The age of answers that the caller of a store accepts.

use std::time::Duration;

/// The maximum age of kept answers that a caller accepts.
///
/// A host may lend this age with the other [resources](crate::OpenContext::resources) of a store. A store that keeps
/// answers then returns no kept answer that is older, and declares this age as its
/// [staleness](crate::Capabilities::staleness) if its own is greater (decision L12). A store whose reads are immediate
/// can ignore the age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedAge(pub Duration);
