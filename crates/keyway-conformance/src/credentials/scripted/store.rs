//! Implements the operations of the scripted credential store.

use std::collections::VecDeque;

use keyway_credentials::{
    Account, Asset, Candidate, CandidateQuestion, CandidateStream, Candidates, Capabilities, Certificates,
    CheckIn, CheckedIn, Connection, CredentialError, CredentialKind, CredentialStore, Fetch, FetchOutcome,
    Found, IntendedCall, Lease, LeaseRenewal, Passwords, PrivateKeys, Reconciled, Reconciliation,
    RemoteAppCredentials, SessionEvent, TotpCodes, Verification, Verified, async_trait,
};
use serde_json::json;

use super::vault::{CheckedOut, Vault};
use super::{ScriptedStore, StoreCall, StoreEntry, given, place};
use crate::scripted::ScriptedError;

type Answer<T> = Result<T, CredentialError>;

impl ScriptedError for CredentialError {
    fn unavailable() -> Self {
        Self::Unavailable { what: "the scripted vault", retry_after: None, source: None }
    }

    fn refused() -> Self {
        Self::refused("The script refuses.", "the script refuses")
    }

    fn failed() -> Self {
        Self::system("reach its vault", "the connection broke")
    }
}

/// Returns `Unsupported` unless the store declares the operation.
fn offered(declared: bool, what: &'static str) -> Answer<()> {
    if declared { Ok(()) } else { Err(CredentialError::Unsupported { what }) }
}

impl ScriptedStore {
    fn at_vault<T>(&self, work: impl FnOnce(&mut Vault) -> T) -> Answer<T> {
        self.shelf.with(work).map_err(|error| CredentialError::system("open its vault", error))
    }

    /// Records a call, and answers it as the script says.
    async fn ask<T>(
        &self,
        entry: StoreEntry,
        given: impl FnOnce(super::NoCredentials) -> Option<T> + Send,
        work: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let (call, account) = (entry.call, entry.account.clone());
        self.at_vault(|vault| vault.calls.push(entry))?;
        self.player.play(call, account.as_deref(), given, work).await
    }

    fn has(&self, candidate: &Candidate) -> bool {
        let (account, asset) = (candidate.account.as_str(), candidate.asset.as_str());
        self.accounts.contains(account) || self.accounts.contains(&place(account, asset))
    }

    /// Fails if the store needs a login to the vault, and the source of logins has no login for this connection.
    fn logged_in(&self, connection: &Connection) -> Answer<()> {
        self.login.as_ref().map_or(Ok(()), |source| source.login(Some(connection)).map(drop))?;
        Ok(())
    }

    /// Fetches credentials. Sets the cookies before the check-out, so that they are set even if the check-out fails.
    async fn fetch<C>(
        &self,
        kind: CredentialKind,
        fetch: &Fetch,
        make: fn(&str, &CheckedOut) -> C,
    ) -> Answer<FetchOutcome<C>> {
        let entry = StoreEntry::of_fetch(StoreCall::fetching(kind), fetch);
        let without = |outcome: super::NoCredentials| Some(outcome.map(|none| match none {}));
        self.ask(entry.clone(), without, async {
            if !self.terms.capabilities.offers(kind) {
                return Ok(FetchOutcome::Unsupported);
            }
            self.logged_in(&fetch.session.connection)?;
            let token = format!("token of {}", fetch.session.connection.session_id);
            fetch.session.cookie.set("token", token)?;
            let before = fetch.session.session_cookie.get("fetches");
            let before = before.and_then(|number| number.to_serde().as_u64()).unwrap_or_default();
            fetch.session.session_cookie.set("fetches", json!(before + 1))?;
            tokio::task::yield_now().await;
            if !self.has(&fetch.candidate) {
                return Ok(FetchOutcome::NotFound);
            }
            let (account, now) = (fetch.candidate.account.as_str(), self.now());
            let of = place(account, fetch.candidate.asset.as_str());
            let checked_out = self.at_vault(|vault| vault.check_out(&self.terms, entry, &of, now))??;
            tokio::task::yield_now().await;
            Ok(match checked_out {
                Err(busy) => FetchOutcome::Busy(busy),
                Ok(checked_out) => {
                    let mut found = Found::new(make(account, &checked_out));
                    found.lease = checked_out.lease()?;
                    found.into()
                }
            })
        })
        .await
    }

    async fn notice(&self, call: StoreCall, event: &SessionEvent) -> Answer<()> {
        let entry = StoreEntry::of_event(call, event);
        self.ask(entry.clone(), |_| None, async {
            tokio::task::yield_now().await;
            self.at_vault(|vault| vault.notice(&self.terms, entry))
        })
        .await
    }

    /// Returns the outcome of the earlier call that `question` is about, or `Unknown` if that call was neither a fetch
    /// nor a check-in.
    fn told(&self, question: &Reconciliation) -> Answer<Reconciled> {
        let now = self.now();
        match &question.context {
            IntendedCall::Fetch(_, fetch) => {
                let intent = fetch.intent.as_ref().map_or("", |intent| intent.as_str());
                self.at_vault(|vault| vault.tell_fetch(intent))?
            }
            IntendedCall::CheckIn(check_in) => {
                let held = self.at_vault(|vault| vault.holds(&check_in.lease.id, now))?;
                Ok(if held { Reconciled::NothingHappened } else { Reconciled::Destroyed })
            }
            _ => Ok(Reconciled::Unknown),
        }
    }
}

