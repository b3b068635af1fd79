//! Guards a plugin's instance: each call has a deadline, and its panics are contained.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use keyway_core::{CallError, PluginError};
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::contained::{Contained, Panicked, contain, contain_call, printable};
use super::pace::{Isolation, Pace};
use super::permit::Permits;
use super::running::{Calls, Running};

/// How long a call that passed its deadline may take to end before the plugin is quarantined. The call of a plugin that
/// yields ends as soon as it is polled again.
const GRACE: Duration = Duration::from_millis(50);

/// How long to wait between a failure and the next attempt to make an instance. Each attempt runs plugin code, which
/// would otherwise run with every call.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Makes instances of a plugin: the first, and another after each panic.
pub(crate) trait Factory: Send {
    /// The instance of the plugin.
    type Instance: ?Sized + Send + Sync + 'static;
    /// The errors of the plugin's contract.
    type Error: PluginError + From<CallError>;

    /// Makes an instance. This is plugin code and may panic.
    fn make(&self) -> Result<Arc<Self::Instance>, Self::Error>;
}

/// Holds a plugin's instance and its factory.
pub(crate) struct Guard<M: Factory> {
    state: Mutex<State<M>>,
    calls: Arc<Calls>,
    /// How long a call may take.
    deadline: Duration,
    /// How a call is kept away from the caller's task.
    isolation: Isolation,
    /// How many calls the plugin works on at a time.
    pub(crate) permits: Permits,
}

/// A worker's view of the plugin behind a lane, independent of the contract: its permits and its health.
pub(crate) trait LaneGuard: Send + Sync {
    /// Tells whether the plugin is quarantined, because a call hangs, or because there is no instance since a panic.
    /// Further calls are refused until the call that hangs returns, or until a new instance can be made.
    fn is_quarantined(&self) -> bool;

    /// Returns the permits, which limit how many calls the plugin works on at a time.
    fn permits(&self) -> &Permits;
}

impl<M: Factory> LaneGuard for Guard<M> {
    fn is_quarantined(&self) -> bool {
        self.calls.abandoned.hung().is_some() || self.state().instance.is_err()
    }

    fn permits(&self) -> &Permits {
        &self.permits
    }
}

struct State<M: Factory> {
    maker: M,
    instance: Result<Arc<Made<M::Instance>>, NotMade>,
}

/// An instance, and whether one of its calls has panicked.
struct Made<I: ?Sized> {
    instance: Arc<I>,
    has_panicked: AtomicBool,
}

impl<I: ?Sized> Made<I> {
    fn new(instance: Arc<I>) -> Arc<Self> {
        Arc::new(Self { instance, has_panicked: AtomicBool::new(false) })
    }
}

/// A part of the future of a call. If the call panics, this value is dropped by the panic, and the instance is not used
/// again, even if the caller of the call has left (decision H330).
pub(crate) struct NotesPanic<I: ?Sized>(Arc<Made<I>>);

impl<I: ?Sized> Drop for NotesPanic<I> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.has_panicked.store(true, Ordering::SeqCst);
        }
    }
}

/// An instance for a call. The future of the call keeps both values.
type ForCall<I> = (Arc<I>, NotesPanic<I>);

/// Stands for the missing instance after a panic.
struct NotMade {
    /// When the last attempt to make an instance failed; `None` while the old instance is dropped.
    failed: Option<Instant>,
    /// Why there is no instance.
    reason: String,
}

impl NotMade {
    fn error(&self) -> CallError {
        let since = self.failed.map_or(Duration::ZERO, |failed| failed.elapsed());
        let retry_after = RETRY_DELAY.saturating_sub(since);
        CallError::NotReopened { retry_after, reason: self.reason.clone() }
    }
}

impl<M: Factory> State<M> {
    /// Makes an instance if there is none and the last attempt was long enough ago.
    fn make_again(&mut self, operation: &'static str) {
        let failed = self.instance.as_ref().err().and_then(|not_made| not_made.failed);
        if failed.is_some_and(|failed| failed.elapsed() >= RETRY_DELAY) {
            self.make(operation);
        }
    }

