//! The policy for searching layers, and the layer in which a secret was found.

use std::fmt;

/// The layers in which a client in an environment searches for a secret.
///
/// See decision L1.
///
/// A client without an environment reads the shared secrets under either policy. Writes ignore the
/// policy: they change the client's own layer, or nothing (decision L4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resolution {
    /// Searches the environment only.
    #[default]
    Exact,
    /// Searches the environment, then the shared secrets, as Locker's own clients do.
    ///
    /// It costs at most one more read, and none when the environment has the secret. A missing environment is still an
    /// error (decision L2).
    SharedFallback,
}

/// The layer in which a secret was found.
///
/// See decision L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The environment that the client works in.
    Environment,
    /// The secrets that belong to no environment.
    Shared,
}

impl Layer {
    /// Returns the layer as logs and reports show it: `environment` or `shared`.
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
