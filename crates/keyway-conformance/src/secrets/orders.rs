//! What the kit orders between a client and the plugin: it counts, gives way, makes pages short,
//! and fails when told to.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use keyway_secrets::{EnvironmentFilter, SecretAddress, StoreError};

use super::interposed::{Call, Interposition};
use super::lent_storage::let_others_run;

/// A call that a client made of its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Get(SecretAddress),
    List { of: EnvironmentFilter, with_values: bool },
    Write(SecretAddress),
    Environments,
    Other,
}

impl Asked {
    /// `None` for what only a host asks.
    fn by(call: Call<'_>) -> Option<Self> {
        Some(match call {
            Call::WrittenBy | Call::Initialize | Call::Rotate | Call::MarkedForDelete => return None,
            Call::Get(address) => Self::Get(address.clone()),
            Call::Create(address) | Call::Destroy(address) | Call::Modify(address) => {
                Self::Write(address.clone())
            }
            Call::List(query) => Self::List { of: query.environment.clone(), with_values: query.with_values },
            Call::Configure | Call::Info => Self::Other,
            Call::ListEnvironments
            | Call::RetrieveEnvironment(_)
            | Call::CreateEnvironment(_)
            | Call::ModifyEnvironment(_) => Self::Environments,
        })
    }
}

/// How the store is to fail.
struct Failure {
    /// How many calls still succeed.
    left: usize,
    /// Whether the calls after the first that failed reach the plugin again.
    once: bool,
    error: Arc<dyn Fn() -> StoreError + Send + Sync>,
}

/// What was asked, and what is to happen.
#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    failing: Option<Failure>,
}

/// The kit's orders.
pub(super) struct Orders {
    state: Mutex<State>,
    page: AtomicUsize,
}

impl Default for Orders {
    fn default() -> Self {
        Self { state: Mutex::default(), page: AtomicUsize::new(usize::MAX) }
    }
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Orders")
    }
}

impl Orders {
    /// What was asked since this was called last.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    /// Makes pages hold so many at most: a store may always give fewer than were asked for.
    pub(super) fn short_pages(&self, page: usize) {
        self.page.store(page, Ordering::SeqCst);
    }

    /// Lets all calls after `left` more answer this.
    pub(super) fn fail_after(&self, left: usize, error: impl Fn() -> StoreError + Send + Sync + 'static) {
        self.state().failing = Some(Failure { left, once: false, error: Arc::new(error) });
    }

    /// Lets the one call after `left` more answer this.
    pub(super) fn fail_once_after(
        &self,
        left: usize,
        error: impl Fn() -> StoreError + Send + Sync + 'static,
    ) {
        self.state().failing = Some(Failure { left, once: true, error: Arc::new(error) });
    }

    /// Lets all calls reach the plugin again.
    pub(super) fn recover(&self) {
        self.state().failing = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call down; whether it is to fail.
    fn noted(&self, asked: Asked) -> Result<(), StoreError> {
        let mut state = self.state();
        state.asked.push(asked);
        match &mut state.failing {
            Some(failure) if failure.left > 0 => {
                failure.left -= 1;
                Ok(())
            }
            Some(failure) => {
                let error = Arc::clone(&failure.error);
                if failure.once {
                    state.failing = None;
                }
                drop(state);
                Err(error())
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Interposition for Orders {
    async fn before(&self, call: Call<'_>) -> Result<(), StoreError> {
        let Some(asked) = Asked::by(call) else { return Ok(()) };
        let noted = self.noted(asked);
        // The caller can be dropped or overtaken here.
        let_others_run().await;
        noted
    }

    fn page_limit(&self, limit: usize) -> usize {
        limit.min(self.page.load(Ordering::SeqCst))
    }
}