    fn make(&mut self, operation: &'static str) {
        // The text of the error is formed here, too, because that runs plugin code.
        let reason = match contain(|| self.maker.make().map_err(|error| error.detail())) {
            Ok(Ok(instance)) => {
                self.instance = Ok(Made::new(instance));
                return;
            }
            Ok(Err(reason)) => reason,
            Err(Panicked) => "it panicked again".to_owned(),
        };
        warn!(operation, reason, "a plugin that panicked could not be reopened");
        self.instance = Err(NotMade { failed: Some(Instant::now()), reason });
    }

    fn has_panicked(&self) -> bool {
        self.instance.as_ref().is_ok_and(|made| made.has_panicked.load(Ordering::SeqCst))
    }
}

impl<M: Factory> Guard<M> {
    /// Makes the first instance, whose calls are limited by `deadline` and `isolation`. The permits are set later,
    /// because only an open plugin says how many calls it takes. `calls` is shared by all guards of one plugin and
    /// store.
    pub(crate) fn open(
        maker: M,
        (deadline, isolation): (Duration, Isolation),
        calls: Arc<Calls>,
    ) -> Result<Self, M::Error> {
        let instance = contain_call("open", || maker.make())?;
        let state = Mutex::new(State { maker, instance: Ok(Made::new(instance)) });
        Ok(Self { state, calls, deadline, isolation, permits: Permits::default() })
    }

    /// Gives `look` access to the factory, to read or change it.
    pub(crate) fn with_maker<T>(&self, look: impl FnOnce(&mut M) -> T) -> T {
        look(&mut self.state().maker)
    }

    /// Calls a function of the plugin that does no work and does not block.
    pub(crate) fn look<T>(
        &self,
        operation: &'static str,
        look: impl FnOnce(&M::Instance) -> T,
    ) -> Result<T, M::Error> {
        let made = self.current(operation)?;
        contain(|| look(&*made.instance)).map_err(|panicked| {
            made.has_panicked.store(true, Ordering::SeqCst);
            let _ = contain(move || drop(made));
            self.after_panic(operation, panicked)
        })
    }

