//! Locks, with which an operator prevents new check-outs.

use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_time};
use keyway_core::{InvalidText, Timestamp};
use keyway_credentials::{Account, Asset, Candidate, CredentialStoreName, Holder};

use crate::records::{RecordKind, Recorded, Stored};

/// A lock against new check-outs. It does not affect existing check-outs: check them in by
/// [`Sessions::check_in`](super::Sessions::check_in).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lock {
    /// The target.
    pub target: LockTarget,
    /// The operator.
    pub by: Holder,
    /// The reason, which the user of a session does not see.
    pub reason: String,
    /// The end of the lock; `None` for no end.
    pub until: Option<Timestamp>,
}

impl Lock {
    /// Creates a lock without an end.
    pub fn new(target: LockTarget, by: Holder, reason: impl Into<String>) -> Self {
        Self { target, by, reason: reason.into(), until: None }
    }

    /// Sets the end.
    #[must_use]
    pub const fn until(mut self, end: Timestamp) -> Self {
        self.until = Some(end);
        self
    }

    /// Tells whether the lock prevents the host from asking for a candidate.
    pub(super) fn stops(
        &self,
        now: Timestamp,
        store: &CredentialStoreName,
        holder: Option<&Holder>,
        candidate: Option<&Candidate>,
    ) -> bool {
        let is_meant = match &self.target {
            LockTarget::Everything => true,
            LockTarget::Store(locked) => locked == store,
            LockTarget::Holder(locked) => holder == Some(locked),
            LockTarget::Account(locked) => candidate.is_some_and(|it| it.account == *locked),
            LockTarget::Asset(locked) => candidate.is_some_and(|it| it.asset == *locked),
        };
        is_meant && self.until.is_none_or(|until| now < until)
    }
}

/// The target of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockTarget {
    /// Every store.
    Everything,
    /// A credential store.
    Store(CredentialStoreName),
    /// An account, at every asset and in every store.
    Account(Account),
    /// An asset.
    Asset(Asset),
    /// A person.
    Holder(Holder),
}

impl LockTarget {
    /// Returns the number of the target's kind, and the target's name. The number is stored and never changes.
    pub(super) fn parts(&self) -> (u8, &str) {
        match self {
            Self::Everything => (0, ""),
            Self::Store(name) => (1, name.as_str()),
            Self::Account(account) => (2, account.as_str()),
            Self::Asset(asset) => (3, asset.as_str()),
            Self::Holder(holder) => (4, holder.as_str()),
        }
    }
}

/// The records of locks.
#[derive(Debug)]
pub(super) struct Locks;

impl Recorded for Locks {
    const KIND: RecordKind = RecordKind::SessionLock;
    type Fixed = LockTarget;
    type State = Lock;
}

impl Stored for LockTarget {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        1 + LENGTH_BYTES + self.parts().1.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (kind, name) = self.parts();
        out.push(kind);
        put_text(out, name);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (kind, name) = (reader.byte()?, reader.text()?);
        let read = || -> Result<Option<Self>, InvalidText> {
            Ok(Some(match kind {
                0 => Self::Everything,
                1 => Self::Store(CredentialStoreName::new(name)?),
                2 => Self::Account(Account::new(name)?),
                3 => Self::Asset(Asset::new(name)?),
                4 => Self::Holder(Holder::new(name)?),
                _ => return Ok(None),
            }))
        };
        read().ok().flatten().ok_or(Malformed { expected: "the target of a lock" })
    }
}

impl Stored for Lock {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        self.target.encoded_len() + 2 * LENGTH_BYTES + self.by.as_str().len() + self.reason.len() + 1 + 8
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.target.write(out);
        put_text(out, self.by.as_str());
        put_text(out, &self.reason);
        put_optional(out, self.until, put_time);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let target = LockTarget::read(reader)?;
        let by = Holder::new(reader.text()?).map_err(|_| Malformed { expected: "an operator" })?;
        let reason = reader.text()?.to_owned();
        Ok(Self { target, by, reason, until: reader.optional(Reader::time)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> [LockTarget; 5] {
        [
            LockTarget::Everything,
            LockTarget::Store(CredentialStoreName::new("hall").unwrap()),
            LockTarget::Account(Account::new("root").unwrap()),
            LockTarget::Asset(Asset::new("web1").unwrap()),
            LockTarget::Holder(Holder::new("joe").unwrap()),
        ]
    }

    #[test]
    fn locks_come_back() {
        for target in targets() {
            let lock =
                Lock::new(target, Holder::new("ada").unwrap(), "incident 7").until(Timestamp::default());
            let mut bytes = Vec::new();
            lock.write(&mut bytes);
            assert!(bytes.len() <= lock.encoded_len());
            assert_eq!(Lock::read(&mut Reader::new(&bytes)), Ok(lock));
            for cut in 0..bytes.len() {
                assert!(Lock::read(&mut Reader::new(&bytes[..cut])).is_err());
            }
        }
    }

    #[test]
    fn each_lock_stops_its_target_until_its_end() {
        let (now, end) = (Timestamp::from_milliseconds(5), Timestamp::from_milliseconds(6));
        let hall = CredentialStoreName::new("hall").unwrap();
        let joe = Holder::new("joe").unwrap();
        let root = Candidate::new(Account::new("root").unwrap(), Asset::new("web1").unwrap());
        let other = Candidate::new(Account::new("web1").unwrap(), Asset::new("root").unwrap());
        for target in targets() {
            let lock = Lock::new(target.clone(), joe.clone(), "").until(end);
            assert!(lock.stops(now, &hall, Some(&joe), Some(&root)), "{target:?}");
            assert!(!lock.stops(end, &hall, Some(&joe), Some(&root)), "{target:?}");
            let cellar = CredentialStoreName::new("cellar").unwrap();
            let stops_other = lock.stops(now, &cellar, None, Some(&other));
            assert_eq!(stops_other, target == LockTarget::Everything, "{target:?}");
        }
    }
}
