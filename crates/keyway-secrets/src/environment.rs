//! Describes environments: named layers of secrets (Locker seed, "List environments").

use keyway_core::Timestamp;

use crate::{Cursor, EnvironmentName};

/// An environment as a store returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// The name, unique in its store and case-sensitive.
    pub name: EnvironmentName,
    /// Any text that locates the environment; not checked to be a URL.
    pub external_url: Option<String>,
    /// When it was created, if the store records that.
    pub created: Option<Timestamp>,
    /// When it was last changed, if the store records that.
    pub modified: Option<Timestamp>,
}

impl Environment {
    /// Makes an environment without dates.
    pub fn new(name: EnvironmentName, external_url: Option<String>) -> Self {
        Self { name, external_url, created: None, modified: None }
    }

    /// Sets both dates.
    #[must_use]
    pub fn with_dates(mut self, created: Timestamp, modified: Timestamp) -> Self {
        self.created = Some(created);
        self.modified = Some(modified);
        self
    }
}

/// An environment to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEnvironment {
    /// The name.
    pub name: EnvironmentName,
    /// Any text that locates the environment, at most [`MAX_EXTERNAL_URL_BYTES`].
    pub external_url: Option<String>,
}

/// The maximum length of an `external_url`, in bytes.
pub const MAX_EXTERNAL_URL_BYTES: usize = 4096;

/// A change of an environment: the new `external_url`, or `None` to remove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentChange {
    /// The new `external_url`.
    pub external_url: Option<String>,
}

/// A page of environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentPage {
    /// The environments of this page.
    pub environments: Vec<Environment>,
    /// The start of the next page; `None` after the last one.
    pub next: Option<Cursor>,
}
