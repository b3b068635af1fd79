//! One call of a plugin: on a task of its own, with a deadline, its panic contained.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use keyway_seal::KeyRing;
use keyway_secrets::{Opening, SecretStore, SecretStorePlugin, StoreError};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;
use tracing::warn;

use super::contained::{Contained, Panicked, contain};

/// How far a plugin is kept away from the caller's task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Each call runs on a task of its own; that of a plugin that declares `blocking`, or on
    /// a runtime with a single thread, on a thread for blocking work. The deadline holds
    /// whatever the plugin does, at the cost of a hop between threads.
    #[default]
    Task,
    /// Each call runs on the caller's task, unless the plugin declares `blocking`. No hop,
    /// but the deadline holds only for a plugin that yields: for plugins that you trust
    /// not to hang.
    Inline,
}

/// What a guard allows a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// How long a call may take, 30 s by default.
    pub deadline: Duration,
    /// How long a rotation may go without progress, 60 s by default.
    pub rotation_stall: Duration,
    /// How a call is kept away from the caller's task.
    pub isolation: Isolation,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            rotation_stall: Duration::from_secs(60),
            isolation: Isolation::Task,
        }
    }
}

impl StoreLimits {
    /// Sets how long a call may take.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how long a rotation may go without progress.
    #[must_use]
    pub fn with_rotation_stall(mut self, stall: Duration) -> Self {
        self.rotation_stall = stall;
        self
    }

    /// Sets how a call is kept away from the caller's task.
    #[must_use]
    pub fn with_isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }
}

/// How long a call that passed its deadline gets to end by itself before the plugin is
/// quarantined: a plugin that yields ends as soon as it is polled again.
const GRACE: Duration = Duration::from_millis(50);

/// A plugin's instance and what its calls are held to.
pub(crate) struct Guard {
    plugin: &'static dyn SecretStorePlugin,
    pub(super) limits: StoreLimits,
    state: Mutex<State>,
}

struct State {
    opening: Opening,
    instance: Arc<dyn SecretStore>,
    hung: Option<Hung>,
}

/// A call that did not come back.
struct Hung {
    operation: &'static str,
    task: AbortHandle,
}

impl Guard {
    /// Opens an instance.
    pub(crate) fn open(
        plugin: &'static dyn SecretStorePlugin,
        opening: Opening,
        limits: StoreLimits,
    ) -> Result<Self, StoreError> {
        let instance = open_contained(plugin, &opening)?;
        Ok(Self { plugin, limits, state: Mutex::new(State { opening, instance, hung: None }) })
    }

    pub(crate) fn metadata(&self) -> keyway_core::PluginMetadata {
        self.state().opening.metadata.clone()
    }

    /// The keys with which a new instance would be opened.
    pub(crate) fn keys(&self) -> KeyRing {
        self.state().opening.keys.clone()
    }

    pub(crate) fn set_keys(&self, keys: KeyRing) {
        self.state().opening.keys = keys;
    }

    /// Calls a function of the plugin that does no work and does not block.
    pub(super) fn look<T>(
        &self,
        operation: &'static str,
        look: impl FnOnce(&dyn SecretStore) -> T,
    ) -> Result<T, StoreError> {
        let instance = Arc::clone(&self.state().instance);
        contain(|| look(&*instance)).map_err(|panicked| self.after_panic(operation, panicked))
    }

