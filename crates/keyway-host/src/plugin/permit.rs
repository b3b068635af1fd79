//! Limits how many calls a plugin works on at a time, by permits.
//!
//! See decision W7.

use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How often a caller that waits for a permit checks whether the plugin is quarantined.
const QUARANTINE_CHECK: Duration = Duration::from_millis(100);

/// A concurrency permit. A call holds a clone until it ends, even if its caller goes away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permit(
    #[expect(dead_code, reason = "dropping it frees the permit")] Option<Arc<OwnedSemaphorePermit>>,
);

/// The permits of one plugin and service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permits(Option<Arc<Semaphore>>);

impl Permits {
    /// Creates `most` permits; `None` sets no limit.
    pub(crate) fn new(most: Option<NonZero<usize>>) -> Self {
        let semaphore = |most: NonZero<usize>| Semaphore::new(most.get().min(Semaphore::MAX_PERMITS));
        Self(most.map(|most| Arc::new(semaphore(most))))
    }

    /// Returns how many permits are free; `None` if there is no limit.
    pub(crate) fn free(&self) -> Option<usize> {
        self.0.as_ref().map(|permits| permits.available_permits())
    }

    /// Takes a permit if one is free.
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        let Some(permits) = &self.0 else { return Some(Permit(None)) };
        Arc::clone(permits).try_acquire_owned().ok().map(|permit| Permit(Some(Arc::new(permit))))
    }

    /// Waits for a permit. The wait does not count towards a call's deadline.
    ///
    /// While the plugin is quarantined, every caller gets an empty permit, and its call then fails because of the
    /// quarantine. Otherwise the caller would wait for ever for the permit of a call that hangs (decision H48).
    pub(crate) async fn acquire(&self, is_quarantined: impl Fn() -> bool) -> Permit {
        if let Some(permit) = self.try_acquire() {
            return permit;
        }
        let Some(permits) = &self.0 else { return Permit(None) };
        let mut turn = pin!(Arc::clone(permits).acquire_owned());
        loop {
            match timeout(QUARANTINE_CHECK, &mut turn).await {
                // The semaphore is never closed.
                Ok(permit) => return Permit(permit.ok().map(Arc::new)),
                Err(_) if is_quarantined() => return Permit(None),
                Err(_) => {}
            }
        }
    }
}
