//! The client: what it knows, and where it stands.

mod builder;
mod environments;
mod reading;
mod transfer;
mod writing;

use std::fmt;
use std::sync::Arc;

use keyway_secrets::{EnvironmentFilter, EnvironmentName, NameError, SecretAddress, SecretName, SecretStore};

pub use builder::SecretsBuilder;
pub use transfer::ImportPlan;

use crate::{AccessAudit, Error, Resolution};

/// The client that an application reads and writes its secrets with (Locker seed,
/// "Usages"), over any [`SecretStore`].
///
/// A client *stands* in one place: among the shared secrets, or in an environment.
/// [`in_environment`](Self::in_environment) answers the same client in another place, so
/// that every operation takes the key and nothing else.
///
/// | for | call | a secret that is not there |
/// | --- | --- | --- |
/// | the text | [`get`](Self::get) | `None` |
/// | the text or a default | [`get_or`](Self::get_or) | the default |
/// | the text | [`get_required`](Self::get_required) | an error |
/// | value of any kind, header and layer | [`find`](Self::find) | `None` |
/// | value of any kind, header and layer | [`retrieve`](Self::retrieve) | an error |
///
/// # Clones and threads
/// A clone is cheap, shares the store, and may be used on any thread; no lock is needed
/// (decision L11).
///
/// # Cancel safety
/// Every future may be dropped. A read that was dropped did nothing but count as a read.
/// Whether a write that was dropped took effect is not known: read to find out. The audit
/// hook is told [`Cancelled`](crate::AccessOutcome::Cancelled). A future that was never polled
/// did nothing, and is not reported.
///
/// # Blocking
/// The futures block their thread only if the store declares that it blocks; stores that
/// `keyway-host` opened never do. [`blocking::Secrets`](crate::blocking::Secrets) has the
/// same methods without futures.
#[derive(Clone)]
pub struct Secrets {
    core: Arc<Core>,
    requester: Option<Arc<str>>,
    place: Place,
    resolution: Resolution,
}

/// What all clones of a client share.
struct Core {
    store: Arc<dyn SecretStore>,
    audit: Option<Arc<dyn AccessAudit>>,
    name: Option<String>,
}

/// Where a client stands.
#[derive(Clone)]
enum Place {
    Shared,
    In(Arc<EnvironmentName>),
    /// A name that no environment can have. Every operation answers the reason, so that
    /// standing somewhere needs no error of its own: an environment that does not exist
    /// is not noticed earlier either.
    Nowhere(NameError),
}

impl Place {
    fn named(environment: &str) -> Self {
        match EnvironmentName::new(environment) {
            Ok(name) => Self::In(Arc::new(name)),
            Err(error) => Self::Nowhere(error),
        }
    }
}

impl Secrets {
    /// A client that stands among the shared secrets and resolves exactly, without a name,
    /// a requester and an audit hook.
    pub fn new(store: Arc<dyn SecretStore>) -> Self {
        Self::builder(store).build()
    }

    /// A client with more than a store.
    pub fn builder(store: Arc<dyn SecretStore>) -> SecretsBuilder {
        SecretsBuilder::new(store)
    }

    /// The same client, standing in an environment. Neither I/O nor a check that the
    /// environment exists: the first operation answers
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), or
    /// [`InvalidName`](Error::InvalidName) for a name that no environment can have.
    #[must_use]
    pub fn in_environment(&self, environment: &str) -> Self {
        Self { place: Place::named(environment), ..self.clone() }
    }

    /// The same client, standing among the secrets that belong to no environment.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self { place: Place::Shared, ..self.clone() }
    }

    /// The same client with another policy.
    #[must_use]
    pub fn with_resolution(&self, resolution: Resolution) -> Self {
        Self { resolution, ..self.clone() }
    }

    /// The same client for another requester: what the audit hook is told about who asks.
    #[must_use]
    pub fn on_behalf_of(&self, requester: &str) -> Self {
        Self { requester: Some(requester.into()), ..self.clone() }
    }

    /// The environment that the client stands in.
    pub fn environment(&self) -> Option<&str> {
        match &self.place {
            Place::In(name) => Some(name.as_str()),
            Place::Shared | Place::Nowhere(_) => None,
        }
    }

    /// The policy.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// The name of the client, where it has one.
    pub fn name(&self) -> Option<&str> {
        self.core.name.as_deref()
    }

    /// Who asks, where that was said.
    pub fn requester(&self) -> Option<&str> {
        self.requester.as_deref()
    }

    /// The store under the client.
    pub fn store(&self) -> &Arc<dyn SecretStore> {
        &self.core.store
    }

    pub(crate) fn audit(&self) -> Option<&dyn AccessAudit> {
        self.core.audit.as_deref()
    }

    /// The environment that the client stands in, if it can be one.
    fn standing(&self) -> Result<Option<&EnvironmentName>, Error> {
        match &self.place {
            Place::Shared => Ok(None),
            Place::In(name) => Ok(Some(name)),
            Place::Nowhere(error) => Err(Error::InvalidName(*error)),
        }
    }

    /// Where `key` is in the layer that the client stands in.
    fn address(&self, key: SecretName) -> Result<SecretAddress, Error> {
        Ok(SecretAddress { environment: self.standing()?.cloned(), name: key })
    }

    /// The layer that the client stands in.
    fn layer(&self) -> Result<EnvironmentFilter, Error> {
        Ok(self.standing()?.map_or(EnvironmentFilter::Shared, |name| EnvironmentFilter::In(name.clone())))
    }

    /// Whether a read that finds nothing where the client stands goes on to the shared
    /// secrets.
    fn falls_back(&self) -> bool {
        self.resolution == Resolution::SharedFallback && matches!(self.place, Place::In(_))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("name", &self.name())
            .field("requester", &self.requester())
            .field("environment", &self.environment())
            .field("resolution", &self.resolution)
            .finish_non_exhaustive()
    }
}
