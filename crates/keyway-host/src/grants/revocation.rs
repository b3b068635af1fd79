//! Destroying credentials.

use keyway_core::PluginError;
use keyway_issuers::{Context, Revocation};
use tracing::warn;

use super::driver::{Grants, Working, jitter, revocation_of};
use super::error::GrantsError;
use super::id::GrantId;
use super::ledger::{Changed, Entry};
use super::machine::{Event, Phase, Refusal};
use super::outcome::Revoked;
use super::service::RunningService;
use crate::sealed_records::corrupt;

impl Grants {
    /// Destroys a credential of this user's. Doing it again is no error (decision W6).
    ///
    /// The context says who asks; the configuration is replaced by that of the service.
    /// Neither the gate nor whether the service is enabled plays a part.
    ///
    /// # Errors
    /// [`GrantsError::NotRevoked`] when the plugin failed: the grant is kept, and tried again
    /// by [`run_due`](Self::run_due) or by whoever asks again. [`Refusal::InFlight`],
    /// [`Refusal::BeingRevoked`] and [`Refusal::Undecided`] when it cannot be revoked now,
    /// [`Refusal::NoService`] when its service is gone, [`Refusal::Disabled`] when the
    /// service's plugin could not be opened or its configuration does not fit.
    ///
    /// # Cancel safety
    /// A dropped future leaves the grant as it was, gone, or as being revoked; then it is
    /// tried again, as soon as the plugin is no longer at it.
    pub async fn revoke(&self, grant: GrantId, context: Context) -> Result<Revoked, GrantsError> {
        let inner = &self.inner;
        let Some(mut entry) = inner.ledger.load(&inner.ledger.user_mark(&context.user), grant).await? else {
            return Ok(Revoked::NotThere);
        };
        let Some(running) = inner.services.get(&entry.record.service) else {
            return self.revoke_without_service(entry).await;
        };
        let Some(in_hand) = self.take_in_hand(grant) else { return Err(Refusal::BeingRevoked.into()) };
        if entry.record.state.phase == Phase::Revoking && !self.may_take(&entry) {
            return Err(Refusal::BeingRevoked.into());
        }
        if running.issuer.is_none() || running.ready().configuration.is_none() {
            return Err(Refusal::Disabled.into());
        }
        let working = (in_hand, running.place().await);
        let now = inner.clock.now();
        match self.advance(&mut entry, Event::Revoke { now, lease: self.lease(now) }).await? {
            Changed::Stored => {
                let destroyed = self.carry_out_revocation(running, &working, entry, context).await;
                destroyed.map(|()| Revoked::Destroyed)
            }
            Changed::Removed => Ok(Revoked::Destroyed),
            Changed::Overtaken | Changed::Taken => Err(Refusal::BeingRevoked.into()),
        }
    }

    async fn revoke_without_service(&self, mut entry: Box<Entry>) -> Result<Revoked, GrantsError> {
        if !self.inner.drops_missing {
            return Err(Refusal::NoService.into());
        }
        warn!(grant = %entry.id, service = %entry.record.service, "a grant of a missing service is forgotten; its credential may live on");
        match self.inner.ledger.change(&mut entry, None).await? {
            Changed::Removed => Ok(Revoked::Dropped),
            Changed::Stored | Changed::Overtaken | Changed::Taken => Err(Refusal::BeingRevoked.into()),
        }
    }

    /// Asks the plugin to destroy the credential of a grant that is being revoked and leased
    /// by this run. It stays in hand until the plugin has ended, also when nobody waits for that
    /// any more: were the grant settled before, the state would be free, and the end of the
    /// revocation would destroy the next credential that has it.
    pub(super) async fn carry_out_revocation(
        &self,
        running: &RunningService,
        working: &Working,
        mut entry: Box<Entry>,
        mut context: Context,
    ) -> Result<(), GrantsError> {
        let inner = &self.inner;
        let ready = running.ready();
        let (Some(issuer), Some(configuration)) = (&running.issuer, &ready.configuration) else {
            return Err(Refusal::Disabled.into());
        };
        context.configuration = configuration.clone();
        context.intent = Some(revocation_of(entry.id));
        loop {
            let credential =
                entry.record.state.credential.clone().ok_or_else(|| corrupt("a grant without state"))?;
            let (orphans, since) = (entry.record.state.orphans, entry.record.state.since);
            let answer = issuer.revoke(Revocation::new(context.clone(), credential), working.clone()).await;
            let now = inner.clock.now();
            let Err(error) = answer else {
                match self.settle(entry, &Event::Revoked { now, orphans }).await? {
                    None => return Ok(()),
                    Some(mut again)
                        if again.record.state.phase == Phase::Revoking
                            && again.record.state.lease.is_none() =>
                    {
                        // The plugin made the same again meanwhile: once more.
                        let now = inner.clock.now();
                        let claim = Event::Claim { lease: self.lease(now), now, reconciles: false };
                        match self.advance(&mut again, claim).await? {
                            Changed::Stored => entry = again,
                            _ => return Err(Refusal::BeingRevoked.into()),
                        }
                        continue;
                    }
                    Some(_) => return Err(Refusal::BeingRevoked.into()),
                }
            };
            let (grant, failures) = (entry.id, entry.record.state.failures + 1);
            let retry_at =
                inner.limits.retries.next(since, now, failures, error.kind().retry_after(), jitter());
            warn!(service = %running.service.name, %grant, failures, error = %error.detail(), "a credential was not revoked");
            // Only if the lease still holds: otherwise somebody else counts and decides.
            self.advance(&mut entry, Event::NotRevoked { now, retry_at }).await?;
            return Err(GrantsError::NotRevoked { grant, failures, retry_at, error });
        }
    }
}
