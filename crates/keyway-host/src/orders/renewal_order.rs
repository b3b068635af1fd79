//! Places the order that renews a certificate.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{CertificateAuthority, CertificateError, RenewalInformation, RenewalQuestion};
use keyway_core::PluginError;
use tracing::{info, warn};

use super::asking::read_metadata;
use super::authority::not_connected;
use super::checking::sent;
use super::error::OrdersError;
use super::intents::order_id;
use super::machine::{Event, step};
use super::record::Placed;
use super::state::OrderState;
use super::stored_key::make_request;
use super::validation::{RequestError, ValidRequest, validate};
use super::workflow::OrderWorkflow;
use crate::records::{Address, Change, Entry, NameTag};
use crate::work::{Carried, Claimed, Standing};

impl OrderWorkflow {
    /// Places the order that renews a certificate. The id of the new order is derived from the id of the old one, so
    /// placing it again after a crash changes nothing.
    pub(super) async fn renew(&self, on: &Claimed<'_, Self>, state: &OrderState) -> Carried<Self> {
        match self.place_renewal(on, state).await {
            Ok(id) => {
                info!(order = %order_id(&on.entry.address.id), renewal = %order_id(&id), "a certificate is renewed");
                on.worker.run.woken.notify_one();
                Carried::done(Event::Renewed { id })
            }
            Err(error) => {
                warn!(order = %order_id(&on.entry.address.id), error = %error.detail(), "a certificate is not renewed yet");
                Carried::failed(Event::NotRenewed { again: on.again(error.kind().retry_after()) }, error)
            }
        }
    }

    /// Asks the authority when to renew.
    pub(super) async fn ask_renewal(&self, on: &Claimed<'_, Self>, state: &OrderState) -> Carried<Self> {
        let told = self.renewal_information(on, state).await.unwrap_or_else(|error| {
            warn!(authority = %on.entry.fixed.authority, error = %error.detail(), "an authority did not say when to renew");
            None
        });
        Carried::done(Event::RenewalTold { told, again: on.again(None) })
    }

    async fn renewal_information(
        &self,
        on: &Claimed<'_, Self>,
        state: &OrderState,
    ) -> Result<Option<RenewalInformation>, CertificateError> {
        let placed = &on.entry.fixed;
        let opened = self.authorities.opened(&placed.authority).ok_or_else(not_connected)?;
        let Some(issued) = &state.certificate else { return Ok(None) };
        let mut question = RenewalQuestion::new(issued.certificate.clone());
        question.ca.clone_from(&placed.ca);
        let work = |ca: Arc<dyn CertificateAuthority>| async move { ca.renewal_information(&question).await };
        opened.call("renewal_information", on.working().await, work).await.map(Some)
    }

    async fn place_renewal(
        &self,
        on: &Claimed<'_, Self>,
        state: &OrderState,
    ) -> Result<NameTag, OrdersError> {
        let (placed, address) = (&on.entry.fixed, on.entry.address);
        let id = self.journal.id_of(&[b"renewal", placed.owner.as_str().as_bytes(), &address.id]);
        let address = Address { scope: address.scope, id };
        if self.log.holds(address).await? {
            // An earlier try placed the order, and its owner has deleted it.
            return Ok(id);
        }
        let metadata = read_metadata(&state.metadata).unwrap_or_default();
        let valid = validate(&metadata)?;
        let generated_csr =
            if let (ValidRequest::StoredKey(key), Some(container)) = (&valid, &placed.key_container) {
                let made = Box::pin(make_request(&*self.stores, key)).await;
                let request = made.map_err(|error| OrdersError::StoredKey {
                    container: container.clone(),
                    error: Box::new(error),
                })?;
                self.permit(&placed.owner, Some(&request))?;
                let pem = keyway_certificates::Pem::new(request.to_pem());
                Some(pem.map_err(|_| RequestError::RequestData(too_long()))?)
            } else {
                self.permit(&placed.owner, sent(&metadata, &valid).as_deref())?;
                None
            };
        let now = on.now();
        let next = Placed {
            generated_csr,
            replaces: state.certificate.as_ref().map(|issued| issued.certificate.clone()),
            // The newest certificate of a chain is found by this time, so it grows even if the clock was set back.
            made: now.max(placed.made.plus(Duration::from_millis(1))),
            deadline: None,
            chain: Some(placed.chain.unwrap_or(on.entry.address.id)),
            ..placed.clone()
        };
        let event = Event::Submit { now, metadata: state.metadata.clone() };
        let submitted = step(&self.limits, None, Standing::Free, event)?;
        let mut entry = Entry::new(address, next);
        // If the order exists already, an earlier try placed it.
        let _: crate::records::Applied<Self> =
            self.journal.apply(&mut entry, Change::to(submitted.state)).await?;
        Ok(id)
    }
}

fn too_long() -> keyway_x509::RequestError {
    keyway_x509::RequestError::TooLong { most: keyway_x509::CertificateRequest::MAX_BYTES }
}