/// A list of candidates. Each `next` follows the script.
struct Listed<T> {
    store: ScriptedStore,
    call: StoreCall,
    left: VecDeque<T>,
}

#[async_trait]
impl<T: Send> CandidateStream<T> for Listed<T> {
    async fn next(&mut self) -> Answer<Option<T>> {
        let entry = StoreEntry::of(self.call);
        self.store.ask(entry, |_| None, async { Ok(self.left.pop_front()) }).await
    }
}

impl ScriptedStore {
    fn listed<T: Send + 'static>(&self, call: StoreCall, all: Vec<T>) -> Candidates<T> {
        Candidates::new(Listed { store: self.clone(), call, left: all.into() })
    }
}

#[async_trait]
impl CredentialStore for ScriptedStore {
    fn capabilities(&self) -> Capabilities {
        self.terms.capabilities
    }

    async fn passwords(&self, fetch: &Fetch) -> Answer<FetchOutcome<Passwords>> {
        self.fetch(CredentialKind::Passwords, fetch, given::passwords).await
    }

    async fn private_keys(&self, fetch: &Fetch) -> Answer<FetchOutcome<PrivateKeys>> {
        self.fetch(CredentialKind::PrivateKeys, fetch, given::private_keys).await
    }

    async fn certificates(&self, fetch: &Fetch) -> Answer<FetchOutcome<Certificates>> {
        self.fetch(CredentialKind::Certificates, fetch, given::certificates).await
    }

    async fn totp_codes(&self, fetch: &Fetch) -> Answer<FetchOutcome<TotpCodes>> {
        self.fetch(CredentialKind::TotpCodes, fetch, given::totp_codes).await
    }

    async fn remote_app_credentials(&self, fetch: &Fetch) -> Answer<FetchOutcome<RemoteAppCredentials>> {
        self.fetch(CredentialKind::RemoteApp, fetch, given::remote_app).await
    }

    async fn accounts(&self, _: &CandidateQuestion) -> Answer<Candidates<Account>> {
        self.ask(StoreEntry::of(StoreCall::Accounts), |_| None, async {
            offered(self.terms.capabilities.own_accounts, "accounts of its own")?;
            Ok(self.listed(StoreCall::NextAccount, self.own_accounts.clone()))
        })
        .await
    }

    async fn assets(&self, question: &CandidateQuestion) -> Answer<Candidates<Asset>> {
        self.ask(StoreEntry::of(StoreCall::Assets), |_| None, async {
            offered(self.terms.capabilities.own_assets, "assets of its own")?;
            let generator = question.generator.as_deref().unwrap_or_default();
            let all = self.own_assets.get(generator).cloned().unwrap_or_default();
            Ok(self.listed(StoreCall::NextAsset, all))
        })
        .await
    }

    async fn check_in(&self, check_in: &CheckIn) -> Answer<CheckedIn> {
        let entry = StoreEntry::of_check_in(check_in);
        self.ask(entry.clone(), |_| None, async {
            offered(self.terms.capabilities.leases, "leases")?;
            self.logged_in(&check_in.session.connection)?;
            tokio::task::yield_now().await;
            let now = self.now();
            let rotation = self.at_vault(|vault| vault.check_in(&self.terms, entry, now))?;
            tokio::task::yield_now().await;
            Ok(CheckedIn::new(rotation))
        })
        .await
    }

    async fn renew(&self, renewal: &LeaseRenewal) -> Answer<Lease> {
        let entry = StoreEntry::of_renewal(renewal);
        self.ask(entry.clone(), |_| None, async {
            offered(self.terms.capabilities.renews, "the renewal of leases")?;
            self.logged_in(&renewal.session.connection)?;
            tokio::task::yield_now().await;
            let now = self.now();
            self.at_vault(|vault| vault.renew(&self.terms, entry, renewal, now))?
        })
        .await
    }

    async fn verify(&self, verification: &Verification) -> Answer<Verified> {
        let candidate = &verification.candidate;
        self.ask(StoreEntry::of_candidate(StoreCall::Verify, candidate), |_| None, async {
            offered(self.terms.capabilities.verifies, "verification")?;
            let of = place(candidate.account.as_str(), candidate.asset.as_str());
            Ok(match self.at_vault(|vault| vault.diverged.contains(&of))? {
                _ if !self.has(candidate) => Verified::NotFound,
                true => Verified::Diverged,
                false => Verified::Opens,
            })
        })
        .await
    }

    async fn authentication_completed(&self, event: &SessionEvent) -> Answer<()> {
        self.notice(StoreCall::AuthenticationCompleted, event).await
    }

    async fn session_ended(&self, event: &SessionEvent) -> Answer<()> {
        self.notice(StoreCall::SessionEnded, event).await
    }

    async fn reconcile(&self, question: &Reconciliation) -> Answer<Reconciled> {
        self.ask(StoreEntry::of(StoreCall::Reconcile), |_| None, async {
            offered(self.terms.capabilities.reconciles, "reconciliation")?;
            self.told(question)
        })
        .await
    }
}
