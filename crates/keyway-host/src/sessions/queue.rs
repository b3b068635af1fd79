//! Queues the sessions that wait for an account that another session holds exclusively, in the order of their arrival.
//!
//! A queue is in the memory of one host: hosts that share a storage engine do not wait for each other's queues.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyway_core::Timestamp;
use keyway_credentials::{Busy, Candidate, CredentialStoreName};
use tokio::sync::Notify;

/// How long the first session in a queue waits before it asks the store again. It has to ask, because this host does
/// not see check-ins at other hosts.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The shortest wait of the first session in a queue, unless it was used before: then it is twice as long.
const SHORTEST: Duration = Duration::from_millis(10);

type Account = (CredentialStoreName, Candidate);

/// The queues of a host, with the number of places in each.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<Account, (Arc<Queue>, usize)>>);

#[derive(Debug, Default)]
struct Queue {
    /// Held by the first session in the queue. The other sessions get the lock in the order of their arrival.
    turn: Arc<tokio::sync::Mutex<()>>,
    freed: Notify,
}

/// A session's place in a queue. Dropping it leaves the queue.
#[derive(Debug)]
pub(super) struct Place {
    queues: Arc<Queues>,
    account: Account,
    queue: Arc<Queue>,
    turn: Option<tokio::sync::OwnedMutexGuard<()>>,
    /// The shortest wait until the next question to the store.
    shortest: Duration,
}

impl Queues {
    /// Tells whether sessions wait for an account. A session that comes later must not overtake them.
    pub(super) fn is_awaited(&self, store: &CredentialStoreName, candidate: &Candidate) -> bool {
        let queues = self.queues();
        !queues.is_empty() && queues.contains_key(&(store.clone(), candidate.clone()))
    }

    /// Joins the queue of an account.
    pub(super) fn join(self: &Arc<Self>, store: CredentialStoreName, candidate: Candidate) -> Place {
        let account = (store, candidate);
        let mut queues = self.queues();
        let (queue, places) = queues.entry(account.clone()).or_default();
        *places += 1;
        let queue = Arc::clone(queue);
        drop(queues);
        Place { queues: Arc::clone(self), account, queue, turn: None, shortest: SHORTEST }
    }

    /// Wakes the first session in the queue of an account that may be free.
    pub(super) fn free(&self, store: &CredentialStoreName, candidate: &Candidate) {
        let queues = self.queues();
        if !queues.is_empty()
            && let Some((queue, _)) = queues.get(&(store.clone(), candidate.clone()))
        {
            queue.freed.notify_one();
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Account, (Arc<Queue>, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the session is the first in the queue.
    pub(super) async fn turn(&mut self) {
        if self.turn.is_none() {
            self.turn = Some(Arc::clone(&self.queue.turn).lock_owned().await);
        }
    }

    /// Waits until the account may be free. A store may name an end that has passed, for example because of its clock,
    /// or because it first has to change the credentials. So the shortest wait doubles each time.
    pub(super) async fn freed(&mut self, busy: &Busy, now: Timestamp) {
        let wait = look_again(busy, now, self.shortest);
        if wait == self.shortest {
            self.shortest = (2 * wait).min(LOOK_AGAIN);
        }
        let _ = tokio::time::timeout(wait, self.queue.freed.notified()).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = self.queues.queues();
        if let Some((_, places)) = queues.get_mut(&self.account) {
            *places -= 1;
            if *places == 0 {
                queues.remove(&self.account);
            }
        }
    }
}

/// Returns how long the first session waits before it asks the store again. If the vault named an end of the use, the
/// session waits until then, but at least for the shortest wait, and at most a second. Otherwise it waits a second.
fn look_again(busy: &Busy, now: Timestamp, shortest: Duration) -> Duration {
    let until = busy.until.map(|until| until.as_milliseconds().saturating_sub(now.as_milliseconds()));
    until.map_or(LOOK_AGAIN, |wait| Duration::from_millis(wait).clamp(shortest, LOOK_AGAIN))
}

#[cfg(test)]
mod tests {
    use keyway_credentials::Asset;

    use super::*;

    fn hall() -> CredentialStoreName {
        CredentialStoreName::new("hall").unwrap()
    }

    fn root() -> Candidate {
        let account = keyway_credentials::Account::new("root").unwrap();
        Candidate::new(account, Asset::new("web1").unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_have_their_turn_in_the_order_in_which_they_came() {
        let (queues, order) = (Arc::new(Queues::default()), Arc::new(Mutex::new(Vec::new())));
        let mut tasks = Vec::new();
        for number in 0..9 {
            let (mut place, order) = (queues.join(hall(), root()), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                place.turn().await;
                order.lock().unwrap().push(number);
                place.freed(&Busy::new(), Timestamp::default()).await;
            }));
            tokio::task::yield_now().await;
        }
        assert!(queues.is_awaited(&hall(), &root()));
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(!queues.is_awaited(&hall(), &root()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_woken_when_the_account_is_free() {
        let queues = Arc::new(Queues::default());
        let mut place = queues.join(hall(), root());
        place.turn().await;
        queues.free(&hall(), &root());
        let begun = tokio::time::Instant::now();
        place.freed(&Busy::new(), Timestamp::default()).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        place.freed(&Busy::new(), Timestamp::default()).await;
        assert_eq!(begun.elapsed(), LOOK_AGAIN);
    }

    #[test]
    fn a_queue_that_all_leave_at_once_is_gone() {
        let queues = Arc::new(Queues::default());
        for _ in 0..2_000 {
            let barrier = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                for place in [queues.join(hall(), root()), queues.join(hall(), root())] {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        drop(place);
                    });
                }
            });
            assert!(!queues.is_awaited(&hall(), &root()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_other_lease_is_waited_for() {
        let at = Timestamp::from_milliseconds;
        for (until, wait) in
            [(1_300, Duration::from_millis(300)), (900, SHORTEST), (1_001, SHORTEST), (9_000, LOOK_AGAIN)]
        {
            let mut place = Arc::new(Queues::default()).join(hall(), root());
            let begun = tokio::time::Instant::now();
            place.freed(&Busy::new().until(at(until)), at(1_000)).await;
            assert_eq!(begun.elapsed(), wait, "{until}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_stays_busy_beyond_its_end_is_not_asked_all_the_time() {
        let mut place = Arc::new(Queues::default()).join(hall(), root());
        let begun = tokio::time::Instant::now();
        let mut asked = 0;
        while begun.elapsed() < Duration::from_secs(60) {
            // The store names another end each time, and all of them have passed.
            let busy = Busy::new().until(Timestamp::from_milliseconds(asked));
            place.freed(&busy, Timestamp::from_milliseconds(1_000_000)).await;
            asked += 1;
        }
        assert!((60..70).contains(&asked), "{asked}");
    }
}
