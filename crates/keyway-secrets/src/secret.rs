//! A secret and what is changed of it.

use std::fmt;
use std::num::NonZeroU64;

use keyway_core::{SecretValue, Timestamp};

use crate::{NewValue, Recipe, SecretAddress, StoreError};

/// The number of a secret's version: 1 when it is created, one more with each change.
///
/// It counts from 1 again when a secret is deleted and another one is created under its name,
/// so compare-and-set compares a [`SecretRevision`], which has the id, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretVersion(NonZeroU64);

impl SecretVersion {
    /// The version that a new secret has.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The version of this number; `None` for 0.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0.get()
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of a secret that no other state of any secret is equal to: its id and its version
/// (decision H73).
///
/// It is what compare-and-set compares: pass the header that you have read to
/// [`SecretChange::if_unchanged`], and the change happens only if the same secret still has the
/// same version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretRevision {
    /// The id of the secret.
    pub id: String,
    /// Its version; `None` in a store that keeps none. Such a store compares nothing, and answers
    /// [`Unsupported`](StoreError::Unsupported).
    pub version: Option<SecretVersion>,
}

/// What a store knows about a secret apart from its value (Locker seed, "List secrets"
/// and "Retrieve a secret").
///
/// What a store cannot keep is `None`: its [`Capabilities`](crate::Capabilities) say so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretHeader {
    /// An id that stays the same for the life of the secret and that a store does not
    /// give twice. A store without versions and without ids of its own uses the name.
    pub id: String,
    /// Name and environment.
    pub address: SecretAddress,
    /// What the owner says about it. Not a secret, but not shown to everybody either.
    pub description: Option<String>,
    /// The version, where the store keeps one.
    pub version: Option<SecretVersion>,
    /// When it was created, where the store keeps that.
    pub created: Option<Timestamp>,
    /// When it was changed last, where the store keeps that.
    pub modified: Option<Timestamp>,
}

impl SecretHeader {
    /// A header with an id and an address and nothing else known.
    pub fn new(id: impl Into<String>, address: SecretAddress) -> Self {
        Self { id: id.into(), address, description: None, version: None, created: None, modified: None }
    }

    /// Sets the description.
    #[must_use]
    pub fn with_description(mut self, description: Option<String>) -> Self {
        self.description = description;
        self
    }

    /// Sets the version.
    #[must_use]
    pub fn with_version(mut self, version: SecretVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Sets both dates.
    #[must_use]
    pub fn with_dates(mut self, created: Timestamp, modified: Timestamp) -> Self {
        self.created = Some(created);
        self.modified = Some(modified);
        self
    }

    /// The id and the version, which tell this state of the secret from every other one.
    pub fn revision(&self) -> SecretRevision {
        SecretRevision { id: self.id.clone(), version: self.version }
    }

    /// Compares the header that a secret has now with the revision that a write expects. A store
    /// that keeps versions calls it under the same lock, or with the same condition, that the
    /// write has.
    ///
    /// # Errors
    /// [`VersionConflict`](StoreError::VersionConflict) when it is another secret, or has another
    /// version.
    pub fn check_unchanged(&self, expected: Option<&SecretRevision>) -> Result<(), StoreError> {
        match expected {
            Some(expected) if expected.id != self.id || expected.version != self.version => {
                Err(StoreError::VersionConflict {
                    address: self.address.clone(),
                    expected: expected.clone(),
                    actual: self.revision(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// A secret as a store answers it: header and value.
#[derive(Clone, Debug)]
pub struct Secret {
    /// What is known apart from the value.
    pub header: SecretHeader,
    /// The value.
    pub value: SecretValue,
}

/// A secret to be created.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSecret {
    /// Name and environment.
    pub address: SecretAddress,
    /// The value, or that the store makes it.
    pub value: NewValue,
    /// What the owner says about it, at most [`MAX_DESCRIPTION_BYTES`].
    pub description: Option<String>,
}

/// The longest description in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 4096;

impl NewSecret {
    /// A new secret with this value, without a description.
    pub fn new(address: SecretAddress, value: SecretValue) -> Self {
        Self { address, value: NewValue::Given(value), description: None }
    }

    /// A new secret whose value the store makes (decision C11), without a description.
    /// [`Recipe::new`] leaves all to the settings of the store.
    pub fn generated(address: SecretAddress, recipe: Recipe) -> Self {
        Self { address, value: NewValue::Generated(recipe), description: None }
    }

    /// Sets the description.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// A change of a secret. What is not set stays as it is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SecretChange {
    /// The new value, or that the store makes one.
    pub value: Option<NewValue>,
    /// The new description; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    /// Change only if the secret still has this revision, else answer
    /// [`VersionConflict`](StoreError::VersionConflict).
    pub expected: Option<SecretRevision>,
}

impl SecretChange {
    /// A change of the value.
    pub fn value(value: SecretValue) -> Self {
        Self { value: Some(NewValue::Given(value)), ..Self::default() }
    }

    /// A change to a value that the store makes (decision C11): a new password in the place
    /// of the old one.
    pub fn generated(recipe: Recipe) -> Self {
        Self { value: Some(NewValue::Generated(recipe)), ..Self::default() }
    }

    /// A change of the description; `None` takes it away.
    pub fn description(description: Option<String>) -> Self {
        Self { description: Some(description), ..Self::default() }
    }

    /// Makes the change depend on the secret still being the one that was read, in the version
    /// that was read.
    #[must_use]
    pub fn if_unchanged(mut self, read: &SecretHeader) -> Self {
        self.expected = Some(read.revision());
        self
    }
}
