//! The check that a stored credential still opens its target (heartbeat).

use crate::Candidate;

/// The request to check the credentials of an account, outside of any session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verification {
    /// The account and the asset.
    pub candidate: Candidate,
}

impl Verification {
    /// Creates a request.
    pub const fn new(candidate: Candidate) -> Self {
        Self { candidate }
    }
}

/// The answer to a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verified {
    /// The stored credential opens the target.
    Opens,
    /// The target refuses the stored credential. A person has to repair it.
    Diverged,
    /// The store has no such account.
    NotFound,
    /// The target could not be asked.
    Unknown,
}
