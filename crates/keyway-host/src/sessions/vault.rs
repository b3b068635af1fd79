//! Connects a host to vaults: the credential stores of its sessions.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use keyway_credentials::core::LookupError;
use keyway_credentials::{
    AccountRule, AssetGenerator, AssetRules, Candidate, Capabilities, CheckInTriggers, CredentialError,
    CredentialStore, CredentialStoreName, CredentialStorePlugin, CredentialStores, Json, OpenContext,
};

use super::verifying::{Schedule, Verifying};
use crate::host::Lent;
use crate::plugin::{LaneGuard, OpenFault, Opened, Opens, Pace, Permit, Source};
use crate::work::{Lane, Limits};

/// A connection of the host to a vault: a credential store by its name, with the host's rules for it.
#[derive(Clone)]
pub struct Vault {
    pub(super) name: CredentialStoreName,
    source: Source<CredentialStores>,
    pub(super) rules: Rules,
}

/// The host's rules for a vault.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) accounts: AccountRule,
    pub(super) assets: AssetRules,
    pub(super) triggers: CheckInTriggers,
    pub(super) demands_reason: bool,
    pub(super) demands_ticket: bool,
    pub(super) lends_login: bool,
    pub(super) busy_wait: Duration,
    pub(super) verifications: Option<Schedule>,
}

impl Vault {
    /// Creates a connection that the plugin with this id opens, with an empty configuration.
    pub fn new(name: CredentialStoreName, plugin: impl Into<String>) -> Self {
        Self::of(name, Source::Plugin(plugin.into(), Json::default()))
    }

    /// Creates a connection that the host supplies. After a panic the same object is used again, because only the host
    /// could make another object.
    pub fn with_store(name: CredentialStoreName, store: Arc<dyn CredentialStore>) -> Self {
        Self::of(name, Source::Given(store))
    }

    fn of(name: CredentialStoreName, source: Source<CredentialStores>) -> Self {
        let rules = Rules {
            accounts: AccountRule::default(),
            assets: AssetRules::default(),
            triggers: CheckInTriggers::default(),
            demands_reason: false,
            demands_ticket: false,
            lends_login: false,
            busy_wait: Duration::from_secs(30),
            verifications: None,
        };
        Self { name, source, rules }
    }

    /// Sets the plugin's own configuration, with which it is opened.
    #[must_use]
    pub fn plugin_configuration(mut self, configuration: impl Into<Json>) -> Self {
        self.source = self.source.configured(configuration.into());
        self
    }

    /// Sets the rule for the accounts of a session (decision S4).
    #[must_use]
    pub fn accounts(mut self, rule: AccountRule) -> Self {
        self.rules.accounts = rule;
        self
    }

    /// Sets the rules for the assets of a session (decision S4).
    #[must_use]
    pub fn assets(mut self, rules: AssetRules) -> Self {
        self.rules.assets = rules;
        self
    }

    /// Sets when a session checks in credentials that the target accepted (decision S3): after the authentication by
    /// default, or at the end of the session. Choose the end if a check-in changes the credentials, and the target then
    /// ends the sessions that were opened with the old credentials.
    #[must_use]
    pub fn check_in_triggers(mut self, triggers: CheckInTriggers) -> Self {
        self.rules.triggers = triggers;
        self
    }

    /// Sets whether a fetch needs the user's reason. Off by default.
    #[must_use]
    pub const fn demand_reason(mut self, demanded: bool) -> Self {
        self.rules.demands_reason = demanded;
        self
    }

    /// Sets whether a fetch needs a ticket. Off by default.
    #[must_use]
    pub const fn demand_ticket(mut self, demanded: bool) -> Self {
        self.rules.demands_ticket = demanded;
        self
    }

    /// Sets whether check-ins and notices get the user's login at the gateway, as fetches do (decision S6). If so, the
    /// login is sealed and kept with the session. Off by default: the store then uses an account of its own, or a token
    /// that it keeps in its cookie.
    #[must_use]
    pub const fn lend_login(mut self, lent: bool) -> Self {
        self.rules.lends_login = lent;
        self
    }

    /// Sets how long a fetch waits in the queue for an account that another session holds exclusively, 30 s by default.
    /// With zero, a fetch does not wait.
    #[must_use]
    pub const fn busy_wait(mut self, wait: Duration) -> Self {
        self.rules.busy_wait = wait;
        self
    }

    /// Lets the host verify these accounts at its start and then at this interval, which is at least a minute (decision
    /// S10). The log names each account that its target refuses, and [`SessionAudit::verified`](super::SessionAudit)
    /// gets all results.
    #[must_use]
    pub fn verify_every(mut self, every: Duration, accounts: impl IntoIterator<Item = Candidate>) -> Self {
        let candidates = accounts.into_iter().collect();
        self.rules.verifications = Some(Schedule { every, candidates });
        self
    }
}

