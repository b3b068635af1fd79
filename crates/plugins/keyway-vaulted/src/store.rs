//! Implements the credential store: loads an account, decides about a call, and stores the account.

use std::sync::Arc;

use keyway_core::{Clock, Effect, ErrorKind, PluginError as _, Timestamp};
use keyway_credentials::{
    Busy, Candidate, Capabilities, Certificates, Changer, CheckIn, CheckedIn, CredentialError,
    CredentialKind, CredentialStore, Denial, Fetch, FetchOutcome, Found, Holder, IntendedCall, Lease,
    LeaseId, LeaseRenewal, Passwords, PrivateKeys, Probed, Prober, Reconciled, Reconciliation, TotpCodes,
    Verification, Verified, async_trait,
};
use keyway_issuers::HostGrants;
use keyway_secrets::SecretHeader;

use crate::account::StoredAccount;
use crate::accounts::{Accounts, Loaded};
use crate::configuration::Settings;
use crate::machine::{Asked, CheckOut, Told, check_out, renew, tell_fetch};
use crate::returning::contended;

/// The maximum number of attempts of a call while other calls change the account.
pub(crate) const ATTEMPTS: usize = 64;

/// A credential store over a secret store of the host. See the [crate](crate).
#[derive(Debug)]
pub struct VaultedStore {
    pub(crate) settings: Settings,
    pub(crate) accounts: Accounts,
    pub(crate) changer: Option<Arc<dyn Changer>>,
    pub(crate) prober: Option<Arc<dyn Prober>>,
    pub(crate) grants: Option<Arc<dyn HostGrants>>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// An account whose credentials may be handed out.
struct CheckedOut {
    account: StoredAccount,
    lease: Option<Lease>,
    now: Timestamp,
}

type Outcome<T> = Result<FetchOutcome<T>, CredentialError>;

impl VaultedStore {
    /// Checks out credentials of a kind. If a system is unavailable, and there was no effect, this is returned as an
    /// outcome, so that a search continues with the next candidate. Any other error is returned as an error.
    async fn check_out(&self, kind: CredentialKind, fetch: &Fetch) -> Outcome<CheckedOut> {
        match self.try_check_out(kind, fetch).await {
            Err(error) if error.effect() == keyway_core::Effect::None => match error.kind() {
                ErrorKind::Unavailable { retry_after } => Ok(FetchOutcome::Unavailable { retry_after }),
                _ => Err(error),
            },
            other => other,
        }
    }

    async fn try_check_out(&self, kind: CredentialKind, fetch: &Fetch) -> Outcome<CheckedOut> {
        for _ in 0..ATTEMPTS {
            let Some(Loaded { account, header }) = self.accounts.load(&fetch.candidate).await? else {
                return Ok(FetchOutcome::NotFound);
            };
            let now = self.clock.now();
            if !self.settings.exclusive {
                return Ok(if account.offers(kind) {
                    Found::new(CheckedOut { account, lease: None, now }).into()
                } else {
                    FetchOutcome::Unsupported
                });
            }
            let found = |account, lease| Found::new(CheckedOut { account, lease: Some(lease), now }).into();
            match check_out(&account, &asked(kind, fetch)?, now, self.settings.terms) {
                CheckOut::HandOut(lease) => return Ok(found(account, lease)),
                CheckOut::Store(next, lease) => {
                    if self.accounts.store(&header, &next).await?.is_some() {
                        return Ok(found(*next, lease));
                    }
                }
                CheckOut::TakeBack(over) => {
                    self.take_back(&fetch.candidate, &over).await?;
                }
                CheckOut::Unsupported => return Ok(FetchOutcome::Unsupported),
                CheckOut::Busy { until, holder } => {
                    let mut busy = Busy::new();
                    busy.until = until;
                    busy.held_for = holder.and_then(|holder| Holder::new(holder.as_str()).ok());
                    return Ok(FetchOutcome::Busy(busy));
                }
                CheckOut::Diverged => {
                    return Ok(FetchOutcome::Denied(Denial::new(
                        "The credentials of this account do not work. Please contact the administrator.",
                    )));
                }
                CheckOut::TooLate => return Err(too_late()),
            }
        }
        Err(contended())
    }

