//! Opens the plugin of a contract under a name that the host gave it, and guards its calls.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{
    CallError, Clock, Contract, Json, LookupError, OpenContext, PluginError, Registry, Resources,
};

use super::contained::contain_call;
use super::instance::{Factory, Guard};
use super::pace::{Isolation, Pace};
use super::permit::Permits;
use super::running::THREADS;

/// A contract whose plugins a host opens under names.
pub(crate) trait Opens: Contract {
    /// The type of the names.
    type Name: Clone + Send + Sync + 'static;
    /// The type of the instance behind a name.
    type Instance: ?Sized + Send + Sync + 'static;
    /// The errors of the contract.
    type Error: PluginError + From<CallError>;
    /// The type of an instance's declaration.
    type Capabilities: Copy + Send;

    /// Checks a configuration.
    fn check(plugin: &Self::Plugin, configuration: &Json) -> Result<(), Self::Error>;

    /// Makes an instance.
    fn open(
        plugin: &Self::Plugin,
        context: &OpenContext<Self::Name>,
    ) -> Result<Arc<Self::Instance>, Self::Error>;

    /// Asks an instance for its declaration.
    fn capabilities(instance: &Self::Instance) -> Self::Capabilities;

    /// Returns the pace of the calls, and how many calls an instance works on at a time.
    fn pace(capabilities: &Self::Capabilities) -> (Pace, Option<NonZeroUsize>);
}

/// The parts of a host that its plugins may use.
pub(crate) struct LentToPlugins {
    /// The plugins that are linked.
    pub(crate) registry: Registry,
    /// The resources, with the storage engine among them.
    pub(crate) resources: Resources,
    /// The clock.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Where the instance with a name comes from, according to the host's configuration.
pub(crate) enum Source<C: Opens> {
    /// The plugin with this id, and its configuration.
    Plugin(String, Json),
    /// An instance that the host supplies. It is used again after a panic.
    Given(Arc<C::Instance>),
}

impl<C: Opens> Clone for Source<C> {
    fn clone(&self) -> Self {
        match self {
            Self::Plugin(id, configuration) => Self::Plugin(id.clone(), configuration.clone()),
            Self::Given(instance) => Self::Given(Arc::clone(instance)),
        }
    }
}

impl<C: Opens> Source<C> {
    /// Sets the configuration of a plugin. An instance that the host supplies has none.
    pub(crate) fn configured(self, configuration: Json) -> Self {
        match self {
            Self::Plugin(id, _) => Self::Plugin(id, configuration),
            given @ Self::Given(_) => given,
        }
    }
}

/// The reason why there is no instance.
pub(crate) enum OpenFault<E> {
    /// The plugin is not linked into this host.
    Lookup(LookupError),
    /// The plugin refused its configuration, or could not be opened.
    Open(E),
}

/// The way to make the instance of a name.
enum Origin<C: Opens> {
    Plugin(&'static C::Plugin, Box<OpenContext<C::Name>>),
    Given(Arc<C::Instance>),
}

impl<C: Opens> Factory for Origin<C> {
    type Instance = C::Instance;
    type Error = C::Error;

    fn make(&self) -> Result<Arc<C::Instance>, C::Error> {
        match self {
            Self::Plugin(plugin, context) => C::open(plugin, context),
            Self::Given(instance) => Ok(Arc::clone(instance)),
        }
    }
}

/// The opened instance of a plugin, with a guard that limits the time of its calls and contains its panics.
pub(crate) struct Opened<C: Opens> {
    guard: Guard<Origin<C>>,
    /// The declaration, which stays known while there is no instance after a panic.
    pub(crate) capabilities: C::Capabilities,
}

impl<C: Opens> Opened<C> {
    /// Opens the instance for a name. `limits` are the deadline and the isolation of its calls.
    pub(crate) fn open(
        name: &C::Name,
        source: &Source<C>,
        lent: &LentToPlugins,
        limits: (Duration, Isolation),
    ) -> Result<Self, OpenFault<C::Error>> {
        let origin = match source {
            Source::Given(instance) => Origin::Given(Arc::clone(instance)),
            Source::Plugin(id, configuration) => {
                let registered = lent.registry.get::<C>(id).map_err(OpenFault::Lookup)?;
                let plugin = registered.plugin();
                contain_call("check_configuration", || C::check(plugin, configuration))
                    .map_err(OpenFault::Open)?;
                let context = OpenContext::new(name.clone(), registered.metadata().clone())
                    .with_configuration(configuration.clone())
                    .with_resources(lent.resources.clone())
                    .with_clock(Arc::clone(&lent.clock));
                Origin::Plugin(plugin, Box::new(context))
            }
        };
        Self::guarded(origin, limits).map_err(OpenFault::Open)
    }

    fn guarded(origin: Origin<C>, limits: (Duration, Isolation)) -> Result<Self, C::Error> {
        let mut guard = Guard::open(origin, limits, Arc::default())?;
        let capabilities = guard.look("capabilities", C::capabilities)?;
        let (pace, mut max_concurrency) = C::pace(&capabilities);
        if pace == Pace::Blocking {
            // A call without a thread waits for its permit, before anything is stored for it (decision H312).
            max_concurrency = Some(max_concurrency.map_or(THREADS, |most| most.min(THREADS)));
        }
        guard.permits = Permits::new(max_concurrency);
        Ok(Self { guard, capabilities })
    }

    /// Returns what the worker needs to know of the plugin.
    pub(crate) fn lane_guard(&self) -> &dyn super::LaneGuard {
        &self.guard
    }

    /// Calls the instance. `held` is kept until the call has ended, even if its caller went away.
    pub(crate) async fn call<T, F>(
        &self,
        operation: &'static str,
        held: impl Send + 'static,
        work: impl FnOnce(Arc<C::Instance>) -> F + Send + 'static,
    ) -> Result<T, C::Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, C::Error>> + Send + 'static,
    {
        let (pace, _) = C::pace(&self.capabilities);
        let work = move |instance| async move {
            let _held = held;
            work(instance).await
        };
        self.guard.call(operation, pace, work).await
    }

    /// Calls the instance for work that may take long, whatever the plugin declares about its other calls.
    #[cfg(feature = "certificates")]
    pub(crate) async fn call_long<T, F>(
        &self,
        operation: &'static str,
        work: impl FnOnce(Arc<C::Instance>) -> F + Send + 'static,
    ) -> Result<T, C::Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, C::Error>> + Send + 'static,
    {
        self.guard.call(operation, Pace::Blocking, work).await
    }
}

impl<C: Opens> std::fmt::Debug for Opened<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Opened").field(&self.guard).finish()
    }
}
