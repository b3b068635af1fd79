//! The vaults of the torture.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyway_conformance::credentials::{ScriptedStore, Step, StoreCall};
use keyway_credentials::{
    Capabilities, CheckIn, CheckInTrigger, CheckInTriggers, CheckedIn, CredentialError, CredentialStore as _,
    CredentialStoreLayer, CredentialStoreName, Fetch, FetchOutcome, Layered, Passwords, PrivateKeys,
    Rotation, SessionEvent,
};
use keyway_host::sessions::Vault;

use super::Defect;
use super::plan::Plan;
use super::rotating;
use crate::torture::draw::Draw;
use crate::torture::fixture::Role;
use crate::torture::hosting;
use crate::torture::line::{Line, say};

/// The number of scripted calls of each operation. Later calls succeed.
const SCRIPTED: usize = 300;
const MINUTE: Duration = Duration::from_secs(60);

/// A vault of the torture.
#[derive(Debug)]
pub(super) struct VaultTerms {
    pub(super) name: &'static str,
    pub(super) capabilities: Capabilities,
    /// The time that a lease of the vault lasts. The clocks of the hosts are up to 20 minutes ahead, so they often jump
    /// past the time at which a host renews a lease. The vault's clock does not jump.
    lease_time: Option<Duration>,
    is_exclusive: bool,
    renews_ids: bool,
}

/// The capabilities of a vault that does not help after a call that was cut short: a repeated call may have a second
/// effect, and the vault cannot tell the outcome of the first one. The host makes the candidates (accounts and assets).
const FORGETFUL: Capabilities = ScriptedStore::CAPABILITIES
    .blocking(true)
    .own_accounts(false)
    .own_assets(false)
    .idempotent(false)
    .reconciles(false);

/// The vaults that every host has.
pub(super) const VAULTS: [VaultTerms; 6] = [
    VaultTerms {
        name: "idempotent",
        capabilities: FORGETFUL.idempotent(true),
        lease_time: Some(MINUTE.saturating_mul(40)),
        is_exclusive: false,
        renews_ids: true,
    },
    VaultTerms {
        name: "reconciling",
        capabilities: FORGETFUL.reconciles(true),
        lease_time: Some(MINUTE.saturating_mul(30)),
        is_exclusive: false,
        renews_ids: false,
    },
    VaultTerms {
        name: "exclusive",
        capabilities: FORGETFUL.idempotent(true).reconciles(true),
        lease_time: None,
        is_exclusive: true,
        renews_ids: false,
    },
    // Some leases of this vault end before a host returns them.
    VaultTerms {
        name: "short",
        capabilities: FORGETFUL.idempotent(true).reconciles(true),
        lease_time: Some(Duration::from_millis(400)),
        is_exclusive: false,
        renews_ids: false,
    },
    VaultTerms {
        name: "forgetful",
        capabilities: FORGETFUL.renews(false),
        lease_time: Some(MINUTE.saturating_mul(25)),
        is_exclusive: false,
        renews_ids: false,
    },
    VaultTerms {
        name: ROTATING,
        capabilities: FORGETFUL.idempotent(true).reconciles(true),
        lease_time: None,
        is_exclusive: true,
        renews_ids: false,
    },
];

/// The name of the vault that rotates.
const ROTATING: &str = "rotating";

impl VaultTerms {
    /// The accounts of each vault.
    pub(super) const ACCOUNTS: [&str; 2] = ["root", "ada"];

    pub(super) fn store_name(&self) -> CredentialStoreName {
        CredentialStoreName::new(self.name).expect("a valid name")
    }

    /// Tells whether the vault is scripted. Only the rotating vault is not.
    pub(super) fn is_scripted(&self) -> bool {
        self.name != ROTATING
    }

    /// Tells whether a host can find out the outcome of a fetch.
    pub(super) const fn resolves(&self) -> bool {
        self.capabilities.idempotent || self.capabilities.reconciles
    }

    /// Opens the vault. All its calls work.
    pub(super) fn open(&self, folder: &Path) -> ScriptedStore {
        let mut store = ScriptedStore::in_folder(folder.join(self.name))
            .with_capabilities(self.capabilities)
            .exclusive(self.is_exclusive)
            .renews_ids(self.renews_ids);
        for account in Self::ACCOUNTS {
            store = store.with_account(account);
        }
        match self.lease_time {
            Some(time) => store.lease_time(time),
            None => store,
        }
    }

    /// Connects a host to the vault. In a checking process all calls work, because the check has to come to an end.
    pub(super) fn connect(&self, plan: &Plan, mut draw: Draw) -> Vault {
        if !self.is_scripted() {
            return rotating::connect(self);
        }
        let mut store = self.open(&plan.folder);
        if plan.defect == Some(Defect::GivesAnother) {
            store = store.with_capabilities(self.capabilities.idempotent(false));
        }
        if plan.role != Role::Check {
            for call in [
                StoreCall::Passwords,
                StoreCall::PrivateKeys,
                StoreCall::CheckIn,
                StoreCall::Renew,
                StoreCall::AuthenticationCompleted,
                StoreCall::SessionEnded,
                StoreCall::Reconcile,
            ] {
                store.script(call, (0..SCRIPTED).map(|_| step(&mut draw)).collect::<Vec<_>>());
            }
        }
        let (defect, draw) = (plan.defect, Mutex::new(draw));
        let store = Watched { store, capabilities: self.capabilities, defect, draw };
        Vault::with_store(self.store_name(), Arc::new(Layered(store))).check_in_triggers(triggers())
    }
}

/// Returns the moments of check-ins, which depend on the protocol.
pub(super) fn triggers() -> CheckInTriggers {
    CheckInTriggers::new(CheckInTrigger::AfterAuthentication)
        .with_protocol("rdp", CheckInTrigger::AtSessionEnd)
}

fn step(draw: &mut Draw) -> Step {
    hosting::scripted_call(draw).map_or_else(Step::fault, |delay| Step::work().after(delay))
}

/// A vault that prints a note after each effect, so that a kill can hit the time between an effect and its record. It
/// has the defect of its process.
#[derive(Debug)]
struct Watched {
    store: ScriptedStore,
    capabilities: Capabilities,
    defect: Option<Defect>,
    draw: Mutex<Draw>,
}

impl Watched {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect) && self.draw.lock().unwrap_or_else(PoisonError::into_inner).chance(50)
    }
}

impl CredentialStoreLayer for Watched {
    type Inner = ScriptedStore;

    fn inner(&self) -> &ScriptedStore {
        &self.store
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        noted("given", self.store.passwords(fetch).await)
    }

    async fn private_keys(&self, fetch: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        noted("given", self.store.private_keys(fetch).await)
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        if self.has(Defect::KeepsLeases) {
            return Ok(CheckedIn::new(Rotation::NotRotated));
        }
        noted("returned", self.store.check_in(check_in).await)
    }

    async fn authentication_completed(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        if self.has(Defect::ForgetsAuthentications) {
            return Ok(());
        }
        noted("authenticated", self.store.authentication_completed(event).await)
    }

    async fn session_ended(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        if self.has(Defect::ForgetsEnds) {
            return Ok(());
        }
        noted("ended", self.store.session_ended(event).await)
    }
}

fn noted<T>(what: &str, answer: T) -> T {
    say(&Line::Note(what.to_owned()));
    answer
}
