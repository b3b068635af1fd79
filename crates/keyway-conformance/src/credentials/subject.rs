//! The subject of the suite: a plugin for credential stores, and the accounts that the rules use.

use std::path::Path;
use std::sync::Arc;

use keyway_core::{Clock, Resources};
use keyway_credentials::{
    Capabilities, Connection, CredentialError, CredentialKind, CredentialStore, CredentialStoreName,
    CredentialStores, OpenContext,
};

use super::fixture::StoreFixture;
use crate::asked::Asked;
use crate::notation::Fixture as _;
use crate::{PluginSubject, Suite, TestedContract};

pub(super) type Listing = dyn Fn(&Path) -> Vec<String> + Send + Sync;
pub(super) type Facts = dyn Fn(&mut Connection) + Send + Sync;

/// A credential store under test.
///
/// Every rule opens the store again, with its own scratch folder, and with a clock that the kit sets.
///
/// ```no_run
/// # fn subject(plugin: &'static dyn keyway_credentials::CredentialStorePlugin, metadata: keyway_core::PluginMetadata) {
/// use keyway_conformance::credentials::CredentialSubject;
/// use serde_json::json;
///
/// let subject = CredentialSubject::new("my-vault", plugin, metadata)
///     .configuration(|scratch| json!({ "folder": scratch }))
///     .found("root", "web1");
/// # }
/// ```
pub type CredentialSubject = PluginSubject<CredentialStores>;

impl TestedContract for CredentialStores {
    type Told = ToldOfCredentials;

    fn suite() -> Suite<CredentialSubject> {
        super::suite()
    }
}

/// An account at an asset.
pub(super) type Place = (String, String);

/// The facts that the author of the test tells the suite about a plugin for credential stores.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "its subject has a name to show")]
pub struct ToldOfCredentials {
    pub(super) found: Vec<(Option<CredentialKind>, Place)>,
    pub(super) denied: Option<Place>,
    pub(super) needs_info: Option<Place>,
    pub(super) unavailable: Option<Place>,
    pub(super) failing: Vec<Place>,
    pub(super) diverged: Option<Place>,
    pub(super) own_account: Option<String>,
    pub(super) generator: Option<String>,
    pub(super) facts: Option<Arc<Facts>>,
    pub(super) held: Option<Arc<Listing>>,
    pub(super) notices: Option<Arc<Listing>>,
    /// The capabilities that the store declared when the kit first asked.
    asked: Asked<Capabilities>,
}

impl CredentialSubject {
    /// Names an account and an asset at which the account has credentials of each kind that the store declares. If no
    /// account is named, the rules about credentials are skipped. If leases are exclusive, name at least two accounts,
    /// because some rules check out two accounts at a time.
    #[must_use]
    pub fn found(mut self, account: &str, asset: &str) -> Self {
        self.told.found.push((None, (account.to_owned(), asset.to_owned())));
        self
    }

    /// Names an account that has credentials of one kind at an asset. For this kind of credentials, the rules use this
    /// account instead of the accounts of [`found`](Self::found).
    #[must_use]
    pub fn found_of(mut self, kind: CredentialKind, account: &str, asset: &str) -> Self {
        self.told.found.push((Some(kind), (account.to_owned(), asset.to_owned())));
        self
    }

    /// Names an account whose credentials the vault refuses to the user.
    #[must_use]
    pub fn denied(mut self, account: &str, asset: &str) -> Self {
        self.told.denied = Some((account.to_owned(), asset.to_owned()));
        self
    }

    /// Names an account for which the store first asks the user for more information.
    #[must_use]
    pub fn needs_info(mut self, account: &str, asset: &str) -> Self {
        self.told.needs_info = Some((account.to_owned(), asset.to_owned()));
        self
    }

    /// Names an account for which the vault cannot be reached.
    #[must_use]
    pub fn unavailable(mut self, account: &str, asset: &str) -> Self {
        self.told.unavailable = Some((account.to_owned(), asset.to_owned()));
        self
    }

    /// Names an account whose fetch fails with an error. Call this method once for each way in which a fetch can fail,
    /// for example before and after the check-out in the vault.
    #[must_use]
    pub fn failing(mut self, account: &str, asset: &str) -> Self {
        self.told.failing.push((account.to_owned(), asset.to_owned()));
        self
    }

    /// Names an account whose stored credentials are not accepted by the asset.
    #[must_use]
    pub fn diverged(mut self, account: &str, asset: &str) -> Self {
        self.told.diverged = Some((account.to_owned(), asset.to_owned()));
        self
    }

    /// Names an account that the store itself lists. Without one, an empty list shows nothing, and the rules about
    /// such lists are skipped.
    #[must_use]
    pub fn own_account(mut self, name: &str) -> Self {
        self.told.own_account = Some(name.to_owned());
        self
    }

    /// Names a generator that the store itself provides, and that lists assets.
    #[must_use]
    pub fn generator(mut self, name: &str) -> Self {
        self.told.generator = Some(name.to_owned());
        self
    }

    /// Sets the facts of the connection that the store needs, such as the user's login at the gateway.
    #[must_use]
    pub fn session(mut self, facts: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        self.told.facts = Some(Arc::new(facts));
        self
    }

    /// Sets a function that lists the ids of the leases that the vault holds. Without it, the rules about held leases
    /// are skipped, and the other rules judge only answers.
    #[must_use]
    pub fn held(mut self, held: impl Fn(&Path) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.told.held = Some(Arc::new(held));
        self
    }

    /// Sets a function that lists the effects of session events in the vault, one text for each effect.
    #[must_use]
    pub fn notices(mut self, notices: impl Fn(&Path) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.told.notices = Some(Arc::new(notices));
        self
    }

    pub(super) fn open(
        &self,
        scratch: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn CredentialStore>, CredentialError> {
        let context = OpenContext::new(CredentialStoreName::new("kit")?, self.metadata.clone())
            .with_configuration((self.configuration)(scratch))
            .with_resources((self.lending)(Resources::new(), scratch))
            .with_clock(clock);
        self.plugin.check_configuration(&context.configuration)?;
        self.plugin.open(&context)
    }

    /// Returns the capabilities that the store declares. The kit asks the store only once.
    ///
    /// # Panics
    /// If the plugin does not open a store in time. The suite also reports this fault.
    pub fn capabilities(&self) -> Capabilities {
        *self.asked.must(self, |trial| Ok(StoreFixture::new(trial)?.open()?.capabilities()))
    }
}