    /// Calls an operation of the plugin. `pace` is the plugin's declaration about the operation.
    pub(crate) async fn call<T, F>(
        &self,
        operation: &'static str,
        pace: Pace,
        work: impl FnOnce(Arc<M::Instance>) -> F + Send + 'static,
    ) -> Result<T, M::Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, M::Error>> + Send + 'static,
    {
        let ((instance, notes_panic), deadline) = (self.instance(operation)?, self.deadline);
        let work = || async move {
            let _notes_panic = notes_panic;
            // Constructing the future runs plugin code, too.
            work(instance).await
        };
        if self.calls.watch.runs_inline(self.isolation, pace) {
            let future = pin!(Some(work()));
            let mut contained = pin!(Contained::new(future));
            let mut poll = |begun, context: &mut Context<'_>| {
                self.calls.watch.poll_inline(operation, begun, || contained.as_mut().poll(context))
            };
            let begun = std::time::Instant::now();
            // Most calls of a prompt plugin are answered at once, and need no timer.
            let answer = match poll_fn(|context| Poll::Ready(poll(begun, context))).await {
                Poll::Ready(answer) => Ok(answer),
                Poll::Pending => {
                    let rest = poll_fn(|context| poll(std::time::Instant::now(), context));
                    timeout(deadline.saturating_sub(begun.elapsed()), rest).await
                }
            };
            return match answer {
                Ok(answer) => self.answered(operation, answer),
                Err(_) => Err(CallError::DeadlineExceeded { operation, deadline }.into()),
            };
        }
        let mut running = self.start(operation, deadline, pace, work())?;
        let mut rest = deadline;
        loop {
            match timeout(rest, running.answer()).await {
                Ok(answer) => return self.answered(operation, answer),
                Err(_) => rest = running.rest_of(deadline),
            }
            if rest.is_zero() {
                return Err(self.give_up(operation, deadline, running).await);
            }
        }
    }

    fn answered<T>(
        &self,
        operation: &'static str,
        answer: Result<Result<T, M::Error>, Panicked>,
    ) -> Result<T, M::Error> {
        let answer = answer.map_err(|panicked| self.after_panic(operation, panicked))?;
        answer.map_err(|error| printable(operation, error))
    }

    /// Returns the instance, unless a call hangs, the plugin panicked and cannot be reopened, or callers that a
    /// quarantine turned away have not had their answers yet.
    pub(crate) fn instance(&self, operation: &'static str) -> Result<ForCall<M::Instance>, M::Error> {
        let (is_late, hung) = self.calls.abandoned.forget_ended();
        if is_late {
            warn!(operation, "a plugin's call returned late");
        }
        if let Some(hung) = hung {
            return Err(CallError::Quarantined { operation: hung }.into());
        }
        let made = self.current(operation)?;
        if self.permits.has_refused() {
            return Err(CallError::Quarantined { operation }.into());
        }
        Ok((Arc::clone(&made.instance), NotesPanic(made)))
    }

    fn current(&self, operation: &'static str) -> Result<Arc<Made<M::Instance>>, CallError> {
        let mut state = self.state();
        if state.has_panicked() {
            drop(state);
            self.renew(operation);
            state = self.state();
        }
        if state.instance.is_err() {
            state.make_again(operation);
        }
        match &state.instance {
            Ok(made) => Ok(Arc::clone(made)),
            Err(not_made) => Err(not_made.error()),
        }
    }

    /// Starts a call on its own task, where it may wait for a thread before it begins. If its caller goes away, the
    /// call counts as hanging once it has run for longer than `deadline`.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        operation: &'static str,
        deadline: Duration,
        pace: Pace,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Running<T>, M::Error> {
        Ok(Running::start(&self.calls, operation, deadline, pace, work)?)
    }

    /// Returns the error of a call that panicked.
    pub(crate) fn after_panic(&self, operation: &'static str, _: Panicked) -> M::Error {
        self.renew(operation);
        CallError::Panicked { operation }.into()
    }

    /// Drops an instance that panicked, since its state is unknown, and makes another. If that fails, later calls try
    /// again. The old instance is never called again.
    fn renew(&self, operation: &'static str) {
        let mut state = self.state();
        if !state.has_panicked() {
            // Another caller has done this.
            return;
        }
        warn!(operation, "a plugin panicked; its instance is made anew");
        let reason = "the instance that panicked is being dropped".to_owned();
        let old = std::mem::replace(&mut state.instance, Err(NotMade { failed: None, reason }));
        drop(state);
        // Dropping the old instance runs plugin code, too. It is dropped first, because it may hold a resource that the
        // next instance needs. Until then, no other caller makes an instance.
        let _ = contain(move || drop(old));
        self.state().make(operation);
    }

    /// Cancels a call that passed its deadline, whether it ran or waited. If a call that began does not end, the plugin
    /// is quarantined until it does, since every further call could lose another thread for ever.
    pub(crate) async fn give_up<T: Send + 'static>(
        &self,
        operation: &'static str,
        deadline: Duration,
        running: Running<T>,
    ) -> M::Error {
        if running.begun().is_none() {
            return match self.calls.abandoned.hung() {
                Some(hung) => CallError::Quarantined { operation: hung }.into(),
                None => CallError::Busy { operation, waited: deadline }.into(),
            };
        }
        self.end(operation, running).await;
        CallError::DeadlineExceeded { operation, deadline }.into()
    }

    /// Cancels a call that began, and waits a moment for its end.
    pub(crate) async fn end<T: Send + 'static>(&self, operation: &'static str, mut running: Running<T>) {
        running.cancel();
        if timeout(GRACE, running.ended()).await.is_err() {
            warn!(operation, "a plugin hangs; it is quarantined until the call returns");
        }
        // Dropping the call turns it into an abandoned call, which hangs once it is overdue.
    }

    // Locks the state. While the lock is held, no plugin code runs, except for making another instance, whose panics
    // are contained.
    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Factory> fmt::Debug for Guard<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("quarantined", &self.is_quarantined()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
