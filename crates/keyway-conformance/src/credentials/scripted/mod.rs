//! A credential store that follows a script, for tests of engines and hosts.

mod calls;
mod given;
mod store;
#[cfg(test)]
mod tests;
mod vault;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Clock, SystemClock, Timestamp};
use keyway_credentials::{
    Account, Asset, Capabilities, CredentialError, CredentialStore, CredentialStorePlugin, FetchOutcome,
    Json, OpenContext, Rotation, VaultLoginSource,
};

use super::given::KINDS;
use crate::scripted::{self, Player, Shelf};
pub use calls::{StoreCall, StoreEntry};
use vault::Vault;

/// A step of a script. After a delay, it answers one call of a credential store or makes the call fail.
pub type Step = scripted::Step<NoCredentials>;

/// The outcome of a fetch that has no credentials, for a script: `NotFound`, `Busy`, `NeedInfo`, `Unsupported`,
/// `Denied`, or `Unavailable`.
pub type NoCredentials = FetchOutcome<Infallible>;

/// A credential store with all capabilities that follows a script: it answers, waits and fails as the script says, and
/// lists the calls and their effects.
///
/// Without a script the store has passwords, keys, certificates, one-time codes and the login of a remote application
/// for each account that was [added](Self::with_account), and for no other account. The vault is in memory or in a
/// folder. A folder survives a kill, and several processes can share it. Clones and [reopened](Self::reopened) handles
/// share vault and script.
///
/// Each fetch sets `token` in the cookie, and increments the counter `fetches` in the session cookie.
///
/// ```
/// use keyway_credentials::{
///     Account, Asset, Candidate, Connection, CredentialStore as _, Fetch, FetchOutcome, SessionContext, SessionId,
/// };
/// use keyway_conformance::credentials::{NoCredentials, ScriptedStore, Step, StoreCall};
///
/// # pollster::block_on(async {
/// let store = ScriptedStore::new().with_account("root");
/// let root = Account::new("root")?;
/// store.script_account(&root, StoreCall::Passwords, [Step::outcome(NoCredentials::NotFound), Step::work()]);
///
/// let session = SessionContext::new(Connection::new(SessionId::new("s-1")?));
/// let fetch = Fetch::new(Candidate::new(root, Asset::new("web1")?), session);
/// assert_eq!(store.passwords(&fetch).await.unwrap(), FetchOutcome::NotFound);
/// let FetchOutcome::Found(found) = store.passwords(&fetch).await.unwrap() else { panic!() };
///
/// // The vault outlives its handles.
/// store.kill();
/// assert_eq!(store.held(), [found.lease.unwrap().id.to_string()]);
/// assert_eq!((store.count(StoreCall::Passwords), store.effects().len()), (2, 1));
/// # Ok::<(), keyway_credentials::InvalidText>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ScriptedStore {
    shelf: Shelf<Vault>,
    player: Player<StoreCall, NoCredentials>,
    clock: Arc<dyn Clock>,
    accounts: BTreeSet<String>,
    own_accounts: Vec<Account>,
    own_assets: BTreeMap<String, Vec<Asset>>,
    login: Option<VaultLoginSource>,
    terms: Terms,
}

/// The terms of the leases that the store grants, and the capabilities that it declares.
#[derive(Clone, Copy, Debug)]
struct Terms {
    capabilities: Capabilities,
    lease_time: Option<Duration>,
    exclusive: bool,
    renews_ids: bool,
    rotation: Rotation,
}

impl ScriptedStore {
    /// The capabilities of a new store: all capabilities, and no limit.
    pub const CAPABILITIES: Capabilities = Capabilities::MINIMAL
        .passwords(true)
        .private_keys(true)
        .certificates(true)
        .totp_codes(true)
        .remote_apps(true)
        .leases(true)
        .renews(true)
        .rotates(true)
        .verifies(true)
        .own_accounts(true)
        .own_assets(true)
        .idempotent(true)
        .reconciles(true);

    /// Creates a store with an empty vault in memory, and without accounts.
    pub fn new() -> Self {
        Self::with(Shelf::memory(), Self::CAPABILITIES)
    }

    /// Opens a store whose vault is in a folder, and makes the folder if it is missing. The store declares that its
    /// calls block, because they read and write files.
    pub fn in_folder(folder: impl AsRef<Path>) -> Self {
        Self::with(Shelf::Folder(folder.as_ref().to_owned()), Self::CAPABILITIES.blocking(true))
    }

    fn with(shelf: Shelf<Vault>, capabilities: Capabilities) -> Self {
        let rotation = Rotation::Rotated;
        Self {
            shelf,
            player: Player::default(),
            clock: Arc::new(SystemClock),
            accounts: BTreeSet::new(),
            own_accounts: Vec::new(),
            own_assets: BTreeMap::new(),
            login: None,
            terms: Terms { capabilities, lease_time: None, exclusive: false, renews_ids: false, rotation },
        }
    }

