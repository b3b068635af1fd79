//! Tests verifications on the operator's schedule.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_conformance::credentials::{Fault, ScriptedStore, Step, StoreCall};
use keyway_credentials::{Account, Asset, Candidate};
use keyway_host::sessions::{SessionAudit, Transition, VerifiedAccount};

use crate::world::*;

const HOUR: Duration = Duration::from_secs(3600);

fn root(asset: &str) -> Candidate {
    Candidate::new(Account::new("root").unwrap(), Asset::new(asset).unwrap())
}

/// Records the results of verifications.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl SessionAudit for Notes {
    fn happened(&self, _: &Transition<'_>) {}

    fn verified(&self, account: &VerifiedAccount<'_>) {
        let result = account.verified.as_ref().map_or_else(|_| "failed".to_owned(), |it| format!("{it:?}"));
        self.0.lock().unwrap().push(format!("{} {} {result}", account.store, account.candidate.asset));
        assert!(result != "Opens" || account.candidate.asset.as_str() != "panics", "the audit panics");
    }
}

impl Notes {
    /// Waits until there are `number` results, and takes them.
    async fn take(&self, number: usize) -> Vec<String> {
        for _ in 0..500 {
            if self.0.lock().unwrap().len() >= number {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

async fn world(
    store: &ScriptedStore,
    accounts: &[&str],
    clock: &Arc<TestClock>,
) -> (keyway_host::Host, Notes) {
    let notes = Notes::default();
    let scheduled = vault(store).verify_every(HOUR, accounts.iter().map(|asset| root(asset)));
    let builder = builder(&memory(), &ring(), clock).vault(scheduled).session_audit(notes.clone());
    (builder.start().await.unwrap(), notes)
}

#[tokio::test]
async fn accounts_are_verified_at_the_start_and_then_at_the_interval() {
    let clock = Arc::default();
    let store = store(&clock);
    store.diverge("root", "web2");
    let (host, notes) = world(&store, &["web1", "web2"], &clock).await;
    let expected = ["hall web1 Opens", "hall web2 Diverged"];
    pass(&host, &clock, Duration::ZERO).await;
    assert_eq!(notes.take(2).await, expected);
    pass(&host, &clock, Duration::from_secs(3599)).await;
    assert_eq!(store.count(StoreCall::Verify), 2, "nothing is due");
    pass(&host, &clock, Duration::from_secs(1)).await;
    assert_eq!(notes.take(2).await, expected);
}

#[tokio::test]
async fn a_failure_or_a_panic_of_the_audit_keeps_the_others() {
    let clock = Arc::default();
    let store = store(&clock);
    store.script(StoreCall::Verify, [Step::fault(Fault::Unavailable)]);
    let (host, notes) = world(&store, &["web1", "panics", "web2"], &clock).await;
    pass(&host, &clock, Duration::ZERO).await;
    assert_eq!(notes.take(3).await, ["hall web1 failed", "hall panics Opens", "hall web2 Opens"]);
}
