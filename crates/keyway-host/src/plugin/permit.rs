//! Limits how many calls a plugin works on at a time, by permits.
//!
//! See decision W7.

use std::num::NonZero;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How often a caller that waits for a permit checks whether the plugin is quarantined.
const QUARANTINE_CHECK: Duration = Duration::from_millis(100);

/// How long a caller that was turned away may take until its call. The time is limited, because a caller may be neither
/// polled nor dropped.
const REFUSAL: Duration = Duration::from_secs(30);

/// A concurrency permit. A call holds a clone until it ends, even if its caller goes away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permit(
    #[expect(dead_code, reason = "dropping it frees the permit, or forgets the refusal")] Option<Arc<Held>>,
);

/// The answer to a caller that asks for a permit.
#[derive(Debug)]
enum Held {
    Permit(#[expect(dead_code, reason = "dropping it frees the permit")] OwnedSemaphorePermit),
    /// The caller was turned away by a quarantine, and learns of it at its call.
    Refusal,
}

/// The permits of one plugin and service.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    semaphore: Option<Arc<Semaphore>>,
    /// The refusals, and when they were given.
    refusals: Mutex<Vec<(Instant, Weak<Held>)>>,
}

impl Permits {
    /// Creates `most` permits; `None` sets no limit.
    pub(crate) fn new(most: Option<NonZero<usize>>) -> Self {
        let semaphore = |most: NonZero<usize>| Semaphore::new(most.get().min(Semaphore::MAX_PERMITS));
        Self { semaphore: most.map(|most| Arc::new(semaphore(most))), refusals: Mutex::default() }
    }

    /// Returns how many permits are free; `None` if there is no limit.
    pub(crate) fn free(&self) -> Option<usize> {
        self.semaphore.as_ref().map(|permits| permits.available_permits())
    }

    /// Takes a permit if one is free.
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        let Some(permits) = &self.semaphore else { return Some(Permit(None)) };
        Arc::clone(permits).try_acquire_owned().ok().map(Permit::of)
    }

    /// Waits for a permit. The wait does not count towards a call's deadline.
    ///
    /// While the plugin is quarantined, every caller gets a refusal in place of a permit, and its call then fails.
    /// Otherwise the caller would wait for ever for the permit of a call that hangs (decision H48).
    pub(crate) async fn acquire(&self, is_quarantined: impl Fn() -> bool) -> Permit {
        self.acquire_unless(is_quarantined).await.unwrap_or_else(|| self.refuse())
    }

    /// Waits for a permit, in turn with all callers. Returns `None` if none is free and the plugin is quarantined.
    pub(crate) async fn acquire_unless(&self, is_quarantined: impl Fn() -> bool) -> Option<Permit> {
        if let Some(permit) = self.try_acquire() {
            return Some(permit);
        }
        let permits = self.semaphore.as_ref()?;
        let mut turn = pin!(Arc::clone(permits).acquire_owned());
        loop {
            match timeout(QUARANTINE_CHECK, &mut turn).await {
                // The semaphore is never closed.
                Ok(permit) => return Some(permit.map(Permit::of).unwrap_or_default()),
                Err(_) if is_quarantined() => return None,
                Err(_) => {}
            }
        }
    }

    fn refuse(&self) -> Permit {
        let refusal = Arc::new(Held::Refusal);
        self.refusals().push((Instant::now(), Arc::downgrade(&refusal)));
        Permit(Some(refusal))
    }

    /// Tells whether there are callers that were turned away and have not made their calls yet. They have no permits,
    /// so until they have their answers, no call is made, even if the quarantine has ended.
    pub(super) fn has_refused(&self) -> bool {
        if self.semaphore.is_none() {
            return false;
        }
        let mut refusals = self.refusals();
        refusals.retain(|(given, refusal)| refusal.strong_count() > 0 && given.elapsed() < REFUSAL);
        !refusals.is_empty()
    }

    fn refusals(&self) -> MutexGuard<'_, Vec<(Instant, Weak<Held>)>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        Self(Some(Arc::new(Held::Permit(permit))))
    }
}
