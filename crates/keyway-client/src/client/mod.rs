//! The client and its current layer.

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

/// The client with which an application reads and writes its secrets, over any [`SecretStore`]
/// (Locker seed, "Usages").
///
/// A client works in one *layer*: the shared secrets, or an environment.
/// [`in_environment`](Self::in_environment) returns the same client in another layer, so every
/// operation takes only the key.
///
/// | you want | call | if the secret is missing |
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
/// Every future may be dropped. A dropped read has no effect, except that the store may count the read. A dropped write
/// may have taken effect; read again to find out. The audit hook receives
/// [`Cancelled`](crate::AccessOutcome::Cancelled). A future that was never polled did nothing, and is not reported.
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

/// The state that all clones of a client share.
struct Core {
    store: Arc<dyn SecretStore>,
    audit: Option<Arc<dyn AccessAudit>>,
    name: Option<String>,
}

/// The layer in which a client works.
#[derive(Clone)]
enum Place {
    Shared,
    In(Arc<EnvironmentName>),
    /// The client has the name of an environment that cannot exist.
    ///
    /// Choosing an environment never fails. The reason is returned by every later operation, just as for a missing
    /// environment.
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
    /// Creates a client of the shared secrets with exact resolution, without a name, a requester
    /// and an audit hook.
    pub fn new(store: Arc<dyn SecretStore>) -> Self {
        Self::builder(store).build()
    }

    /// Starts to build a client with optional settings.
    pub fn builder(store: Arc<dyn SecretStore>) -> SecretsBuilder {
        SecretsBuilder::new(store)
    }

    /// Returns the same client, working in an environment.
    ///
    /// It does no I/O, and does not check the environment. If the environment does not exist, operations in this
    /// environment return [`EnvironmentNotFound`](Error::EnvironmentNotFound), or [`InvalidName`](Error::InvalidName)
    /// for a name that no environment can have.
    #[must_use]
    pub fn in_environment(&self, environment: &str) -> Self {
        Self { place: Place::named(environment), ..self.clone() }
    }

    /// Returns the same client, working in the shared secrets, which belong to no environment.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self { place: Place::Shared, ..self.clone() }
    }

    /// Returns the same client with another policy.
    #[must_use]
    pub fn with_resolution(&self, resolution: Resolution) -> Self {
        Self { resolution, ..self.clone() }
    }

    /// Returns the same client for another requester, whom the audit hook reports.
    #[must_use]
    pub fn on_behalf_of(&self, requester: &str) -> Self {
        Self { requester: Some(requester.into()), ..self.clone() }
    }

    /// Returns the environment that the client works in, or `None` if it works in the shared secrets, or if the name of
    /// its environment is not valid.
    pub fn environment(&self) -> Option<&str> {
        match &self.place {
            Place::In(name) => Some(name.as_str()),
            Place::Shared | Place::Nowhere(_) => None,
        }
    }

    /// Returns the policy.
    pub fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Returns the name of the client, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.core.name.as_deref()
    }

    /// Returns the requester, if one was named.
    pub fn requester(&self) -> Option<&str> {
        self.requester.as_deref()
    }

    /// Returns the store under the client.
    pub fn store(&self) -> &Arc<dyn SecretStore> {
        &self.core.store
    }

    pub(crate) fn audit(&self) -> Option<&dyn AccessAudit> {
        self.core.audit.as_deref()
    }

    /// Returns the environment in which the client works, or `None` for the shared secrets. Fails if the name of the
    /// environment is not valid.
    fn standing(&self) -> Result<Option<&EnvironmentName>, Error> {
        match &self.place {
            Place::Shared => Ok(None),
            Place::In(name) => Ok(Some(name)),
            Place::Nowhere(error) => Err(Error::InvalidName(*error)),
        }
    }

    /// Returns the address of `key` in the client's layer.
    fn address(&self, key: SecretName) -> Result<SecretAddress, Error> {
        Ok(SecretAddress { environment: self.standing()?.cloned(), name: key })
    }

    /// Returns the layer that the client works in.
    fn layer(&self) -> Result<EnvironmentFilter, Error> {
        Ok(self.standing()?.map_or(EnvironmentFilter::Shared, |name| EnvironmentFilter::In(name.clone())))
    }

    /// Tells whether a read that finds nothing in the client's layer continues in the shared
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