    /// Sets the capabilities. A call of an operation that the store does not declare returns `Unsupported`. Without
    /// [`idempotent`](Capabilities::idempotent), a repeated call has its effect again.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.terms.capabilities = capabilities;
        self
    }

    /// Sets the clock for leases and one-time codes.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Adds an account that exists at every asset.
    #[must_use]
    pub fn with_account(mut self, account: impl Into<String>) -> Self {
        self.accounts.insert(account.into());
        self
    }

    /// Adds an account that exists at one asset only.
    #[must_use]
    pub fn with_account_at(mut self, account: &str, asset: &str) -> Self {
        self.accounts.insert(place(account, asset));
        self
    }

    /// Sets the accounts that the store lists for a session.
    #[must_use]
    pub fn with_own_accounts(mut self, accounts: impl IntoIterator<Item = Account>) -> Self {
        self.own_accounts = accounts.into_iter().collect();
        self
    }

    /// Makes the store list these assets for the generator `generator`, whatever the account.
    #[must_use]
    pub fn with_own_assets(
        mut self,
        generator: impl Into<String>,
        assets: impl IntoIterator<Item = Asset>,
    ) -> Self {
        self.own_assets.insert(generator.into(), assets.into_iter().collect());
        self
    }

    /// Sets how long a lease lasts after the check-out and after each renewal. By default leases have no end.
    #[must_use]
    pub const fn lease_time(mut self, time: Duration) -> Self {
        self.terms.lease_time = Some(time);
        self
    }

    /// Sets whether a lease is exclusive: other sessions then cannot check out the same account at the same asset.
    #[must_use]
    pub const fn exclusive(mut self, exclusive: bool) -> Self {
        self.terms.exclusive = exclusive;
        self
    }

    /// Sets whether a renewed lease has a new id.
    #[must_use]
    pub const fn renews_ids(mut self, renews_ids: bool) -> Self {
        self.terms.renews_ids = renews_ids;
        self
    }

    /// Sets what a check-in reports about the rotation of the credentials, if the store
    /// [rotates](Capabilities::rotates) them.
    #[must_use]
    pub const fn rotation(mut self, rotation: Rotation) -> Self {
        self.terms.rotation = rotation;
        self
    }

    /// Sets the source of the login to the vault. Fetches, check-ins and renewals then need this login.
    #[must_use]
    pub fn with_login(mut self, source: VaultLoginSource) -> Self {
        self.login = Some(source);
        self
    }

    /// Adds steps for the next calls of an operation, for any account.
    pub fn script(&self, call: StoreCall, steps: impl IntoIterator<Item = Step>) {
        self.player.add(call, None, steps);
    }

    /// Adds steps for the next calls of an operation for this account. They are used before the steps for any account.
    pub fn script_account(&self, account: &Account, call: StoreCall, steps: impl IntoIterator<Item = Step>) {
        self.player.add(call, Some(account.as_str()), steps);
    }

    /// Sets the step for every fetch of this account that no other step of the script covers.
    pub fn script_always(&self, account: &Account, step: &Step) {
        for kind in KINDS {
            self.player.always(StoreCall::fetching(kind), account.as_str(), step.clone());
        }
    }

    /// Returns the current time of the store's clock.
    pub(in crate::credentials) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the ids of the held leases: those that are neither checked in nor expired. Blocks when the vault is in a
    /// folder.
    ///
    /// # Panics
    /// If the vault cannot be read.
    pub fn held(&self) -> Vec<String> {
        self.vault(|vault| vault.held(self.now()))
    }

    /// Returns all calls that the store received, in order, including those that failed. Blocks when the vault is in a
    /// folder.
    ///
    /// # Panics
    /// If the vault cannot be read.
    pub fn calls(&self) -> Vec<StoreEntry> {
        self.vault(|vault| vault.calls.clone())
    }

    /// Returns how many calls of an operation the store received, including those that failed. Blocks when the vault is
    /// in a folder.
    ///
    /// # Panics
    /// If the vault cannot be read.
    pub fn count(&self, call: StoreCall) -> usize {
        self.vault(|vault| vault.calls.iter().filter(|entry| entry.call == call).count())
    }

    /// Returns all effects, in order: check-outs, check-ins, renewals, and events of sessions. A check-in of a lease
    /// that is not held has no effect. Blocks when the vault is in a folder.
    ///
    /// # Panics
    /// If the vault cannot be read.
    pub fn effects(&self) -> Vec<StoreEntry> {
        self.vault(|vault| vault.effects.clone())
    }

    /// Returns the effects that happened more than once for the same intent. The returned entries have no leases,
    /// because a repeated effect may have another lease. Blocks when the vault is in a folder.
    ///
    /// # Panics
    /// If the vault cannot be read.
    pub fn doubled(&self) -> Vec<StoreEntry> {
        let made = self.effects().into_iter().filter(|effect| effect.intent.is_some());
        scripted::doubled(made.map(|effect| StoreEntry { lease: None, ..effect }).collect())
    }

    /// Makes the credentials that the vault stores for an account differ from those that the asset accepts, so that the
    /// asset refuses the stored credentials from now on. Blocks when the vault is in a folder.
    ///
    /// # Panics
    /// If the vault cannot be read.
    pub fn diverge(&self, account: &str, asset: &str) {
        self.vault(|vault| vault.diverged.insert(place(account, asset)));
    }

    /// Takes the store down, for this handle and its clones. Running calls fail, but may already have had their effect.
    /// Later calls fail as [`Unavailable`](CredentialError::Unavailable).
    pub fn kill(&self) {
        self.player.kill();
    }

    /// Opens the store again, with the same vault and the same script.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self { player: self.player.reopened(), ..self.clone() }
    }

    fn vault<T>(&self, look: impl FnOnce(&mut Vault) -> T) -> T {
        self.shelf.with(look).expect("the vault of the scripted store can be read")
    }
}

impl Default for ScriptedStore {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the key of an account at an asset, for the store's accounts and the tables of its vault.
fn place(account: &str, asset: &str) -> String {
    format!("{account}\n{asset}")
}

/// Each call of `open` returns a new handle to the same vault, with the host's clock. The configuration is ignored.
impl CredentialStorePlugin for ScriptedStore {
    fn check_configuration(&self, _: &Json) -> Result<(), CredentialError> {
        Ok(())
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CredentialStore>, CredentialError> {
        Ok(Arc::new(self.reopened().with_clock(Arc::clone(&context.clock))))
    }
}