impl fmt::Debug for Vault {
    /// Omits the configuration, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("name", &self.name).field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// The reason why a connection to a vault does not work.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultFault {
    /// The plugin is not linked into this host.
    #[error(transparent)]
    Plugin(Arc<LookupError>),
    /// The plugin could not be opened.
    #[error("the plugin could not be opened: {0}")]
    Open(Arc<CredentialError>),
    /// The rules name a generator of assets that is not built in, and the store has no generators of its own.
    #[error(
        "no generator of assets has the name \"{name}\": the built-in ones are hostname, ip, domain and domain_asset_mapping"
    )]
    Generator {
        /// The name of the generator.
        name: String,
    },
}

/// A connection to a vault in its current state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VaultView {
    /// The name of the vault.
    pub name: CredentialStoreName,
    /// The capabilities that the plugin declares, or the reason why the connection does not work.
    pub capabilities: Result<Capabilities, VaultFault>,
}

/// A connection with its opened plugin.
#[derive(Debug)]
pub(super) struct RunningVault {
    pub(super) name: CredentialStoreName,
    pub(super) rules: Rules,
    pub(super) opened: Result<Opened<CredentialStores>, VaultFault>,
    pub(super) verifying: Option<Verifying>,
}

impl RunningVault {
    pub(super) fn open(vault: Vault, lent: &Lent, limits: &Limits) -> Self {
        let Vault { name, source, rules } = vault;
        let opened = Opened::open(&name, &source, &lent.plugins, (limits.deadline, limits.isolation));
        let opened = opened.map_err(|fault| match fault {
            OpenFault::Lookup(error) => VaultFault::Plugin(Arc::new(error)),
            OpenFault::Open(error) => VaultFault::Open(Arc::new(error)),
        });
        let opened = opened.and_then(|opened: Opened<CredentialStores>| {
            match rules.assets.generators.iter().find(|generator| matches!(generator, AssetGenerator::Own(_)))
            {
                Some(own) if !opened.capabilities.own_assets => {
                    Err(VaultFault::Generator { name: own.name().to_owned() })
                }
                _ => Ok(opened),
            }
        });
        let now = lent.plugins.clock.now();
        let verifying = rules.verifications.clone().map(|schedule| Verifying::new(schedule, now));
        Self { name, rules, opened, verifying }
    }

    /// Returns the opened plugin.
    pub(super) fn working(&self) -> Result<&Opened<CredentialStores>, CredentialError> {
        let fault = |fault: &VaultFault| CredentialError::not_ready("the vault", fault.to_string());
        self.opened.as_ref().map_err(fault)
    }

    /// Returns the capabilities. A connection that does not work has only the minimal ones.
    pub(super) fn capabilities(&self) -> Capabilities {
        self.opened.as_ref().map_or(Capabilities::MINIMAL, |opened| opened.capabilities)
    }

    /// Tells whether the host can settle a fetch with an unknown outcome: by asking the store about it, or by repeating
    /// it (decision R2). A connection that does not work may be able to do so later, so this counts as yes.
    pub(super) fn resolves(&self) -> bool {
        self.opened.as_ref().map_or(true, |opened| {
            let Capabilities { reconciles, idempotent, .. } = opened.capabilities;
            reconciles || idempotent
        })
    }

    pub(super) fn view(&self) -> VaultView {
        let capabilities = self.opened.as_ref().map(|opened| opened.capabilities).map_err(VaultFault::clone);
        VaultView { name: self.name.clone(), capabilities }
    }

    pub(super) fn lane(&self) -> Lane {
        Lane { name: self.name.to_string(), is_ready: self.opened.is_ok() }
    }

    pub(super) fn guard(&self) -> Option<&dyn LaneGuard> {
        Some(self.opened.as_ref().ok()?.lane_guard())
    }

    /// Waits for a permit of the plugin.
    pub(super) async fn permit(&self) -> Permit {
        match self.guard() {
            Some(guard) => guard.permits().acquire(|| guard.is_quarantined()).await,
            None => Permit::default(),
        }
    }
}

impl Opens for CredentialStores {
    type Name = CredentialStoreName;
    type Instance = dyn CredentialStore;
    type Error = CredentialError;
    type Capabilities = Capabilities;

    fn check(plugin: &dyn CredentialStorePlugin, configuration: &Json) -> Result<(), CredentialError> {
        plugin.check_configuration(configuration)
    }

    fn open(
        plugin: &dyn CredentialStorePlugin,
        context: &OpenContext,
    ) -> Result<Arc<dyn CredentialStore>, CredentialError> {
        plugin.open(context)
    }

    fn capabilities(store: &dyn CredentialStore) -> Capabilities {
        store.capabilities()
    }

    fn pace(declared: &Capabilities) -> (Pace, Option<NonZeroUsize>) {
        (Pace::declared(declared.blocking, declared.prompt), declared.max_concurrency)
    }
}
