//! Makes stores whose vault cannot refuse a late call. They are correct, since they do not tell that nothing happened
//! while a call may be late (decision H294).

use std::sync::Arc;

use keyway_credentials::{
    CredentialError, CredentialStore, CredentialStoreLayer, Fetch, FetchOutcome, IntendedCall, Layered,
    Passwords, Reconciled, Reconciliation,
};

use super::plugin::{self, Mutated, StoreResult, account_of, busy};
use crate::credentials::{CredentialSubject, ScriptedStore};
use crate::lock::locked;

#[derive(Debug)]
struct Late {
    mutated: Mutated,
    /// Whether a call may be late for ever. Otherwise, only the first question about a call comes too early.
    for_ever: bool,
}

impl CredentialStoreLayer for Late {
    type Inner = ScriptedStore;

    fn inner(&self) -> &Self::Inner {
        &self.mutated.store
    }

    async fn passwords(&self, fetch: &Fetch) -> StoreResult<FetchOutcome<Passwords>> {
        match self.mutated.store.passwords(fetch).await {
            Err(CredentialError::Refused { .. }) if account_of(fetch) == "root" => {
                self.mutated.anew(fetch).await
            }
            answer => answer,
        }
    }

    async fn reconcile(&self, question: &Reconciliation) -> StoreResult<Reconciled> {
        let told = self.mutated.store.reconcile(question).await?;
        let intent = match &question.context {
            IntendedCall::Fetch(_, fetch) => format!("{:?}", fetch.intent),
            call => format!("{call:?}"),
        };
        let mut asked = locked(&self.mutated.vault.texts);
        if told == Reconciled::NothingHappened && (self.for_ever || !asked.contains(&intent)) {
            asked.push(intent);
            return Err(busy());
        }
        Ok(told)
    }
}

/// Makes a store that tells that nothing happened when it is asked again, because then no call can be late any more.
pub(super) fn waiting() -> CredentialSubject {
    plugin::subject("waiting", plugin::full, |mutated| opened(mutated, false))
}

/// Makes a store that never tells that nothing happened.
pub(super) fn never_sure() -> CredentialSubject {
    plugin::subject("never sure", plugin::full, |mutated| opened(mutated, true))
}

fn opened(mutated: Mutated, for_ever: bool) -> Arc<dyn CredentialStore> {
    Arc::new(Layered(Late { mutated, for_ever }))
}
