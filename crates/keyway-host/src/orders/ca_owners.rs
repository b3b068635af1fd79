//! The owners of subordinate authorities, and the authorities that owners prefer.

use std::collections::BTreeMap;

use keyway_certificates::{CaId, Owner};
use keyway_core::ErrorKind;

/// The owners of subordinate authorities, and the authority that each owner prefers (decision B19).
///
/// All ids are the host's own ids. A [`CaTable`](super::CaTable) gets the descriptions of authorities from the plugins,
/// but this part from the host's records, because no plugin knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CaOwners {
    owners: BTreeMap<CaId, Owner>,
    preferred: BTreeMap<Owner, CaId>,
    preferred_by_all: Option<CaId>,
}

/// The error for an authority that an owner must not use, prefer or delete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaRefusal {
    /// The authority does not exist, or it belongs to another owner. The error is the same for both, so that an owner
    /// learns nothing about other owners.
    #[error("there is no certificate authority \"{}\" for this owner: list the authorities again", ca.as_str().escape_debug())]
    Unknown {
        /// The id that was given.
        ca: CaId,
    },
    /// The authority is a base authority: the host did not create it.
    #[error("the certificate authority \"{}\" is a base authority, and cannot be deleted", ca.as_str().escape_debug())]
    Base {
        /// The authority.
        ca: CaId,
    },
    /// The owner prefers this authority and has others. After its deletion, one of the others would be used although
    /// the owner did not choose it.
    #[error(
        "the certificate authority \"{}\" is the preferred one of its owner, which has others: prefer another one first",
        ca.as_str().escape_debug()
    )]
    Preferred {
        /// The authority.
        ca: CaId,
    },
    /// The authority has an owner, so it cannot be the preference of all owners.
    #[error("the certificate authority \"{}\" has an owner, and is for its use alone", ca.as_str().escape_debug())]
    Owned {
        /// The authority.
        ca: CaId,
    },
}

impl CaRefusal {
    /// Returns the kind of the error.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::Base { .. } | Self::Owned { .. } => ErrorKind::Denied,
            Self::Preferred { .. } => ErrorKind::Conflict,
        }
    }
}

impl CaOwners {
    /// Returns the owner of a subordinate authority, and `None` for a base authority.
    pub(super) fn owner_of(&self, ca: &CaId) -> Option<&Owner> {
        self.owners.get(ca)
    }

    /// Tells whether an owner may use an authority that exists.
    pub(super) fn may_use(&self, owner: &Owner, ca: &CaId) -> bool {
        self.owners.get(ca).is_none_or(|of| of == owner)
    }

    /// Returns the authority that an owner prefers: the owner's own choice, or else the preference of all owners.
    pub(super) fn preferred(&self, owner: &Owner) -> Option<&CaId> {
        self.preferred.get(owner).or(self.preferred_by_all.as_ref())
    }

    /// Checks whether an owner may delete an authority that exists.
    pub(super) fn check_delete(&self, owner: &Owner, ca: &CaId) -> Result<(), CaRefusal> {
        let ca = || ca.clone();
        match self.owners.get(&ca()) {
            None => Err(CaRefusal::Base { ca: ca() }),
            Some(of) if of != owner => Err(CaRefusal::Unknown { ca: ca() }),
            Some(_) if self.preferred.get(owner) == Some(&ca()) && self.of(owner).count() > 1 => {
                Err(CaRefusal::Preferred { ca: ca() })
            }
            Some(_) => Ok(()),
        }
    }

    pub(super) fn add(&mut self, ca: CaId, owner: Owner) {
        self.owners.insert(ca, owner);
    }

    /// Removes an authority, and every preference for it.
    pub(super) fn remove(&mut self, ca: &CaId) {
        self.owners.remove(ca);
        self.preferred.retain(|_, preferred| preferred != ca);
        self.preferred_by_all.take_if(|preferred| preferred == ca);
    }

    /// Copies the stored preference of an owner, or of all owners, into the table.
    pub(super) fn set_preferred(&mut self, owner: Option<&Owner>, ca: Option<&CaId>) {
        match (owner, ca) {
            (Some(owner), Some(ca)) => drop(self.preferred.insert(owner.clone(), ca.clone())),
            (Some(owner), None) => drop(self.preferred.remove(owner)),
            // The preference of all owners is ignored if the preferred authority has an owner. Another host may have
            // stored the preference before the authority got its owner.
            (None, ca) => self.preferred_by_all = ca.filter(|ca| !self.owners.contains_key(*ca)).cloned(),
        }
    }

    /// Lists the subordinate authorities of an owner.
    pub(super) fn of(&self, owner: &Owner) -> impl Iterator<Item = &CaId> {
        self.owners.iter().filter(move |(_, of)| *of == owner).map(|(ca, _)| ca)
    }
}
