//! Verifies accounts on the operator's schedule.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyway_core::{PluginError as _, Timestamp};
use keyway_credentials::{
    Candidate, CredentialError, CredentialStore, CredentialStoreName, Verification, Verified,
};
use tokio::task::JoinSet;
use tracing::warn;

use super::audit::SessionAudit;
use super::vault::RunningVault;
use crate::plugin::contain;
use crate::work::Rhythm;

/// The result of a scheduled verification, for the host's audit.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifiedAccount<'a> {
    /// The credential store.
    pub store: &'a CredentialStoreName,
    /// The account and the asset.
    pub candidate: &'a Candidate,
    /// The answer of the store, or its failure.
    pub verified: &'a Result<Verified, CredentialError>,
}

/// The operator's schedule for the accounts of a vault.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) every: Duration,
    pub(super) candidates: Vec<Candidate>,
}

/// The times of a vault's verifications.
#[derive(Debug)]
pub(super) struct Verifying {
    schedule: Schedule,
    rhythm: Mutex<Rhythm>,
    /// Held during a scheduled verification, so that only one of them runs at a time for the vault.
    working: Arc<tokio::sync::Mutex<()>>,
}

impl Verifying {
    pub(super) fn new(schedule: Schedule, now: Timestamp) -> Self {
        Self { schedule, rhythm: Mutex::new(Rhythm::new(now)), working: Arc::default() }
    }

    /// Begins the verification that is due, unless the previous one is still running.
    fn take_turn(&self, now: Timestamp) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let mut rhythm = self.rhythm.lock().unwrap_or_else(PoisonError::into_inner);
        if !rhythm.is_due(now) {
            return None;
        }
        let turn = Arc::clone(&self.working).try_lock_owned().ok()?;
        rhythm.answered(now, now.plus(self.schedule.every));
        Some(turn)
    }
}

/// Starts the due verifications of each vault, and does not wait for their end. The vaults are verified in parallel,
/// and the accounts of one vault one after the other.
pub(super) fn verify_due<'a>(
    vaults: impl Iterator<Item = &'a Arc<RunningVault>>,
    audit: Option<&Arc<dyn SessionAudit>>,
    now: Timestamp,
) -> JoinSet<()> {
    let mut working = JoinSet::new();
    for vault in vaults {
        let Some(turn) = vault.verifying.as_ref().and_then(|verifying| verifying.take_turn(now)) else {
            continue;
        };
        let (vault, audit) = (Arc::clone(vault), audit.cloned());
        working.spawn(async move {
            let candidates = vault.verifying.iter().flat_map(|verifying| &verifying.schedule.candidates);
            for candidate in candidates {
                let verified = vault.verify(Verification::new(candidate.clone())).await;
                report(&vault.name, candidate, &verified, audit.as_deref());
            }
            drop(turn);
        });
    }
    working
}

fn report(
    store: &CredentialStoreName,
    candidate: &Candidate,
    verified: &Result<Verified, CredentialError>,
    audit: Option<&dyn SessionAudit>,
) {
    let (account, asset) = (&candidate.account, &candidate.asset);
    match verified {
        Ok(Verified::Diverged) => {
            warn!(%store, %account, %asset, "the target refuses the stored credential: mend one of the two");
        }
        Ok(_) => {}
        Err(error) => {
            warn!(%store, %account, %asset, error = error.detail(), "an account was not verified");
        }
    }
    let Some(audit) = audit else { return };
    if contain(|| audit.verified(&VerifiedAccount { store, candidate, verified })).is_err() {
        tracing::error!("the audit of sessions panicked");
    }
}

impl RunningVault {
    /// Asks the store whether the credentials work at their target.
    pub(super) async fn verify(&self, verification: Verification) -> Result<Verified, CredentialError> {
        let work = |store: Arc<dyn CredentialStore>| async move { store.verify(&verification).await };
        self.working()?.call("verify", self.permit().await, work).await
    }
}
