//! Where a secret is looked for, and where it was found.

use std::fmt;

/// Where a client that stands in an environment looks for a secret (decision L1).
///
/// It matters only there: a client that stands in no environment reads the shared
/// secrets under either policy. It never matters for writes (decision L4): they change
/// the layer that the client stands in, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resolution {
    /// In the environment, and nowhere else.
    #[default]
    Exact,
    /// In the environment, else among the secrets of no environment, as Locker's own
    /// clients do. Costs at most one more read, and none when the environment has the
    /// secret. An environment that does not exist is still an error (decision L2).
    SharedFallback,
}

/// Which layer gave a secret (decision L1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The environment that the client stands in.
    Environment,
    /// The secrets that belong to no environment.
    Shared,
}

impl Layer {
    /// The layer as a log or a report shows it: `environment` or `shared`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Shared => "shared",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
