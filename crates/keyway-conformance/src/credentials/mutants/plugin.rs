//! The subjects of mutants: the scripted store, with some of its operations overridden.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::PluginMetadata;
use keyway_credentials::{
    Account, Asset, Capabilities, CheckIn, CheckInReason, CheckedIn, CredentialError, CredentialStore,
    CredentialStorePlugin, Denial, Fetch, FetchOutcome, Found, Json, LeaseId, NeedInfo, OpenContext,
    Passwords, SessionContext, VaultLoginSource,
};
use serde_json::json;

use crate::credentials::given::KINDS;
use crate::credentials::{CredentialSubject, Fault, NoCredentials, ScriptedStore, Step, StoreCall};
use crate::mutated::{self, ByFolder};
pub(super) use crate::unique::new_intent;

/// The result of an overridden operation.
pub(super) type StoreResult<T> = Result<T, CredentialError>;
pub(super) type Notes = mutated::Notes<Passwords>;

/// Makes the subject of a mutant for `mutants!`. `$kind` is the function that makes the scripted store (`full` if it is
/// omitted). The other arguments override operations of `CredentialStoreLayer`.
macro_rules! store_mutant {
    ($name:ident $change:tt) => { store_mutant!($name full $change) };
    ($name:ident $kind:ident ($($operation:ident |$($argument:ident),+| $body:expr),+)) => {{
        #[derive(Debug)]
        struct $name($crate::credentials::mutants::plugin::Mutated);

        impl keyway_credentials::CredentialStoreLayer for $name {
            type Inner = $crate::credentials::ScriptedStore;

            fn inner(&self) -> &Self::Inner {
                &self.0.store
            }

            $(operation!($operation |$($argument),+| $body);)+
        }

        || {
            let open = |mutated| -> std::sync::Arc<dyn keyway_credentials::CredentialStore> {
                std::sync::Arc::new(keyway_credentials::Layered($name(mutated)))
            };
            let make = $crate::credentials::mutants::plugin::$kind;
            std::sync::Arc::new($crate::credentials::mutants::plugin::subject(stringify!($name), make, open))
        }
    }};
}

pub(super) use store_mutant;

/// Makes a store with all capabilities, whose leases are exclusive and last an hour.
pub(super) fn full() -> ScriptedStore {
    with(ScriptedStore::CAPABILITIES).exclusive(true).lease_time(Duration::from_secs(3_600))
}

/// Makes a store whose leases are not exclusive and do not end.
pub(super) fn shared() -> ScriptedStore {
    with(ScriptedStore::CAPABILITIES)
}

/// Makes a store that gives a lease a new id whenever the lease is renewed.
pub(super) fn renaming() -> ScriptedStore {
    full().renews_ids(true)
}

/// Makes a store at which a call may be repeated, but which cannot tell what happened.
pub(super) fn repeating() -> ScriptedStore {
    with(ScriptedStore::CAPABILITIES.reconciles(false))
}

/// Makes a store at which a call must not be repeated, and which cannot tell what happened.
pub(super) fn once() -> ScriptedStore {
    with(ScriptedStore::CAPABILITIES.idempotent(false).reconciles(false))
}

/// Makes a store that leases passwords, and has no other capability.
pub(super) fn plain() -> ScriptedStore {
    with(Capabilities::MINIMAL.passwords(true).leases(true))
}

/// Makes a store that reads passwords, and has no other capability.
pub(super) fn reading() -> ScriptedStore {
    with(Capabilities::MINIMAL.passwords(true).prompt(true))
}

/// Makes a store that needs the user's login at the gateway.
pub(super) fn gateway() -> ScriptedStore {
    full().with_login(VaultLoginSource::Gateway)
}

fn with(capabilities: Capabilities) -> ScriptedStore {
    let account = |name: &str| Account::new(name).expect("the kit's own accounts are short");
    let asset = |name: &str| Asset::new(name).expect("the kit's own assets are short");
    let mut store = ScriptedStore::new()
        .with_capabilities(capabilities)
        .with_own_accounts(["root", "backup"].map(account))
        .with_own_assets("own", ["web1", "web2"].map(asset));
    for name in ["root", "backup", "lost", "stale", "stumbling"] {
        store = store.with_account(name);
    }
    for kind in KINDS {
        let call = StoreCall::fetching(kind);
        store.script_account(&account("stumbling"), call, [Step::fault(Fault::LostAnswer)]);
    }
    store.diverge("stale", "web1");
    for (name, step) in [
        ("denied", Step::outcome(NoCredentials::Denied(Denial::new("You may not.")))),
        ("asked", Step::outcome(NoCredentials::NeedInfo(NeedInfo::new("Which one?")))),
        ("away", Step::outcome(NoCredentials::Unavailable { retry_after: None })),
        ("refused", Step::fault(Fault::Refused)),
        ("early", Step::fault(Fault::LostRequest)),
        ("lost", Step::fault(Fault::LostAnswer)),
    ] {
        store.script_always(&account(name), &step);
    }
    store
}

/// A handle of a mutant.
#[derive(Debug)]
pub(super) struct Mutated {
    pub(super) store: ScriptedStore,
    /// The state that this handle keeps between calls.
    pub(super) notes: Notes,
    /// The state that all handles of the vault share.
    pub(super) vault: Arc<Notes>,
}

