//! What becomes of a credential that was just made and that nobody gets (decision W6).

use keyway_core::PluginError;
use keyway_issuers::{Context, CredentialPart, Revocation, State};
use tracing::warn;

use super::driver::{Grants, InHand, MAX_ATTEMPTS, MAX_STATE_BYTES, jitter, revocation_of};
use super::error::{Disposal, GrantsError};
use super::ledger::{Changed, Entry};
use super::machine::{Doubt, Event, Phase, step};
use super::outcome::{GrantOutcome, HandedOver};
use super::retry::Retries;
use super::service::RunningService;
use crate::sealed_records::RecordError;

impl Grants {
    /// A grant has the state already (decision W6). `None` when that is no longer so.
    pub(super) async fn settle_taken(
        &self,
        running: &RunningService,
        entry: &Entry,
        state: &State,
        credential: Option<&Vec<CredentialPart>>,
    ) -> Result<Option<Result<GrantOutcome, GrantsError>>, GrantsError> {
        let ledger = &self.inner.ledger;
        let Some(twin) = ledger.with_state(entry, state).await? else { return Ok(None) };
        if twin.id == entry.id {
            return Ok(None);
        }
        let reused = running.service.same_state.reuses(twin.record.state.phase);
        let (next, outcome) = match credential {
            Some(credential) if reused => {
                let handed = HandedOver { grant: twin.id, credential: credential.clone(), reused: true };
                (None, Ok(GrantOutcome::Granted(handed)))
            }
            None if reused => (None, Ok(GrantOutcome::Repeated(twin.id))),
            _ => {
                let seen = step(Some(&twin.record.state), Event::OrphanSeen)?;
                (seen.state, Err(GrantsError::StateTaken { grant: twin.id }))
            }
        };
        Ok(match ledger.remove(entry, Some((&twin, next))).await? {
            Changed::Removed => {
                if outcome.is_err() {
                    warn!(service = %running.service.name, grant = %twin.id, "the plugin returned the state of a grant that exists; its credential is an orphan");
                }
                Some(outcome)
            }
            Changed::Stored | Changed::Overtaken | Changed::Taken => None,
        })
    }

    /// Gets rid of a credential whose state can be stored: durably, and at once if possible.
    pub(super) async fn discard(
        &self,
        running: &RunningService,
        in_hand: &InHand,
        mut entry: Box<Entry>,
        state: State,
        asked: Context,
    ) -> Result<Disposal, GrantsError> {
        if state.as_str().len() > MAX_STATE_BYTES {
            return Ok(self.discard_unstored(running, entry, state, asked).await);
        }
        // Before the lease begins. It is given back before anything below waits for another.
        let working = (in_hand.clone(), running.place().await);
        for _ in 0..MAX_ATTEMPTS {
            let now = self.inner.clock.now();
            let event = Event::Discard { now, credential: state.clone(), lease: self.lease(now) };
            match self.advance(&mut entry, event).await {
                Ok(Changed::Stored) => {
                    return Ok(match self.carry_out_revocation(running, &working, entry, asked).await {
                        Ok(()) => Disposal::Revoked,
                        Err(_) => Disposal::ToBeRevoked,
                    });
                }
                Ok(Changed::Taken) => {
                    if self.settle_taken(running, &entry, &state, None).await?.is_some() {
                        return Ok(Disposal::SharesState);
                    }
                }
                Ok(Changed::Overtaken | Changed::Removed) => {}
                Err(GrantsError::Record(_)) => {
                    drop(working);
                    return Ok(self.discard_unstored(running, entry, state, asked).await);
                }
                Err(_) => {
                    drop(working);
                    return Ok(self.discard_overtaken(running, &entry, state, asked).await);
                }
            }
            let Some(current) = self.inner.ledger.again(&entry).await? else {
                drop(working);
                return Ok(self.discard_overtaken(running, &entry, state, asked).await);
            };
            entry = current;
        }
        Err(GrantsError::Contended { attempts: MAX_ATTEMPTS })
    }

    /// Gets rid of a credential whose state is not stored and cannot be: the plugin is asked
    /// from here, several times.
    pub(super) async fn discard_unstored(
        &self,
        running: &RunningService,
        entry: Box<Entry>,
        state: State,
        asked: Context,
    ) -> Disposal {
        let id = entry.id;
        let disposal = self.discard_overtaken(running, &entry, state, asked).await;
        let event = match disposal {
            Disposal::Revoked => Event::NothingMade,
            _ => Event::Unanswered {
                now: self.inner.clock.now(),
                doubt: Doubt::NotDiscarded,
                reconcile_at: None,
            },
        };
        if let Err(error) = self.settle(entry, &event).await {
            warn!(grant = %id, error = %error.detail(), "what became of a discarded credential could not be stored; its intent stays");
        }
        disposal
    }

    /// Revokes a credential, unless a grant has its state; bounded by number and time.
    pub(super) async fn discard_overtaken(
        &self,
        running: &RunningService,
        entry: &Entry,
        state: State,
        mut asked: Context,
    ) -> Disposal {
        let Some(issuer) = &running.issuer else { return Disposal::NotRevoked };
        asked.intent = Some(revocation_of(entry.id));
        let retries: Retries = self.inner.limits.discards;
        let begun = tokio::time::Instant::now();
        for failures in 1.. {
            // Nothing is revoked that may be somebody's (decision W6).
            match self.inner.ledger.with_state(entry, &state).await {
                Ok(None) => {}
                Ok(Some(_)) => return Disposal::SharesState,
                Err(_) => return Disposal::NotRevoked,
            }
            let place = issuer.place().await;
            let error = match issuer.revoke(Revocation::new(asked.clone(), state.clone()), place).await {
                Ok(()) => return Disposal::Revoked,
                Err(error) => error,
            };
            let wait = retries.wait(failures, error.kind().retry_after(), jitter());
            if failures >= retries.attempts || begun.elapsed().saturating_add(wait) > retries.within {
                warn!(grant = %entry.id, error = %error.detail(), "a credential that nobody has could not be revoked");
                break;
            }
            tokio::time::sleep(wait).await;
        }
        Disposal::NotRevoked
    }

    /// The storage engine failed where the grant was to be stored. Whether it did all the same
    /// is looked up; if it did not, the credential just made is revoked (decision W6).
    pub(super) async fn not_stored(
        &self,
        running: &RunningService,
        entry: Box<Entry>,
        state: State,
        credential: Vec<CredentialPart>,
        asked: Context,
        error: RecordError,
    ) -> Result<GrantOutcome, GrantsError> {
        let grant = entry.id;
        match self.inner.ledger.again(&entry).await {
            Ok(Some(current))
                if current.record.state.phase == Phase::Granted
                    && current.record.state.credential.as_ref() == Some(&state) =>
            {
                Ok(GrantOutcome::Granted(HandedOver { grant, credential, reused: false }))
            }
            Ok(current) => {
                let disposal = self.discard_unstored(running, current.unwrap_or(entry), state, asked).await;
                warn!(service = %running.service.name, %grant, %disposal, error = %error.detail(), "a grant could not be stored");
                Err(GrantsError::NotStored { disposal, error })
            }
            // The intent stays, and is looked into when the storage engine is back.
            Err(_) => Err(GrantsError::NotStored { disposal: Disposal::NotRevoked, error }),
        }
    }
}
