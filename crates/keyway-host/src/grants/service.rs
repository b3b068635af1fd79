//! The services of a host. A service offers an issuer to users.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyway_core::{LookupError, PluginError, Timestamp};
use keyway_issuers::{
    Action, Configuration, Description, Issuer, IssuerError, Issuers, Json, ServiceName, UserInfo, Violation,
    Violations,
};
use tokio::task::JoinSet;
use tracing::warn;

use super::issuer::GuardedIssuer;
use super::machine::DuplicatePolicy;
use crate::host::Lent;
use crate::plugin::{OpenFault, Source, contain};
use crate::work::Limits;

/// The rule for who may use a service. It is the first check of the gate.
///
/// See decision W5.
///
/// A closure from user to `bool` implements this trait. It must not block. A panic counts as false.
pub trait Allow: Send + Sync {
    /// Tells whether this user may use the service.
    fn allows(&self, user: &UserInfo) -> bool;
}

impl<F: Fn(&UserInfo) -> bool + Send + Sync> Allow for F {
    fn allows(&self, user: &UserInfo) -> bool {
        self(user)
    }
}

/// A service that a host offers. All users are denied until [`allow`](Self::allow) is called.
#[derive(Clone)]
pub struct Service {
    pub(super) name: ServiceName,
    source: Source<Issuers>,
    configuration: BTreeMap<String, Json>,
    pub(super) limit: Option<u64>,
    pub(super) duplicates: DuplicatePolicy,
    pub(super) enabled: bool,
    allow: Arc<dyn Allow>,
}

impl Service {
    /// Creates a service whose issuer is opened by the plugin with this id.
    pub fn new(name: ServiceName, plugin: impl Into<String>) -> Self {
        Self::of(name, Source::Plugin(plugin.into(), Json::default()))
    }

    /// Creates a service with an issuer that the caller supplies. After a panic the engine keeps using this issuer,
    /// because only the caller could create another.
    pub fn with_issuer(name: ServiceName, issuer: Arc<dyn Issuer>) -> Self {
        Self::of(name, Source::Given(issuer))
    }

    fn of(name: ServiceName, source: Source<Issuers>) -> Self {
        Self {
            name,
            source,
            configuration: BTreeMap::new(),
            limit: None,
            duplicates: DuplicatePolicy::default(),
            enabled: true,
            allow: Arc::new(|_: &UserInfo| false),
        }
    }

    /// Sets the rule for who may use the service. It replaces an earlier rule.
    #[must_use]
    pub fn allow(mut self, allow: impl Allow + 'static) -> Self {
        self.allow = Arc::new(allow);
        self
    }

    /// Lets every logged-in user use the service.
    #[must_use]
    pub fn allow_everybody(self) -> Self {
        self.allow(|_: &UserInfo| true)
    }

    /// Sets the number of credentials that a user may have at a time. There is no limit by default.
    #[must_use]
    pub fn limit(mut self, credentials: u64) -> Self {
        self.limit = Some(credentials);
        self
    }

    /// Sets the policy for a new credential whose reference (`state` on the wire) is that of another grant.
    #[must_use]
    pub fn duplicates(mut self, policy: DuplicatePolicy) -> Self {
        self.duplicates = policy;
        self
    }

    /// Switches the service on or off. It is on by default. Credentials can be revoked even while it is off.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Sets a configuration parameter that the issuer describes.
    #[must_use]
    pub fn configure(mut self, name: impl Into<String>, value: impl Into<Json>) -> Self {
        self.configuration.insert(name.into(), value.into());
        self
    }

    /// Sets the configuration that the plugin is opened with.
    #[must_use]
    pub fn plugin_configuration(mut self, configuration: impl Into<Json>) -> Self {
        self.source = self.source.configured(configuration.into());
        self
    }

    pub(super) fn allows(&self, user: &UserInfo) -> bool {
        contain(|| self.allow.allows(user)).unwrap_or(false)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration is not shown, because its values may be passwords.
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .field("duplicates", &self.duplicates)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// The reason why a service is disabled although it is switched on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceFault {
    /// The plugin of the service is not linked into this host.
    #[error(transparent)]
    Plugin(Arc<LookupError>),
    /// The plugin of the service could not be opened.
    #[error("the plugin could not be opened: {0}")]
    Open(Arc<IssuerError>),
    /// The plugin of the service did not describe itself.
    #[error("the plugin did not describe itself: {0}")]
    Describe(Arc<IssuerError>),
    /// The plugin's answer, or the configuration, breaks a rule.
    ///
    /// See decision W4.
    #[error("{0}")]
    Violation(Violation),
}

/// A service in its current state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceView {
    /// The name of the service.
    pub name: ServiceName,
    /// Whether users can make requests: the service is switched on and has no faults.
    pub enabled: bool,
    /// The faults of the service.
    pub faults: Vec<ServiceFault>,
    /// The plugin's description of itself. [`Description::user_interface`] returns the facts that a
    /// user interface needs (decision W9).
    pub description: Option<Arc<Description>>,
    /// The number of credentials that a user may have at a time.
    pub limit: Option<u64>,
}

/// The parts of a service that a request needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    pub(super) description: Option<Arc<Description>>,
    pub(super) configuration: Option<Configuration>,
    pub(super) faults: Vec<ServiceFault>,
    /// The time at which the plugin was last asked to describe itself.
    pub(super) described: Option<Timestamp>,
}

/// A service with its issuer.
#[derive(Debug)]
pub(super) struct RunningService {
    pub(super) service: Service,
    pub(super) issuer: Option<GuardedIssuer>,
    ready: Mutex<Arc<Ready>>,
    /// The lock that is held while the plugin describes itself. Only one call runs at a time, so an earlier answer
    /// never overwrites a later one, and a plugin that hangs is called only once.
    describing: Arc<tokio::sync::Mutex<()>>,
}

