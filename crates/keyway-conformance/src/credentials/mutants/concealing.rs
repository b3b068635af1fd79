//! Makes a store whose vault conceals which accounts it has. It is correct (decision H369).

use std::sync::Arc;

use keyway_credentials::{
    CredentialStore as _, CredentialStoreLayer, Denial, Fetch, FetchOutcome, Layered, Passwords,
};

use super::plugin::{self, Mutated, StoreResult};
use crate::credentials::{CredentialSubject, ScriptedStore};

#[derive(Debug)]
struct Concealing(Mutated);

impl CredentialStoreLayer for Concealing {
    type Inner = ScriptedStore;

    fn inner(&self) -> &ScriptedStore {
        &self.0.store
    }

    async fn passwords(&self, fetch: &Fetch) -> StoreResult<FetchOutcome<Passwords>> {
        Ok(match self.0.store.passwords(fetch).await? {
            FetchOutcome::NotFound => FetchOutcome::Denied(Denial::new("You may not.")),
            other => other,
        })
    }
}

/// Makes a store that denies access to accounts that it does not have.
pub(super) fn concealing() -> CredentialSubject {
    plugin::subject("concealing", plugin::plain, |mutated| Arc::new(Layered(Concealing(mutated))))
}
