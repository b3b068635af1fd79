//! A certificate authority in the table, and the descriptions that the table rejects.

use keyway_certificates::{AuthorityName, CaId, CaInformation};
use sha2::{Digest as _, Sha256};

/// A certificate authority as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostedCa {
    /// The host's id. A client names it in `ca_id`. It is computed from the connection and the plugin's id, so it is
    /// the same in each process and after a restart.
    pub id: CaId,
    /// The connection.
    pub authority: AuthorityName,
    /// The plugin's description, with the plugin's own id.
    pub information: CaInformation,
}

/// A description that the table rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{authority}: the certificate authority \"{}\" is left out: {because}", ca.as_str().escape_debug())]
#[non_exhaustive]
pub struct RejectedCa {
    /// The connection.
    pub authority: AuthorityName,
    /// The plugin's id of the authority.
    pub ca: CaId,
    /// The reason for the rejection.
    pub because: RejectedCaBecause,
}

/// The reasons for which the table rejects a description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectedCaBecause {
    /// The name is empty, is too long, or has control characters.
    #[error("its name must have 1 to {limit} bytes and no control characters")]
    Name {
        /// The allowed number of bytes.
        limit: usize,
    },
    /// The plugin listed the id twice. The first description is used.
    #[error("the plugin listed this id twice")]
    SameId,
    /// Another authority has the same name.
    #[error("{holder} has an authority with the name already: rename one of them")]
    NameTaken {
        /// The connection of the other authority.
        holder: AuthorityName,
    },
}

/// Returns the host's id of an authority.
pub(super) fn host_id(authority: &AuthorityName, ca: &CaId) -> CaId {
    let mut hash = Sha256::new();
    // The name of a connection has no slash, so the slash separates the two parts unambiguously.
    hash.update(authority.as_str());
    hash.update("/");
    hash.update(ca.as_str());
    let number = hash.finalize()[..16].iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
    // This text always has the form of an id, so the fallback is never used.
    CaId::new(format!("ca-{number:032x}")).unwrap_or_else(|_| ca.clone())
}
