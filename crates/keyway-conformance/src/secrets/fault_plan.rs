//! A layer between a client and the plugin. It counts calls, yields, shortens pages, and fails when a rule wants it to.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keyway_secrets::{
    Call, Cursor, EnvironmentFilter, EnvironmentPage, ListQuery, SecretAddress, SecretPage, SecretStore,
    SecretStoreLayer, StoreError,
};
use tokio::task::yield_now;

use super::countdown::Countdown;
use crate::lock::locked;

/// A call that a client makes to its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Get(SecretAddress),
    List { of: EnvironmentFilter, with_values: bool },
    Write(SecretAddress),
    Environments,
    Other,
}

impl Asked {
    /// Names the call. Returns `None` for a call that only a host makes.
    fn by(call: Call<'_>) -> Option<Self> {
        Some(match call {
            Call::WrittenBy | Call::Initialize | Call::Rotate { .. } | Call::MarkedForDelete => return None,
            Call::Get { address, .. } => Self::Get(address.clone()),
            Call::Create { address, .. } | Call::Destroy { address, .. } | Call::Modify { address, .. } => {
                Self::Write(address.clone())
            }
            Call::List { query, .. } => {
                Self::List { of: query.environment.clone(), with_values: query.with_values }
            }
            Call::ListEnvironments { .. }
            | Call::RetrieveEnvironment { .. }
            | Call::CreateEnvironment { .. }
            | Call::ModifyEnvironment { .. } => Self::Environments,
            _ => Self::Other,
        })
    }
}

/// A function that makes the error of a failing call.
type MakeError = Arc<dyn Fn() -> StoreError + Send + Sync>;

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    failing: Option<Countdown<MakeError>>,
}

/// A layer below the client that carries out the faults that a rule plans.
pub(super) struct FaultPlan {
    inner: Arc<dyn SecretStore>,
    state: Mutex<State>,
    page: AtomicUsize,
}

impl fmt::Debug for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultPlan")
    }
}

impl FaultPlan {
    pub(super) fn new(inner: Arc<dyn SecretStore>) -> Self {
        Self { inner, state: Mutex::default(), page: AtomicUsize::new(usize::MAX) }
    }

    /// Returns the calls since the last call of this method.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut locked(&self.state).asked)
    }

    /// Limits the length of pages. The contract allows a store to return fewer entries than the caller wants.
    pub(super) fn short_pages(&self, page: usize) {
        self.page.store(page, Ordering::SeqCst);
    }

    /// Lets `left` more calls succeed, and fails all later calls.
    pub(super) fn fail_after(&self, left: u64, error: impl Fn() -> StoreError + Send + Sync + 'static) {
        locked(&self.state).failing = Some(Countdown { left, once: false, fault: Arc::new(error) });
    }

    /// Lets `left` more calls succeed, and fails only the next one.
    pub(super) fn fail_once_after(&self, left: u64, error: impl Fn() -> StoreError + Send + Sync + 'static) {
        locked(&self.state).failing = Some(Countdown { left, once: true, fault: Arc::new(error) });
    }

    /// Lets all calls reach the plugin again.
    pub(super) fn recover(&self) {
        locked(&self.state).failing = None;
    }

    fn limit(&self, limit: usize) -> usize {
        limit.min(self.page.load(Ordering::SeqCst))
    }

    /// Counts a call. Returns its error if this call must fail.
    fn count(&self, asked: Asked) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        state.asked.push(asked);
        let error = Countdown::strike(&mut state.failing);
        drop(state);
        error.map_or(Ok(()), |error| Err(error()))
    }
}

impl SecretStoreLayer for FaultPlan {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let Some(asked) = Asked::by(call) else { return next.await };
        let counted = self.count(asked);
        // Yields, so that the caller can be dropped here, or another caller can run first.
        yield_now().await;
        counted?;
        next.await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.inner.list(&query.clone().limit(self.limit(query.limit))).await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        self.inner.list_environments(after, self.limit(limit)).await
    }
}
