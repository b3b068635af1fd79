//! The fixture of the rules: a scratch folder, a clock, and the leases that were given.

use std::ops::Deref;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_core::PluginError as _;
use keyway_credentials::{
    Account, Asset, Candidate, Capabilities, CheckIn, CheckInReason, CredentialError, CredentialKind,
    CredentialStore,
};
use tempfile::TempDir;

use super::CredentialSubject;
use super::given::KINDS;
use super::session::Session;
use super::subject::Place;
use crate::clock::KitClock;
use crate::lock::locked;
use crate::notation::Fixture;
use crate::polled::contained;
use crate::scratch::scratch_folder;
use crate::{Broken, Trial, broken};

/// The shortest text that the rules about secrets look for, in bytes. Shorter texts occur in other texts by chance.
const SHORTEST_SECRET_BYTES: usize = 6;

/// The difference between the clocks of two successive rules. It is longer than the time that a rule lets pass on its
/// clock.
const HOUR: Duration = Duration::from_secs(3_600);

/// Opens handles of the store under test. At the end of a rule, it checks in the leases that are still open.
#[derive(Debug)]
pub(super) struct StoreFixture<'a> {
    trial: &'a Trial<'a, CredentialSubject>,
    scratch: TempDir,
    pub(super) clock: Arc<KitClock>,
    /// The check-ins for the leases that are still open.
    pub(super) left: Mutex<Vec<CheckIn>>,
    /// The secret texts that the store has given.
    pub(super) secrets: Mutex<Vec<String>>,
}

impl<'a> Fixture<'a> for StoreFixture<'a> {
    type Subject = CredentialSubject;

    fn new(trial: &'a Trial<'a, CredentialSubject>) -> Result<Self, Broken> {
        // A vault may outlive a rule and remember in which periods it gave one-time codes, so each rule has a later
        // clock.
        static RULES: AtomicU32 = AtomicU32::new(0);
        let (scratch, clock) = (scratch_folder()?, Arc::new(KitClock::new()));
        clock.advance(HOUR * RULES.fetch_add(1, Ordering::SeqCst));
        Ok(Self { trial, scratch, clock, left: Mutex::default(), secrets: Mutex::default() })
    }

    fn clean_up(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.give_all_back())
    }
}

impl<'a> Deref for StoreFixture<'a> {
    type Target = Trial<'a, CredentialSubject>;

    fn deref(&self) -> &Self::Target {
        self.trial
    }
}

impl<'a> StoreFixture<'a> {
    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    pub(super) fn declared(&self) -> Capabilities {
        self.subject().capabilities()
    }

    /// Opens the store as a host does after a restart.
    pub(super) fn open(&self) -> Result<Arc<dyn CredentialStore>, Broken> {
        let store = self.subject().open(self.scratch(), Arc::<KitClock>::clone(&self.clock));
        store.map_err(|error| {
            broken("a handle to the store", format!("opening it failed: {}", error.detail()))
        })
    }

    /// Checks in all leases that are still open. It ignores errors and panics, because check-ins have rules of their
    /// own.
    pub(super) async fn give_all_back(&self) {
        let left = std::mem::take(&mut *locked(&self.left));
        if left.is_empty() {
            return;
        }
        let Ok(store) = self.open() else { return };
        for check_in in left {
            let _ = contained(store.check_in(&check_in)).await;
        }
    }

    /// Begins a session.
    pub(super) fn session(&self) -> Result<Session<'_, 'a>, Broken> {
        Session::begin(self)
    }

    /// Lists the kinds of credentials that the store declares.
    pub(super) fn kinds(&self) -> Vec<CredentialKind> {
        KINDS.into_iter().filter(|kind| self.declared().offers(*kind)).collect()
    }

    /// Returns a kind for rules that work with any kind. Returns one-time codes only if the store has no other kind.
    pub(super) fn kind(&self) -> Result<CredentialKind, Broken> {
        let kinds = self.kinds();
        let codes = kinds.first().copied();
        let other = kinds.into_iter().find(|kind| *kind != CredentialKind::TotpCodes);
        other.or(codes).ok_or(Broken::Missing { capability: "a kind of credentials" })
    }

    /// Returns an account that has credentials of a kind. `number` chooses one of the examples, modulo the number of
    /// examples.
    pub(super) fn example(&self, kind: CredentialKind, number: usize) -> Result<Candidate, Broken> {
        let found = &self.subject().found;
        let of = |wanted| {
            let all: Vec<_> = found.iter().filter(move |(kind, _)| *kind == wanted).collect();
            (!all.is_empty()).then(|| &all[number % all.len()].1)
        };
        placed_if_told(of(Some(kind)).or_else(|| of(None)), "found example")
    }

    /// Lists the leases that the vault holds, sorted. Fails with `Missing` if the kit cannot see the leases.
    pub(super) fn held(&self) -> Result<Vec<String>, Broken> {
        let held = self.subject().held.as_ref().ok_or(Broken::Missing { capability: "held leases" })?;
        let mut ids = held(self.scratch());
        ids.sort();
        Ok(ids)
    }

    /// Demands that the vault holds `more` leases in addition to those from before.
    pub(super) fn more_held(&self, before: &[String], more: usize, after: &str) -> Result<(), Broken> {
        let held = self.held()?.len();
        let expected = before.len() + more;
        crate::ensure(held == expected, format!("{expected} leases held after {after}"), held.to_string())
    }

    /// Returns the failure for a call that should have succeeded.
    pub(super) fn unexpected(&self, call: &str, error: &CredentialError) -> Broken {
        broken(format!("{call} to succeed"), self.clean(&error.detail()))
    }

    /// Remembers a secret text, which must not show anywhere.
    pub(super) fn keep_secret(&self, secret: impl Into<String>) {
        locked(&self.secrets).push(secret.into());
    }

    /// Tells whether a text contains a secret.
    pub(super) fn shows(&self, text: &str) -> bool {
        let secrets = locked(&self.secrets);
        secrets.iter().any(|secret| secret.len() >= SHORTEST_SECRET_BYTES && text.contains(secret.as_str()))
    }

    /// Masks the secrets in a text.
    pub(super) fn clean(&self, text: &str) -> String {
        locked(&self.secrets)
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

/// The reason of check-ins in rules for which the reason does not matter.
pub(super) const USED: CheckInReason = CheckInReason::Used;

/// Returns the candidate of an example.
pub(super) fn placed(place: &Place) -> Result<Candidate, Broken> {
    let text = |error: keyway_credentials::InvalidText| broken("an account and an asset", error.to_string());
    Ok(Candidate::new(
        Account::new(place.0.as_str()).map_err(text)?,
        Asset::new(place.1.as_str()).map_err(text)?,
    ))
}

/// Returns the candidate of an example. If the subject does not give the example, returns an error that contains
/// `name`.
pub(super) fn placed_if_told(place: Option<&Place>, name: &'static str) -> Result<Candidate, Broken> {
    placed(place.ok_or(Broken::Missing { capability: name })?)
}

/// Returns an account that no store has.
pub(super) fn nobody() -> Result<Candidate, Broken> {
    placed(&("kit-no-such-account".to_owned(), "kit-no-such-asset".to_owned()))
}