impl RunningService {
    pub(super) fn open(service: Service, lent: &Lent, limits: &Limits) -> Self {
        let (issuer, faults) = match open(&service, lent, limits) {
            Ok(issuer) => (Some(issuer), Vec::new()),
            Err(fault) => (None, vec![fault]),
        };
        let ready = Mutex::new(Arc::new(Ready { faults, ..Ready::default() }));
        Self { service, issuer, ready, describing: Arc::default() }
    }

    /// Returns the issuer and its resolved configuration, if the plugin can be called.
    pub(super) fn usable(&self) -> Option<(&GuardedIssuer, Configuration)> {
        Some((self.issuer.as_ref()?, self.ready().configuration.clone()?))
    }

    /// Tells whether the plugin can be called.
    pub(super) fn is_ready(&self) -> bool {
        self.issuer.is_some() && self.ready().configuration.is_some()
    }

    pub(super) fn ready(&self) -> Arc<Ready> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether it is time to ask the plugin to describe itself (decision W4). A plugin with faults is asked more
    /// often, so that its service works again soon after the faults are mended. If the clock was set back, the plugin
    /// is asked, because its time may then be far away.
    fn is_description_old(&self, now: Timestamp, every: Duration) -> bool {
        let ready = self.ready();
        let every = if ready.faults.is_empty() { every } else { every / 20 };
        ready.described.is_none_or(|described| now < described || described.plus(every) <= now)
    }

    /// Asks the plugin to describe itself. If the version of the description changed, or if there were faults or no
    /// description, uses the answer and returns true (decision W4).
    pub(super) async fn describe(&self, now: Timestamp) -> bool {
        let _describing = self.describing.lock().await;
        self.ask_to_describe(now).await
    }

    async fn ask_to_describe(&self, now: Timestamp) -> bool {
        let Some(issuer) = &self.issuer else { return false };
        let work = |issuer: Arc<dyn Issuer>| async move { issuer.describe().await };
        let answer = issuer.call(Action::Parameter.word(), (), work).await;
        let old = self.ready();
        // If the plugin cannot be described now, a service without faults keeps its last description.
        let known = old.description.as_ref().filter(|_| old.faults.is_empty());
        let new = match answer {
            Ok(description) if known.is_some_and(|known| known.version() == description.version()) => None,
            Ok(description) => Some(self.resolve(description)),
            Err(error) if known.is_some() => {
                warn!(service = %self.service.name, error = %error.detail(), "the plugin did not describe itself again");
                None
            }
            Err(error) => Some(Ready { faults: faults_of(error), ..Ready::default() }),
        };
        let taken_over = new.is_some();
        let ready = new.unwrap_or_else(|| Ready::clone(&old));
        for fault in &ready.faults {
            warn!(service = %self.service.name, %fault, "the service is disabled");
        }
        *self.lock() = Arc::new(Ready { described: Some(now), ..ready });
        taken_over
    }

    fn resolve(&self, description: Description) -> Ready {
        let configured = self.service.configuration.iter().map(|(name, json)| (name.as_str(), json));
        let (configuration, faults) = match description.resolve_configuration(configured) {
            Ok(configuration) => (Some(configuration), Vec::new()),
            Err(violations) => (None, violations.into_iter().map(ServiceFault::Violation).collect()),
        };
        Ready { description: Some(Arc::new(description)), configuration, faults, described: None }
    }

    pub(super) fn view(&self) -> ServiceView {
        let ready = self.ready();
        ServiceView {
            name: self.service.name.clone(),
            enabled: self.service.enabled && ready.faults.is_empty() && ready.description.is_some(),
            faults: ready.faults.clone(),
            description: ready.description.clone(),
            limit: self.service.limit,
        }
    }
}

fn open(service: &Service, lent: &Lent, limits: &Limits) -> Result<GuardedIssuer, ServiceFault> {
    GuardedIssuer::open(&service.name, &service.source, &lent.plugins, (limits.deadline, limits.isolation))
        .map_err(|fault| match fault {
            OpenFault::Lookup(error) => ServiceFault::Plugin(Arc::new(error)),
            OpenFault::Open(error) => ServiceFault::Open(Arc::new(error)),
        })
}

/// Converts an error to faults. Each violation becomes one fault.
fn faults_of(error: IssuerError) -> Vec<ServiceFault> {
    // If a plugin builds its description with the builder, the builder finds the violations, and they are the cause of
    // the plugin's error.
    let caused = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Violations>());
    let found = caused.map_or(error.violations(), Violations::as_slice);
    if found.is_empty() {
        return vec![ServiceFault::Describe(Arc::new(error))];
    }
    found.iter().cloned().map(ServiceFault::Violation).collect()
}

/// Asks all plugins with an old description to describe themselves. The calls run in parallel, so a plugin that hangs
/// does not delay the others. Does not wait for the answers (decision H56).
pub(super) fn describe_old(
    services: &BTreeMap<ServiceName, Arc<RunningService>>,
    now: Timestamp,
    every: Duration,
) -> JoinSet<()> {
    let mut asked = JoinSet::new();
    for running in services.values() {
        // The plugin is skipped if another caller is asking it at the moment.
        let Ok(describing) = Arc::clone(&running.describing).try_lock_owned() else { continue };
        if running.is_description_old(now, every) {
            let running = Arc::clone(running);
            asked.spawn(async move {
                running.ask_to_describe(now).await;
                drop(describing);
            });
        }
    }
    asked
}
