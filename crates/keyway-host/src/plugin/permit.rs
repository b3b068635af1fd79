//! Concurrency permits: how many calls a plugin works on at a time (decision W7).

use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How often a caller that waits for a permit looks whether the plugin is quarantined.
const LOOK: Duration = Duration::from_millis(100);

/// A concurrency permit. A call holds a clone until it has ended, also when its caller went away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permit(
    #[expect(dead_code, reason = "it is there to be dropped")] Option<Arc<OwnedSemaphorePermit>>,
);

/// The permits of one plugin and service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permits(Option<Arc<Semaphore>>);

impl Permits {
    /// So many permits; without a number there is no limit.
    pub(crate) fn new(most: Option<NonZero<usize>>) -> Self {
        let semaphore = |most: NonZero<usize>| Semaphore::new(most.get().min(Semaphore::MAX_PERMITS));
        Self(most.map(|most| Arc::new(semaphore(most))))
    }

    /// How many are free; `None` if there is no limit.
    pub(crate) fn free(&self) -> Option<usize> {
        self.0.as_ref().map(|permits| permits.available_permits())
    }

    /// A permit, if one is free.
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        let Some(permits) = &self.0 else { return Some(Permit(None)) };
        Arc::clone(permits).try_acquire_owned().ok().map(|permit| Permit(Some(Arc::new(permit))))
    }

    /// Waits for a permit. No deadline runs meanwhile.
    ///
    /// While the plugin is quarantined everybody gets an empty one, to learn of it: nothing is called,
    /// and a call that hangs would keep its permit for ever (decision H48).
    pub(crate) async fn acquire(&self, is_quarantined: impl Fn() -> bool) -> Permit {
        if let Some(permit) = self.try_acquire() {
            return permit;
        }
        let Some(permits) = &self.0 else { return Permit(None) };
        let mut turn = pin!(Arc::clone(permits).acquire_owned());
        loop {
            match timeout(LOOK, &mut turn).await {
                // The semaphore is never closed.
                Ok(permit) => return Permit(permit.ok().map(Arc::new)),
                Err(_) if is_quarantined() => return Permit(None),
                Err(_) => {}
            }
        }
    }
}