    /// Finds out what a fetch checked out. If the fetch checked out nothing, it is refused from then on, should it
    /// arrive late.
    async fn tell_fetch(&self, fetch: &Fetch) -> Result<Reconciled, CredentialError> {
        let Some(intent) = &fetch.intent else { return Ok(Reconciled::NothingHappened) };
        let intent = LeaseId::new(intent.as_str())?;
        for _ in 0..ATTEMPTS {
            let Some(Loaded { account, header }) = self.accounts.load(&fetch.candidate).await? else {
                return Ok(Reconciled::NothingHappened);
            };
            match tell_fetch(&account, &intent, self.settings.terms) {
                Told::Made(lease) => return Ok(Reconciled::Made(lease)),
                Told::Nothing => return Ok(Reconciled::NothingHappened),
                Told::Store(next) => {
                    if self.accounts.store(&header, &next).await?.is_some() {
                        return Ok(Reconciled::NothingHappened);
                    }
                }
            }
        }
        Err(contended())
    }

    /// Tells whether the account still has the lease of this check-in.
    async fn holds(&self, check_in: &CheckIn) -> Result<bool, CredentialError> {
        let loaded = self.accounts.load(&check_in.candidate).await?;
        Ok(loaded.is_some_and(|loaded| loaded.account.lease(&check_in.lease.id).is_some()))
    }

    /// Tells whether an account is still as it was when it was loaded.
    async fn is_unchanged(
        &self,
        candidate: &Candidate,
        header: &SecretHeader,
    ) -> Result<bool, CredentialError> {
        Ok(self.accounts.load(candidate).await?.is_some_and(|now| now.header == *header))
    }

    /// Tells whether the password and the private key of an account open its target, as far as the account has them and
    /// the prober can check them. Returns `None` if none was checked, or if the target could not be asked.
    async fn opens(&self, candidate: &Candidate, account: &StoredAccount) -> Option<bool> {
        let prober = self.prober.as_ref()?;
        let mut opens = None;
        for kind in [CredentialKind::Passwords, CredentialKind::PrivateKeys] {
            let Some(credential) = account.credential(kind) else { continue };
            match prober.probe(candidate, &credential).await {
                Ok(Probed::Opens) => opens = Some(true),
                Ok(Probed::Refused) => return Some(false),
                Err(CredentialError::Unsupported { .. }) => {}
                Err(_) => return None,
            }
        }
        opens
    }
}

fn asked(kind: CredentialKind, fetch: &Fetch) -> Result<Asked, CredentialError> {
    let intent = fetch.intent.as_ref();
    let intent = intent.ok_or_else(|| CredentialError::invalid("the request", "it has no intent"))?;
    let lease = LeaseId::new(intent.as_str())?;
    Ok(Asked { kind, lease, session: fetch.session.connection.session_id.clone() })
}

/// Makes the error for a fetch whose lease is over.
pub(crate) fn too_late() -> CredentialError {
    let told = "the host was told that this fetch has no lease any more";
    CredentialError::refused("It is too late for this request.", told)
}

/// Converts an error of a call that has checked the account out. Its effect is the lease, which the host must give
/// back.
fn after_check_out(error: CredentialError) -> CredentialError {
    match error.effect() {
        Effect::None => CredentialError::failed(error.user_message(), error.detail()),
        Effect::Unknown => error,
    }
}

/// Takes the caller's credentials and the lease from a checked-out account.
fn hand_out<T>(
    outcome: FetchOutcome<CheckedOut>,
    credentials: impl FnOnce(&CheckedOut) -> Option<T>,
) -> FetchOutcome<T> {
    match outcome.into_found() {
        Ok(Found { credentials: checked_out, .. }) => match credentials(&checked_out) {
            Some(credentials) => {
                let mut found = Found::new(credentials);
                found.lease = checked_out.lease;
                found.into()
            }
            None => FetchOutcome::Unsupported,
        },
        Err(other) => other.map(|never| match never {}),
    }
}

#[async_trait]
impl CredentialStore for VaultedStore {
    fn capabilities(&self) -> Capabilities {
        let Settings { exclusive, rotation, certificates, .. } = &self.settings;
        let blocks = self.changer.as_ref().is_some_and(|changer| changer.blocks())
            || self.prober.as_ref().is_some_and(|prober| prober.blocks());
        Capabilities::MINIMAL
            .passwords(true)
            .private_keys(true)
            .totp_codes(*exclusive)
            .certificates(certificates.is_some())
            .leases(*exclusive)
            .renews(*exclusive)
            .rotates(rotation.is_some())
            .verifies(self.prober.is_some())
            .idempotent(true)
            .reconciles(*exclusive)
            .blocking(blocks)
    }

