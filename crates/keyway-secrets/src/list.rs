//! Lists secrets page by page.

use std::fmt;

use keyway_core::SecretValue;

use crate::{EnvironmentName, SecretHeader};

/// The environments whose secrets are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EnvironmentFilter {
    /// All secrets, with and without an environment.
    #[default]
    All,
    /// The secrets that belong to no environment.
    Shared,
    /// The secrets of one environment. An environment that does not exist is
    /// [`EnvironmentNotFound`](crate::StoreError::EnvironmentNotFound), not an empty list.
    In(EnvironmentName),
}

/// The query for a page of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListQuery {
    /// The secrets to list.
    pub environment: EnvironmentFilter,
    /// Whether to read the values, too, in the same bulk read.
    pub with_values: bool,
    /// The cursor of the previous page. The list continues after it.
    pub after: Option<Cursor>,
    /// The maximum number of secrets in a page. A store may return fewer, but returns at least one if there are more.
    pub limit: usize,
}

impl ListQuery {
    /// The default limit of a page.
    pub const DEFAULT_LIMIT: usize = 100;

    /// Lists the headers of all secrets from the start.
    pub fn all() -> Self {
        Self {
            environment: EnvironmentFilter::All,
            with_values: false,
            after: None,
            limit: Self::DEFAULT_LIMIT,
        }
    }

    /// Lists the secrets that `filter` selects.
    #[must_use]
    pub fn of(mut self, filter: EnvironmentFilter) -> Self {
        self.environment = filter;
        self
    }

    /// Adds the values to the list.
    #[must_use]
    pub fn with_values(mut self) -> Self {
        self.with_values = true;
        self
    }

    /// Continues after the page that returned `cursor`.
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

/// A position in a list. It is opaque: only the store that made it can read it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// Makes a cursor from the store's own bytes. They must not hold a secret, because hosts pass
    /// cursors to their users.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the store's own bytes.
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
    /// The header of the secret.
    pub header: SecretHeader,
    /// The value, when the query asked for values.
    pub value: Option<SecretValue>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct SecretPage {
    /// The secrets of this page.
    pub secrets: Vec<ListedSecret>,
    /// The start of the next page; `None` after the last one.
    pub next: Option<Cursor>,
}