    /// Calls an operation of the plugin with the ordinary deadline.
    pub(super) async fn call<T, F>(
        &self,
        operation: &'static str,
        blocking: bool,
        work: impl FnOnce(Arc<dyn SecretStore>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let instance = self.instance(operation)?;
        if self.limits.isolation == Isolation::Inline && !blocking {
            let deadline = self.limits.deadline;
            // The construction of the future is the plugin's code too.
            let contained = Contained::new(async move { work(instance).await });
            return match timeout(deadline, contained).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(panicked)) => Err(self.after_panic(operation, panicked)),
                Err(_) => Err(StoreError::DeadlineExceeded { operation, deadline }),
            };
        }
        let mut running = Running::start(blocking, async move { work(instance).await })?;
        let deadline = self.limits.deadline;
        match timeout(deadline, running.answer()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panicked)) => Err(self.after_panic(operation, panicked)),
            Err(_) => {
                self.give_up(operation, running).await;
                Err(StoreError::DeadlineExceeded { operation, deadline })
            }
        }
    }

    /// The instance, unless a call of it hangs.
    pub(super) fn instance(&self, operation: &'static str) -> Result<Arc<dyn SecretStore>, StoreError> {
        let mut state = self.state();
        if let Some(hung) = &state.hung {
            if !hung.task.is_finished() {
                let operation = hung.operation;
                return Err(StoreError::Quarantined { operation });
            }
            warn!(operation, hung = hung.operation, "a plugin's call came back late; it is called again");
            state.hung = None;
        }
        Ok(Arc::clone(&state.instance))
    }

    /// After a panic nobody knows what state the instance is in: it is dropped and made
    /// anew.
    pub(super) fn after_panic(&self, operation: &'static str, _: Panicked) -> StoreError {
        warn!(operation, "a plugin panicked; its instance is made anew");
        let mut state = self.state();
        match open_contained(self.plugin, &state.opening) {
            Ok(instance) => {
                let old = std::mem::replace(&mut state.instance, instance);
                drop(state);
                // Dropping it is the plugin's code too.
                let _ = contain(move || drop(old));
            }
            Err(error) => warn!(operation, %error, "the plugin could not be opened again"),
        }
        StoreError::ContractViolation { operation, violation: "it panicked".to_owned() }
    }

    /// Ends a call that passed its deadline. If it does not end, the plugin is quarantined
    /// until it does: every further call could take one more thread for ever.
    pub(super) async fn give_up<T: Send + 'static>(&self, operation: &'static str, mut running: Running<T>) {
        running.cancel();
        if timeout(GRACE, running.ended()).await.is_err() {
            warn!(operation, "a plugin hangs; it is quarantined until the call comes back");
            self.state().hung = Some(Hung { operation, task: running.task.abort_handle() });
        }
    }

    // No code of the plugin's runs while the lock is held, except when an instance is made
    // anew, whose panics are contained.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Guard")
            .field("store", &state.opening.store)
            .field("plugin", &state.opening.metadata.name())
            .field("quarantined", &state.hung.is_some())
            .finish_non_exhaustive()
    }
}

fn open_contained(
    plugin: &'static dyn SecretStorePlugin,
    opening: &Opening,
) -> Result<Arc<dyn SecretStore>, StoreError> {
    contain(|| plugin.open(opening)).unwrap_or_else(|Panicked| {
        Err(StoreError::ContractViolation { operation: "open", violation: "it panicked".to_owned() })
    })
}

/// A call on a task of its own. Dropping it cancels the call.
pub(super) struct Running<T> {
    task: JoinHandle<Option<T>>,
    cancel: Option<oneshot::Sender<()>>,
    ended: bool,
}

impl<T: Send + 'static> Running<T> {
    pub(super) fn start(
        blocking: bool,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let runtime =
            Handle::try_current().map_err(|error| StoreError::system("find a tokio runtime", error))?;
        let (cancel, cancelled) = oneshot::channel();
        let work = until_cancelled(work, cancelled);
        let task = if blocking || runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            let within = runtime.clone();
            runtime.spawn_blocking(move || within.block_on(work))
        } else {
            runtime.spawn(work)
        };
        Ok(Self { task, cancel: Some(cancel), ended: false })
    }

    /// The answer. Cancel safe: it can be asked for again.
    pub(super) async fn answer(&mut self) -> Result<T, Panicked> {
        let joined = (&mut self.task).await;
        self.ended = true;
        match joined {
            Ok(Some(answer)) => Ok(answer),
            // Nobody but the owner of this value cancels, and then nobody asks.
            Ok(None) | Err(_) => Err(Panicked),
        }
    }

    fn cancel(&mut self) {
        self.cancel = None;
        self.task.abort();
    }

    async fn ended(&mut self) {
        if !self.ended {
            let _ = (&mut self.task).await;
            self.ended = true;
        }
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Polls `work` until it ends or the sender of `cancelled` is gone.
async fn until_cancelled<T>(work: impl Future<Output = T>, cancelled: oneshot::Receiver<()>) -> Option<T> {
    let mut work = pin!(work);
    let mut cancelled = pin!(cancelled);
    std::future::poll_fn(|context| {
        if let Poll::Ready(answer) = work.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        cancelled.as_mut().poll(context).map(|_| None)
    })
    .await
}