    async fn passwords(&self, fetch: &Fetch) -> Outcome<Passwords> {
        let outcome = self.check_out(CredentialKind::Passwords, fetch).await?;
        Ok(hand_out(outcome, |checked_out| checked_out.account.password().map(Passwords::new)))
    }

    async fn private_keys(&self, fetch: &Fetch) -> Outcome<PrivateKeys> {
        let outcome = self.check_out(CredentialKind::PrivateKeys, fetch).await?;
        Ok(hand_out(outcome, |checked_out| checked_out.account.key().cloned().map(PrivateKeys::new)))
    }

    async fn totp_codes(&self, fetch: &Fetch) -> Outcome<TotpCodes> {
        if !self.settings.exclusive {
            return Ok(FetchOutcome::Unsupported);
        }
        let outcome = self.check_out(CredentialKind::TotpCodes, fetch).await?;
        Ok(hand_out(outcome, |CheckedOut { account, now, .. }| {
            account.totp.as_ref().and_then(|seed| seed.code(*now).ok()).map(TotpCodes::new)
        }))
    }

    async fn certificates(&self, fetch: &Fetch) -> Outcome<Certificates> {
        if self.settings.certificates.is_none() {
            return Ok(FetchOutcome::Unsupported);
        }
        let outcome = self.check_out(CredentialKind::Certificates, fetch).await?;
        let found = match outcome.into_found() {
            Ok(found) => found.credentials,
            Err(other) => return Ok(other.map(|never| match never {})),
        };
        let Some(lease) = found.lease else { return Ok(FetchOutcome::Unsupported) };
        let made = self.certificate(&fetch.candidate, &lease.id).await.map_err(after_check_out)?;
        Ok(Found::new(Certificates::new(made)).with_lease(lease).into())
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        if !self.settings.exclusive {
            return Err(CredentialError::Unsupported { what: "leases" });
        }
        self.take_back(&check_in.candidate, &check_in.lease.id).await.map(CheckedIn::new)
    }

    async fn renew(&self, renewal: &LeaseRenewal) -> Result<Lease, CredentialError> {
        if !self.settings.exclusive {
            return Err(CredentialError::Unsupported { what: "the renewal of leases" });
        }
        let id = &renewal.lease.id;
        for _ in 0..ATTEMPTS {
            let unknown = || CredentialError::UnknownLease { lease: id.clone() };
            let loaded = self.accounts.load(&renewal.candidate).await?;
            let Loaded { account, header } = loaded.ok_or_else(unknown)?;
            let (now, terms) = (self.clock.now(), self.settings.terms);
            let (next, lease) = renew(&account, renewal, now, terms).ok_or_else(unknown)?;
            let stored = match next {
                Some(next) => self.accounts.store(&header, &next).await?.is_some(),
                None => true,
            };
            if stored {
                return Ok(lease);
            }
        }
        Err(contended())
    }

    async fn verify(&self, verification: &Verification) -> Result<Verified, CredentialError> {
        if self.prober.is_none() {
            return Err(CredentialError::Unsupported { what: "verification" });
        }
        let candidate = &verification.candidate;
        let Some(Loaded { account, header }) = self.accounts.load(candidate).await? else {
            return Ok(Verified::NotFound);
        };
        if account.has_diverged() {
            return Ok(Verified::Diverged);
        }
        // While a change is under way, the target may accept the old or the new credential. So the target is not asked.
        let asked = if account.change.is_some() { None } else { self.opens(candidate, &account).await };
        Ok(match asked {
            Some(true) => Verified::Opens,
            Some(false) if self.is_unchanged(candidate, &header).await? => Verified::Diverged,
            // A check-in may have changed the credential since the account was loaded.
            Some(false) | None => Verified::Unknown,
        })
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CredentialError> {
        if !self.settings.exclusive {
            return Err(CredentialError::Unsupported { what: "reconciliation" });
        }
        match &question.context {
            IntendedCall::Fetch(_, fetch) => self.tell_fetch(fetch).await,
            IntendedCall::CheckIn(check_in) if self.holds(check_in).await? => Ok(Reconciled::NothingHappened),
            IntendedCall::CheckIn(_) => Ok(Reconciled::Destroyed),
            _ => Ok(Reconciled::Unknown),
        }
    }
}
