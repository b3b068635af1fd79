//! The plugin `vaulted` with books. It has the defect of its process.

use std::sync::Arc;

use keyway_core::Json;
use keyway_credentials::{
    CheckIn, CheckedIn, CredentialError, CredentialStore, CredentialStoreLayer, CredentialStorePlugin, Fetch,
    FetchOutcome, Layered, OpenContext, PrivateKeys, SessionEvent,
};
use keyway_secrets::HostStores;
use keyway_vaulted::VaultedPlugin;
use ssh_key::HashAlg;

use super::super::Defect;
use super::books::{Books, Entry};
use super::defective;
use super::target::{Target, read};
use crate::torture::line::{Line, say};

/// A plugin that opens `vaulted`, and watches its effects.
#[derive(Debug)]
struct TorturedVaulted;

impl CredentialStorePlugin for TorturedVaulted {
    fn check_configuration(&self, configuration: &Json) -> Result<(), CredentialError> {
        VaultedPlugin.check_configuration(configuration)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CredentialStore>, CredentialError> {
        let target = Arc::clone(context.resources.require::<Arc<Target>>()?);
        let stores = Arc::clone(context.resources.require::<Arc<dyn HostStores>>()?);
        let books = Books::new(&target.folder);
        let inner = VaultedPlugin.open(context)?;
        Ok(Arc::new(Layered(Watched { inner, books, target, stores })))
    }
}

/// A vault that keeps books, and prints a note after each effect, so that a kill can hit the time between an effect and
/// its record.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn CredentialStore>,
    books: Books,
    target: Arc<Target>,
    stores: Arc<dyn HostStores>,
}

impl CredentialStoreLayer for Watched {
    type Inner = dyn CredentialStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn private_keys(&self, fetch: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        let outcome = self.inner.private_keys(fetch).await;
        if let Ok(FetchOutcome::Found(found)) = &outcome {
            let lease = found.lease.as_ref().map(|lease| lease.id.to_string()).unwrap_or_default();
            let key = read(found.credentials.first())?.fingerprint(HashAlg::Sha256).to_string();
            let session = fetch.session.connection.session_id.to_string();
            self.books.write(&Entry::Given { session, lease, key })?;
        }
        say(&Line::Note("given".to_owned()));
        outcome
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        let returned = if self.target.defect == Some(Defect::ChangesBeforeStoring) {
            defective::check_in(&*self.stores, &self.target, check_in).await
        } else {
            self.inner.check_in(check_in).await
        };
        say(&Line::Note("returned".to_owned()));
        returned
    }

    async fn session_ended(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        let session = event.session.connection.session_id.to_string();
        self.books.write(&Entry::Ended { session, intent: event.intent.to_string() })?;
        say(&Line::Note("ended".to_owned()));
        self.inner.session_ended(event).await
    }
}

keyway_core::register! {
    keyway_credentials::CredentialStores {
        id: "tortured-vaulted",
        name: "Keyway Vaulted, tortured",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261129,
        compatibility: ">=:1.0,<:2.0",
        plugin: TorturedVaulted,
    }
}
