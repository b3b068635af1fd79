//! Describes the operation that a layer sees.

use std::fmt;

use keyway_core::MediaKind;
use keyway_seal::KeyRing;

use crate::{Cursor, EnvironmentFilter, EnvironmentName, ListQuery, SecretAddress, SecretRevision};

/// One operation of a [`SecretStore`](crate::SecretStore), as
/// [`SecretStoreLayer::around`](crate::SecretStoreLayer::around) sees it.
///
/// It holds no value and no setting, so it can be logged: `modify("a", text if version 3)`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Call<'a> {
    /// [`SecretStore::written_by`](crate::SecretStore::written_by).
    WrittenBy,
    /// [`SecretStore::initialize`](crate::SecretStore::initialize).
    Initialize,
    /// [`SecretStore::rotate`](crate::SecretStore::rotate).
    #[non_exhaustive]
    Rotate {
        /// The keys to move to.
        new: &'a KeyRing,
    },
    /// [`SecretStore::create`](crate::SecretStore::create).
    #[non_exhaustive]
    Create {
        /// The address of the new secret.
        address: &'a SecretAddress,
        /// The kind of its value.
        kind: MediaKind,
    },
    /// [`SecretStore::destroy`](crate::SecretStore::destroy).
    #[non_exhaustive]
    Destroy {
        /// The address of the secret.
        address: &'a SecretAddress,
        /// The revision that the secret must have, if there is a condition.
        expected: Option<&'a SecretRevision>,
    },
    /// [`SecretStore::get`](crate::SecretStore::get).
    #[non_exhaustive]
    Get {
        /// The address of the secret.
        address: &'a SecretAddress,
    },
    /// [`SecretStore::modify`](crate::SecretStore::modify).
    #[non_exhaustive]
    Modify {
        /// The address of the secret.
        address: &'a SecretAddress,
        /// The kind of the new value, if the value changes.
        kind: Option<MediaKind>,
        /// Whether the description changes.
        describes: bool,
        /// The revision that the secret must have, if there is a condition.
        expected: Option<&'a SecretRevision>,
    },
    /// [`SecretStore::write_all`](crate::SecretStore::write_all).
    #[non_exhaustive]
    WriteAll {
        /// The number of writes.
        writes: usize,
    },
    /// [`SecretStore::list`](crate::SecretStore::list).
    #[non_exhaustive]
    List {
        /// The query.
        query: &'a ListQuery,
    },
    /// [`SecretStore::configure`](crate::SecretStore::configure).
    #[non_exhaustive]
    Configure {
        /// How many settings are written; `None` if they are only read.
        written: Option<usize>,
    },
    /// [`SecretStore::info`](crate::SecretStore::info).
    Info,
    /// [`SecretStore::exact_info`](crate::SecretStore::exact_info).
    ExactInfo,
    /// [`SecretStore::marked_for_delete`](crate::SecretStore::marked_for_delete).
    MarkedForDelete,
    /// [`SecretStore::list_environments`](crate::SecretStore::list_environments).
    #[non_exhaustive]
    ListEnvironments {
        /// The cursor of the previous page, if there was one.
        after: Option<&'a Cursor>,
        /// The maximum number of environments that the caller wants.
        limit: usize,
    },
    /// [`SecretStore::retrieve_environment`](crate::SecretStore::retrieve_environment).
    #[non_exhaustive]
    RetrieveEnvironment {
        /// The name of the environment.
        name: &'a EnvironmentName,
    },
    /// [`SecretStore::create_environment`](crate::SecretStore::create_environment).
    #[non_exhaustive]
    CreateEnvironment {
        /// The name of the environment.
        name: &'a EnvironmentName,
    },
    /// [`SecretStore::modify_environment`](crate::SecretStore::modify_environment).
    #[non_exhaustive]
    ModifyEnvironment {
        /// The name of the environment.
        name: &'a EnvironmentName,
    },
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrittenBy => f.write_str("written_by()"),
            Self::Initialize => f.write_str("initialize()"),
            Self::Rotate { new } => write!(f, "rotate({new:?})"),
            Self::Create { address, kind } => write!(f, "create({address}, {kind})"),
            Self::Destroy { address, expected } => write!(f, "destroy({address}{})", Condition(*expected)),
            Self::Get { address } => write!(f, "get({address})"),
            Self::Modify { address, kind, describes, expected } => {
                write!(f, "modify({address}, ")?;
                match (kind, describes) {
                    (Some(kind), false) => write!(f, "{kind}"),
                    (Some(kind), true) => write!(f, "{kind} and description"),
                    (None, true) => f.write_str("description"),
                    (None, false) => f.write_str("nothing"),
                }?;
                write!(f, "{})", Condition(*expected))
            }
            Self::WriteAll { writes } => write!(f, "write_all({writes} writes)"),
            Self::List { query } => {
                f.write_str("list(")?;
                match &query.environment {
                    EnvironmentFilter::All => f.write_str("all"),
                    EnvironmentFilter::Shared => f.write_str("shared"),
                    EnvironmentFilter::In(environment) => write!(f, "of {:?}", environment.as_str()),
                }?;
                f.write_str(if query.with_values { " with values" } else { "" })?;
                f.write_str(if query.after.is_some() { " after a cursor" } else { "" })?;
                write!(f, ", at most {})", query.limit)
            }
            Self::Configure { written: None } => f.write_str("configure(read)"),
            Self::Configure { written: Some(number) } => write!(f, "configure(write {number} settings)"),
            Self::Info => f.write_str("info()"),
            Self::ExactInfo => f.write_str("exact_info()"),
            Self::MarkedForDelete => f.write_str("marked_for_delete()"),
            Self::ListEnvironments { after, limit } => {
                write!(f, "list_environments({}at most {limit})", after.map_or("", |_| "after a cursor, "))
            }
            Self::RetrieveEnvironment { name } => write!(f, "retrieve_environment({name})"),
            Self::CreateEnvironment { name } => write!(f, "create_environment({name})"),
            Self::ModifyEnvironment { name } => write!(f, "modify_environment({name})"),
        }
    }
}

/// Prints the revision that a call demands.
struct Condition<'a>(Option<&'a SecretRevision>);

impl fmt::Display for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.map(|expected| expected.version) {
            None => Ok(()),
            Some(Some(version)) => write!(f, " if version {version}"),
            Some(None) => f.write_str(" if unchanged"),
        }
    }
}
