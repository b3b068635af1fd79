//! Lists, a page at a time.

use std::fmt;

use keyway_core::SecretValue;

use crate::{EnvironmentName, SecretHeader};

/// Which secrets a list holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EnvironmentFilter {
    /// All secrets of all environments and those of none.
    #[default]
    All,
    /// The secrets that belong to no environment.
    Shared,
    /// The secrets of one environment. An environment that does not exist is
    /// [`EnvironmentNotFound`](crate::StoreError::EnvironmentNotFound), not an empty list.
    In(EnvironmentName),
}

/// What to list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListQuery {
    /// Which secrets.
    pub environment: EnvironmentFilter,
    /// Whether the values come along, in the same bulk read.
    pub with_values: bool,
    /// Where to go on: the cursor of the page before.
    pub after: Option<Cursor>,
    /// How many secrets a page holds at most; a store may give fewer, and gives at
    /// least one while there are more.
    pub limit: usize,
}

impl ListQuery {
    /// How many secrets a page holds when nothing else is said.
    pub const DEFAULT_LIMIT: usize = 100;

    /// The headers of all secrets from the beginning.
    pub fn all() -> Self {
        Self {
            environment: EnvironmentFilter::All,
            with_values: false,
            after: None,
            limit: Self::DEFAULT_LIMIT,
        }
    }

    /// Lists what `filter` says.
    #[must_use]
    pub fn of(mut self, filter: EnvironmentFilter) -> Self {
        self.environment = filter;
        self
    }

    /// Asks for the values too.
    #[must_use]
    pub fn with_values(mut self) -> Self {
        self.with_values = true;
        self
    }

    /// Goes on after the page that gave `cursor`.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Sets the largest number of secrets in a page; 0 counts as 1.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }
}

/// A place in a list. Opaque: only the store that gave it can read it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// A cursor that means something to the store that makes it. It must not hold a
    /// secret, because hosts hand cursors to their users.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The store's own bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} bytes)", self.0.len())
    }
}

/// A secret in a list.
#[derive(Clone, Debug)]
pub struct ListedSecret {
    /// What is known apart from the value.
    pub header: SecretHeader,
    /// The value, when the query asked for values.
    pub value: Option<SecretValue>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct SecretPage {
    /// The secrets of this page.
    pub secrets: Vec<ListedSecret>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Cursor>,
}