impl Mutated {
    /// Checks out an account that the host did not request.
    pub(super) async fn check_out_another(&self, session: &SessionContext) -> StoreResult<()> {
        let candidate = keyway_credentials::Candidate::new(Account::new("backup")?, Asset::new("web9")?);
        let fetch = Fetch::new(candidate, session.clone()).with_intent(new_intent());
        self.store.passwords(&fetch).await.map(drop)
    }

    /// Makes a fetch with an intent that the vault does not know.
    pub(super) async fn anew(&self, fetch: &Fetch) -> StoreResult<FetchOutcome<Passwords>> {
        let mut fetch = fetch.clone();
        fetch.intent = Some(new_intent());
        self.store.passwords(&fetch).await
    }

    /// Makes a check-in with an intent that the vault does not know.
    pub(super) async fn check_in_anew(&self, check_in: &CheckIn) -> StoreResult<CheckedIn> {
        let mut check_in = check_in.clone();
        check_in.intent = new_intent();
        self.store.check_in(&check_in).await
    }

    /// Checks in all leases that the vault holds.
    pub(super) async fn check_in_all(&self, session: &SessionContext) -> StoreResult<()> {
        for id in self.store.held() {
            let lease = keyway_credentials::Lease::new(LeaseId::new(id)?);
            let candidate = keyway_credentials::Candidate::new(Account::new("root")?, Asset::new("web1")?);
            let reason = CheckInReason::Used;
            let check_in = CheckIn::new(new_intent(), lease, candidate, session.clone(), reason);
            self.store.check_in(&check_in).await?;
        }
        Ok(())
    }
}

/// The error of a store that cannot tell yet that nothing happened.
pub(super) fn busy() -> CredentialError {
    let what = "the vault, at which a call may still be on its way,";
    CredentialError::Unavailable { what, retry_after: Some(Duration::from_millis(10)), source: None }
}

/// Changes what a fetch found.
pub(super) fn refound<C>(
    outcome: FetchOutcome<C>,
    change: impl FnOnce(Found<C>) -> StoreResult<Found<C>>,
) -> StoreResult<FetchOutcome<C>> {
    Ok(match outcome {
        FetchOutcome::Found(found) => change(found)?.into(),
        other => other,
    })
}

/// Returns the account of a fetch.
pub(super) fn account_of(fetch: &Fetch) -> &str {
    fetch.candidate.account.as_str()
}

/// Returns the user's password at the gateway.
pub(super) fn login_of(session: &SessionContext) -> &str {
    session.connection.gateway_password.as_ref().map_or("", |password| password.expose())
}

type Opened = dyn Fn(Mutated) -> Arc<dyn CredentialStore> + Send + Sync;
type Vaults = ByFolder<(ScriptedStore, Arc<Notes>)>;

/// Opens one store for each scratch folder, with the change of the mutant.
struct Opening {
    make: fn() -> ScriptedStore,
    all: Vaults,
    changed: Box<Opened>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening")
    }
}

impl CredentialStorePlugin for Opening {
    fn check_configuration(&self, _: &Json) -> StoreResult<()> {
        Ok(())
    }

    fn open(&self, context: &OpenContext) -> StoreResult<Arc<dyn CredentialStore>> {
        let folder = mutated::folder_in(&context.configuration)
            .ok_or_else(|| CredentialError::invalid("the configuration", "`folder` must be a path"))?;
        let (store, vault) = self.all.of(&folder, || ((self.make)(), Arc::default()));
        let store = store.reopened().with_clock(Arc::clone(&context.clock));
        // The stored handle lists the held leases, so it needs this clock, too: the clock decides which leases have
        // ended.
        self.all.set(&folder, (store.clone(), Arc::clone(&vault)));
        Ok((self.changed)(Mutated { store, notes: Notes::default(), vault }))
    }
}

/// Makes a subject: the scripted store with the change of a mutant.
pub(super) fn subject(
    name: &str,
    make: fn() -> ScriptedStore,
    changed: impl Fn(Mutated) -> Arc<dyn CredentialStore> + Send + Sync + 'static,
) -> CredentialSubject {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "The Keyway authors <keyway@example.org>", "updated": 20261129,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Scripted", "type": "Credential", "description": "a store under test"}}"#,
    );
    let all = Vaults::default();
    let (held, told) = (all.clone(), all.clone());
    // The plugin is never freed, just as a registered plugin.
    let plugin = Box::leak(Box::new(Opening { make, all, changed: Box::new(changed) }));
    CredentialSubject::new(name, plugin, metadata.expect("the kit's own metadata is valid"))
        .configuration(|scratch| json!({ "folder": scratch }))
        .session(|connection| {
            connection.gateway_username = Some("alice".to_owned());
            connection.gateway_password = Some("opening-of-the-gateway".into());
        })
        .found("root", "web1")
        .found("backup", "web1")
        .denied("denied", "web1")
        .needs_info("asked", "web1")
        .unavailable("away", "web1")
        .failing("refused", "web1")
        .failing("early", "web1")
        .failing("lost", "web1")
        .failing("stumbling", "web1")
        .diverged("stale", "web1")
        .own_account("root")
        .generator("own")
        .held(move |scratch| held.of(scratch, || (make(), Arc::default())).0.held())
        .notices(move |scratch| {
            let effects = told.of(scratch, || (make(), Arc::default())).0.effects();
            let is_notice =
                |call| matches!(call, StoreCall::AuthenticationCompleted | StoreCall::SessionEnded);
            effects
                .iter()
                .filter(|effect| is_notice(effect.call))
                .map(|effect| format!("{effect:?}"))
                .collect()
        })
}
