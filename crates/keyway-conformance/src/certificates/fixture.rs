//! The fixture of the rules: a scratch folder, a clock, and the open orders.

use std::ops::Deref;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use keyway_certificates::{
    CaId, CertificateAuthority, CertificateError, CertificateOrder, Checkpoint, DeleteCa, JsonObject,
    OrderId, OrderMetadata, PluginMeta,
};
use keyway_core::{Clock, PluginError as _};
use tempfile::TempDir;

use super::handle::Handle;
use super::tested_order::{Checkpoints, TestedOrder};
use super::{CertificateSubject, OrderExample};
use crate::clock::KitClock;
use crate::lock::locked;
use crate::notation::Fixture;
use crate::polled::contained;
use crate::scratch::scratch_folder;
use crate::unique::{new_intent, unique};
use crate::{Broken, Trial, broken};

/// The shortest text that the rules about secrets look for, in bytes. Shorter texts occur in other texts by chance.
pub(super) const SHORTEST_SECRET_BYTES: usize = 6;

/// Opens handles of the authority under test. At the end of a rule, it cancels the orders that are still open, and
/// deletes the authorities that were created.
#[derive(Debug)]
pub(super) struct CertificateFixture<'a> {
    trial: &'a Trial<'a, CertificateSubject>,
    scratch: TempDir,
    pub(super) clock: Arc<KitClock>,
    /// The orders that were placed and have not ended.
    pub(super) left: Mutex<Vec<TestedOrder>>,
    /// The subordinate authorities that were created.
    pub(super) created: Mutex<Vec<CaId>>,
}

impl<'a> Fixture<'a> for CertificateFixture<'a> {
    type Subject = CertificateSubject;

    fn new(trial: &'a Trial<'a, CertificateSubject>) -> Result<Self, Broken> {
        Ok(Self {
            trial,
            scratch: scratch_folder()?,
            clock: Arc::new(KitClock::new()),
            left: Mutex::default(),
            created: Mutex::default(),
        })
    }

    /// Cancels the orders that are still open and deletes the subordinate authorities, if the authority can do that.
    /// Ignores errors and panics, since other rules judge these calls.
    fn clean_up(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let mut left = std::mem::take(&mut *locked(&self.left));
            let mut created = std::mem::take(&mut *locked(&self.created));
            if left.is_empty() && created.is_empty() {
                return;
            }
            let declared = self.subject().capabilities();
            left.retain(|_| declared.cancels);
            created.retain(|_| declared.deletes_cas);
            let Ok(authority) = self.subject().open(self.scratch(), self.clock()) else { return };
            for mut order in left {
                order.order.intent = new_intent();
                let _ = contained(authority.cancel(&order.order)).await;
            }
            for ca in created {
                let _ = contained(authority.delete_ca(&DeleteCa::new(new_intent(), ca))).await;
            }
        })
    }
}

impl<'a> Deref for CertificateFixture<'a> {
    type Target = Trial<'a, CertificateSubject>;

    fn deref(&self) -> &Self::Target {
        self.trial
    }
}

impl<'a> CertificateFixture<'a> {
    /// Returns the example of the subject.
    pub(super) fn example(&self) -> &'a OrderExample {
        &self.subject().example
    }

    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::<KitClock>::clone(&self.clock)
    }

    /// Makes an order with these data, and with an id and an intent of its own.
    pub(super) fn order_of(
        &self,
        metadata: OrderMetadata,
        example: &OrderExample,
    ) -> Result<TestedOrder, Broken> {
        let id = format!("kit-order-{}", unique());
        let id = OrderId::new(id).map_err(|error| broken("an id of an order", error.to_string()))?;
        let listing = self.subject().listing.clone();
        let checkpoints = Arc::new(Checkpoints::new(listing, self.scratch().to_owned()));
        let meta = PluginMeta::new(JsonObject::new(), Arc::clone(&checkpoints) as Arc<dyn Checkpoint>);
        let order = CertificateOrder::new(id, new_intent(), metadata, meta).with_context(example.context());
        Ok(TestedOrder { order, checkpoints })
    }

    /// Makes an order from the example.
    pub(super) fn order(&self) -> Result<TestedOrder, Broken> {
        self.order_of(self.example().metadata()?, self.example())
    }

    /// Opens the authority as a host does after a restart.
    pub(super) fn open(&self) -> Result<Arc<dyn CertificateAuthority>, Broken> {
        self.history().record("open");
        let authority = self.subject().open(self.scratch(), self.clock());
        let failed = |error: CertificateError| format!("opening it failed: {}", error.detail());
        authority.map_err(|error| broken("a handle to the authority", failed(error)))
    }

    /// Opens the authority, and returns a handle for the calls.
    pub(super) fn handle(&self) -> Result<Handle<'_, 'a>, Broken> {
        Ok(Handle::new(self, self.open()?))
    }

    /// Lists the effects at the authority, sorted. Fails with `Missing` if the kit cannot see the effects.
    pub(super) fn listed(&self) -> Result<Vec<String>, Broken> {
        let Some(listing) = &self.subject().listing else {
            return Err(Broken::Missing { capability: "listing" });
        };
        let mut effects = listing(self.scratch());
        effects.sort();
        Ok(effects)
    }

    /// Demands that the effects at the authority are the same as before. Fails with `Missing` if the kit cannot see the
    /// effects.
    pub(super) fn no_effect_since(&self, before: &[String], of: &str) -> Result<(), Broken> {
        let after = self.listed()?;
        crate::ensure(
            after == before,
            format!("no effect of {of}"),
            format!("{} effects before, {} after, or others", before.len(), after.len()),
        )
    }

    /// Returns the failure for a call that should have succeeded.
    pub(super) fn unexpected(&self, call: &str, error: &CertificateError) -> Broken {
        broken(format!("{call} to succeed"), self.clean(&error.detail()))
    }

    /// Masks the client's texts in a text.
    pub(super) fn clean(&self, text: &str) -> String {
        let refused = self.subject().refused.iter().flat_map(OrderExample::texts);
        let texts = self.example().texts().into_iter().chain(refused);
        texts
            .filter(|secret| secret.len() >= SHORTEST_SECRET_BYTES)
            .fold(text.to_owned(), |text, secret| text.replace(&secret, "***"))
    }
}
