//! Holds a record as it was read, and the claim on it.

use std::sync::Arc;
use std::time::Duration;

use keyway_core::Timestamp;
use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_time, put_u64};
use keyway_storage::Revision;

use super::key::Address;
use super::stored::Recorded;

/// A claim on a record: which run works on the record, and for how long.
///
/// See decision R5.
///
/// The record's revision is the fencing token: every commit of the owner is conditional on it, so an owner that lost
/// its claim can write nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The name of the host.
    pub(crate) host: Arc<str>,
    /// A number that no other run of a host has.
    pub(crate) run: u64,
    /// When the claim was made, by the owner's clock, which other hosts do not trust.
    pub(crate) made: Timestamp,
    /// When the claim was made or last renewed, by the same clock.
    pub(crate) from: Timestamp,
    /// How long the claim lasts.
    pub(crate) lasts: Duration,
}

impl Claim {
    pub(crate) fn ends(&self) -> Timestamp {
        self.from.plus(self.lasts)
    }

    /// Tells whether both are the same claim, which may have been renewed in between.
    pub(crate) fn is_same(&self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| (&self.host, self.run, self.made) == (&other.host, other.run, other.made))
    }

    pub(super) fn encoded_len(claim: Option<&Self>) -> usize {
        1 + claim.map_or(0, |claim| 4 * 8 + LENGTH_BYTES + claim.host.len())
    }

    pub(super) fn write(claim: Option<&Self>, out: &mut Vec<u8>) {
        put_optional(out, claim, |out, claim| {
            put_u64(out, claim.run);
            put_time(out, claim.made);
            put_time(out, claim.from);
            put_u64(out, u64::try_from(claim.lasts.as_millis()).unwrap_or(u64::MAX));
            put_text(out, &claim.host);
        });
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        reader.optional(|reader| {
            let (run, made, from) = (reader.u64()?, reader.time()?, reader.time()?);
            let lasts = Duration::from_millis(reader.u64()?);
            Ok(Self { run, made, from, lasts, host: reader.text()?.into() })
        })
    }
}

/// A record as it was read or will be written, with everything needed to change it.
pub(crate) struct Entry<R: Recorded> {
    pub(crate) address: Address,
    pub(super) key: Vec<u8>,
    pub(crate) fixed: R::Fixed,
    /// The sealed form of the fixed part; empty until it is stored.
    pub(super) sealed_fixed: Vec<u8>,
    /// The state; `None` if the record does not exist.
    pub(crate) state: Option<R::State>,
    pub(crate) claim: Option<Claim>,
    pub(super) revision: Option<Revision>,
}

impl<R: Recorded> std::fmt::Debug for Entry<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<R: Recorded> Entry<R> {
    /// Prepares a record that does not exist yet.
    pub(crate) fn new(address: Address, fixed: R::Fixed) -> Self {
        let key = address.key(R::KIND);
        Self { address, key, fixed, sealed_fixed: Vec::new(), state: None, claim: None, revision: None }
    }

    /// Returns the revision of the last write; `None` if the record does not exist.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// Marks the entry as nonexistent, after the record was found to be gone. A record that is made again is sealed
    /// anew, because the ring may have another first key than when the entry was read.
    pub(crate) fn forget(&mut self) {
        self.sealed_fixed.clear();
        self.state = None;
        self.claim = None;
        self.revision = None;
    }
}
