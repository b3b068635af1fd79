//! Checks the life of two sessions under any sequence of events.

use std::sync::Arc;
use std::time::Duration;

use keyway_credentials::{Passwords, PrivateKeys, TotpCodes};
use keyway_host::sessions::{FetchRequest, Session};
use keyway_storage::Fault;
use tokio::time::timeout;

use super::oracle::check;
use super::world::{World, fetch, settled};

/// The maximum number of events in one input. It is below 32, because a host remembers only the latest 32 fetches of a
/// session.
const MOST_EVENTS: usize = 31;

/// Checks the sessions of a host. The bytes of the input are the calls of the host and the answers of its vault.
///
/// The first byte chooses the capabilities of the vault, and whether the host lends the vault the user's login. Then
/// each event has one byte for its kind, and one for its details. Answers, failures and crashes come from the same
/// input.
///
/// When everything has ended and the vault works, exactly the leases that were checked out are checked in, each
/// repeated call had the same intent as the first attempt, and no lease was forgotten or handed out twice. No text of
/// the host shows a secret (decisions R2, S2, S3).
pub fn session_machine(data: &[u8]) {
    let Some((capabilities, events)) = data.split_first() else { return };
    // The time is paused, so a deadline passes at once when no task can go on.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut world = World::new(*capabilities).await;
        for event in events.chunks(2).take(MOST_EVENTS) {
            world.happen(event[0], event.get(1).copied().unwrap_or_default()).await;
        }
        check(world).await;
    });
}

impl World {
    /// Lets one event happen. A refusal is a valid result.
    async fn happen(&mut self, event: u8, more: u8) {
        let slot = usize::from(more % 2);
        match event % 16 {
            0 => self.begin(slot, more & 2 != 0),
            1 | 2 => self.fetch(slot, more).await,
            3 => {
                if let Some(session) = self.sessions[slot].clone() {
                    settled(session.authentication_completed().await);
                }
            }
            4 => {
                if let Some(session) = self.sessions[slot].clone() {
                    settled(session.authentication_failed().await);
                }
            }
            5 => {
                if let Some(session) = self.sessions[slot].clone() {
                    settled(session.end().await);
                }
            }
            6 => self.sessions[slot] = None,
            7 => {
                let leases = self.leases().await;
                if let Some(lease) = leases.get(usize::from(more) % leases.len().max(1)) {
                    self.force(lease).await;
                }
            }
            8 if more.is_multiple_of(8) => {
                if let Some(lease) = self.leases().await.first() {
                    self.forget(lease).await;
                }
            }
            8 => drop(self.decide().await),
            9 => {
                tokio::time::sleep(Duration::from_secs(more.into())).await;
                self.work().await;
            }
            10 => {
                self.clock.forward(Duration::from_secs(60) * u32::from(more));
                self.work().await;
            }
            11 => {
                self.clock.back(Duration::from_secs(more.into()));
                self.work().await;
            }
            12 => self.plan_fault(more),
            13 => {
                self.restart().await;
                let resumed = self.detached.iter().nth(usize::from(more / 2) % 8).cloned();
                if let Some(id) = resumed {
                    self.resume(slot, id).await;
                }
            }
            _ => self.vault.will_answer(more),
        }
    }

    /// Fetches credentials. The input chooses whether the test waits for the end of the call, drops the call after a
    /// second, or runs it on a separate task.
    async fn fetch(&mut self, slot: usize, more: u8) {
        if self.sessions[slot].is_none() {
            self.begin(slot, false);
        }
        let Some(session) = self.sessions[slot].clone() else { return };
        let wait = if more & 8 != 0 { Duration::from_secs(3) } else { Duration::ZERO };
        let mut request = FetchRequest::new().with_busy_wait(wait).with_reason("maintenance");
        request.call =
            [None, None, Some("call-1"), Some("call-2")][usize::from(more >> 1) % 4].map(Into::into);
        let call = self.fetch_of(session, more >> 6, request);
        match more >> 4 & 3 {
            0 | 1 => call.await,
            2 => drop(timeout(Duration::from_secs(1), call).await),
            _ => self.spawn(call),
        }
    }

    /// Returns the call that fetches credentials of a kind.
    fn fetch_of(
        &self,
        session: Session,
        kind: u8,
        request: FetchRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        let caller = (session, Arc::clone(&self.vault), Arc::clone(&self.handed_out));
        match kind {
            0 | 1 => Box::pin(fetch::<Passwords>(caller, request)),
            2 => Box::pin(fetch::<PrivateKeys>(caller, request)),
            _ => Box::pin(fetch::<TotpCodes>(caller, request)),
        }
    }

    /// Plans a fault at a later commit: the commit fails, or the process ends there.
    fn plan_fault(&self, more: u8) {
        let (commits, storage) = (u64::from(more >> 2 & 7), &self.storage.0);
        match more % 4 {
            0 => storage.fail_after(commits, Fault::Unavailable),
            1 => storage.fail_after(commits, Fault::LosesAnswer),
            2 => storage.end_after(commits, Fault::EndsBefore),
            _ => storage.end_after(commits, Fault::EndsAfter),
        }
    }
}
