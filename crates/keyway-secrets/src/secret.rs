//! Describes a secret and its changes.

use std::fmt;
use std::num::NonZeroU64;

use keyway_core::{SecretValue, Timestamp};

use crate::{NewValue, Recipe, SecretAddress, StoreError};

/// The version number of a secret: 1 at its creation, and one more after each change.
///
/// If a secret is deleted and another is created under its name, the number starts from 1 again. So
/// compare-and-set compares a [`SecretRevision`], which also holds the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretVersion(NonZeroU64);

impl SecretVersion {
    /// The version of a new secret.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// Makes the version with this number; `None` for 0.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Returns the number.
    pub const fn number(self) -> u64 {
        self.0.get()
    }

    /// Returns the next version.
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

/// The id and the version of a secret, which identify one state of it.
///
/// See decision H73.
///
/// Compare-and-set compares revisions: pass the header that you have read to [`SecretChange::if_unchanged`], and the
/// change happens only if the same secret still has the same version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretRevision {
    /// The id of the secret.
    pub id: String,
    /// Its version; `None` if the store keeps no versions. Such a store returns
    /// [`Unsupported`](StoreError::Unsupported) for a comparison.
    pub version: Option<SecretVersion>,
}

/// Everything that a store knows about a secret except the value (Locker seed, "List secrets" and
/// "Retrieve a secret").
///
/// A property that a store cannot keep is `None`. The [`Capabilities`](crate::Capabilities) of a store tell which
/// properties it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretHeader {
    /// An id that stays the same for the life of the secret and that the store never reuses. A
    /// store without versions and without its own ids uses the name.
    pub id: String,
    /// The name and environment.
    pub address: SecretAddress,
    /// The owner's description. It is not a secret, but not public either.
    pub description: Option<String>,
    /// The version, if the store keeps versions.
    pub version: Option<SecretVersion>,
    /// When the secret was created, if the store records that.
    pub created: Option<Timestamp>,
    /// When the secret was last changed, if the store records that.
    pub modified: Option<Timestamp>,
}

impl SecretHeader {
    /// Makes a header with only an id and an address.
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

    /// Returns the id and version, which identify this state of the secret.
    pub fn revision(&self) -> SecretRevision {
        SecretRevision { id: self.id.clone(), version: self.version }
    }

    /// Compares the current header of a secret with the revision that a write expects. A store that keeps versions
    /// makes this check under the lock of the write, or makes the write conditional on the checked header.
    ///
    /// # Errors
    /// [`VersionConflict`](StoreError::VersionConflict) if the header has another id or another version.
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

/// A secret as a store returns it: header and value.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The header of the secret.
    pub header: SecretHeader,
    /// The value.
    pub value: SecretValue,
}

/// A secret to create.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSecret {
    /// The name and environment.
    pub address: SecretAddress,
    /// The value, or the recipe by which the store generates it.
    pub value: NewValue,
    /// The owner's description, at most [`MAX_DESCRIPTION_BYTES`].
    pub description: Option<String>,
}

/// The maximum length of a description, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 4096;

/// Checks the length of a description, for plugins.
///
/// # Errors
/// [`StoreError::TooLarge`] if the description has more than [`MAX_DESCRIPTION_BYTES`].
pub fn check_description(description: Option<&str>) -> Result<(), StoreError> {
    match description.map_or(0, str::len) {
        bytes if bytes > MAX_DESCRIPTION_BYTES => {
            Err(StoreError::TooLarge { what: "the description", bytes, limit: MAX_DESCRIPTION_BYTES })
        }
        _ => Ok(()),
    }
}

impl NewSecret {
    /// Makes a new secret with this value, without a description.
    pub fn new(address: SecretAddress, value: SecretValue) -> Self {
        Self { address, value: NewValue::Given(value), description: None }
    }

    /// Makes a new secret whose value the store generates, without a description. With
    /// [`Recipe::new`] the value follows the settings of the store (decision C11).
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

/// A change of a secret. Parts that are `None` stay unchanged.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SecretChange {
    /// The new value, or the recipe by which the store generates it.
    pub value: Option<NewValue>,
    /// The new description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// The revision that the secret must still have; otherwise the store returns
    /// [`VersionConflict`](StoreError::VersionConflict).
    pub expected: Option<SecretRevision>,
}

impl SecretChange {
    /// Changes the value.
    pub fn value(value: SecretValue) -> Self {
        Self { value: Some(NewValue::Given(value)), ..Self::default() }
    }

    /// Replaces the value with one that the store generates, such as a new password.
    ///
    /// See decision C11.
    pub fn generated(recipe: Recipe) -> Self {
        Self { value: Some(NewValue::Generated(recipe)), ..Self::default() }
    }

    /// Changes the description; `None` removes it.
    pub fn description(description: Option<String>) -> Self {
        Self { description: Some(description), ..Self::default() }
    }

    /// Makes the change conditional: it happens only if the secret is still the one that was read, in the same version.
    #[must_use]
    pub fn if_unchanged(mut self, read: &SecretHeader) -> Self {
        self.expected = Some(read.revision());
        self
    }
}
