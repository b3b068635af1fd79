//! Renews a certificate by another order.

use std::time::Duration;

use keyway_certificates::{CertificateAuthority, RenewalQuestion};
use keyway_core::{PluginError, Timestamp};
use std::sync::Arc;
use tracing::{info, warn};

use super::asking::read_metadata;
use super::error::OrdersError;
use super::intents::order_id;
use super::machine::{Event, step};
use super::record::Placed;
use super::state::OrderState;
use super::stored_key::make_request;
use super::validation::{RequestError, ValidRequest, validate};
use super::workflow::OrderWorkflow;
use crate::records::{Address, Change, Entry, NameTag, random};
use crate::work::{Carried, Claimed, Standing};

/// How often an authority that says when to renew is asked, unless it says so, too.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The shortest time until a certificate is renewed.
const SHORTEST: Duration = Duration::from_secs(60);

/// The wish that the certificate of an order is renewed before it expires (decision B18).
///
/// A linked order with the same metadata is placed when a share of the validity has passed, or when an authority
/// with the capability `renewal_information` says so. Its request is the same, too, with the same key; for a
/// stored key it is made again, with the key that is in the container then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The share in thousandths of the validity.
    thousandths: u16,
}

impl Default for Renewal {
    /// Renews at two thirds of the validity.
    fn default() -> Self {
        Self { thousandths: 667 }
    }
}

impl Renewal {
    /// Renews when so many thousandths of the validity have passed: 1 to 999; others count as the nearest of them.
    #[must_use]
    pub fn at_thousandths(thousandths: u16) -> Self {
        Self { thousandths: thousandths.clamp(1, 999) }
    }

    pub(super) const fn thousandths(self) -> u16 {
        self.thousandths
    }

    /// Returns the moment at which the share has passed. For a certificate that is older than that when the host
    /// gets it, it is the share of the rest: an authority that hands out an old certificate again must not be asked
    /// without a pause.
    pub(super) fn due(self, not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Timestamp {
        let after = |from: Timestamp| {
            let rest = not_after.as_milliseconds().saturating_sub(from.as_milliseconds());
            from.plus(Duration::from_millis(rest / 1000 * u64::from(self.thousandths)))
        };
        let due = after(not_before);
        if due > now { due } else { after(now).max(now.plus(SHORTEST)) }
    }
}

impl OrderWorkflow {
    /// Places the order that renews a certificate, if it is time. The id of that order follows from this one, so
    /// placing it again after a crash changes nothing.
    pub(super) async fn renew(&self, on: &Claimed<'_, Self>, state: &OrderState) -> Carried<Self> {
        if let Some(at) = self.later(on, state).await {
            return Carried::done(Event::RenewLater { at });
        }
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

    /// Asks the authority when to renew, if it can tell. `None` is now.
    async fn later(&self, on: &Claimed<'_, Self>, state: &OrderState) -> Option<Timestamp> {
        let (placed, now) = (&on.entry.fixed, on.now());
        let opened = self.authority(placed.authority.as_str())?.opened.as_ref().ok()?;
        if !opened.capabilities.renewal_information {
            return None;
        }
        let mut question = RenewalQuestion::new(state.certificate.as_ref()?.certificate.clone());
        question.ca.clone_from(&placed.ca);
        let work = |ca: Arc<dyn CertificateAuthority>| async move { ca.renewal_information(&question).await };
        match opened.call("renewal_information", on.working().await, work).await {
            Ok(told) => {
                // All certificates of a window must not be renewed at its beginning (RFC 9773, section 4.2).
                let window =
                    told.window_end().as_milliseconds().saturating_sub(told.window_start().as_milliseconds());
                let [share] = random::<1>().unwrap_or_default();
                let chosen = told.window_start().plus(Duration::from_millis(window / 256 * u64::from(share)));
                let look = now.plus(told.check_again_after.unwrap_or(LOOK_EVERY));
                (chosen > now).then(|| chosen.min(look))
            }
            Err(error) => {
                warn!(authority = %placed.authority, error = %error.detail(), "an authority did not say when to renew");
                let due = state.renewal.as_ref().map(|renewal| renewal.due)?;
                (due > now).then(|| due.min(now.plus(LOOK_EVERY)))
            }
        }
    }

    async fn place_renewal(
        &self,
        on: &Claimed<'_, Self>,
        state: &OrderState,
    ) -> Result<NameTag, OrdersError> {
        let (placed, address) = (&on.entry.fixed, on.entry.address);
        let id = self.journal.id_of(&[b"renewal", placed.owner.as_str().as_bytes(), &address.id]);
        let metadata = read_metadata(&state.metadata).unwrap_or_default();
        let valid = validate(&metadata)?;
        let generated_csr = match (&valid, &placed.key_container) {
            (ValidRequest::StoredKey(key), Some(container)) => {
                let made = Box::pin(make_request(&self.stores, key)).await;
                let request = made.map_err(|error| OrdersError::StoredKey {
                    container: container.clone(),
                    error: Box::new(error),
                })?;
                let pem = keyway_certificates::Pem::new(request.to_pem());
                Some(pem.map_err(|_| RequestError::RequestData(too_long()))?)
            }
            _ => None,
        };
        let now = on.now();
        let next = Placed {
            generated_csr,
            replaces: state.certificate.as_ref().map(|issued| issued.certificate.clone()),
            made: now,
            deadline: None,
            chain: Some(placed.chain.unwrap_or(address.id)),
            ..placed.clone()
        };
        let event = Event::Submit { now, metadata: state.metadata.clone() };
        let submitted = step(&self.limits, None, Standing::Free, event)?;
        let mut entry = Entry::new(Address { scope: address.scope, id }, next);
        // If it is there, an earlier try placed it.
        let _: crate::records::Applied<Self> =
            self.journal.apply(&mut entry, Change::to(submitted.state)).await?;
        Ok(id)
    }
}

fn too_long() -> keyway_x509::RequestError {
    keyway_x509::RequestError::TooLong { most: keyway_x509::CertificateRequest::MAX_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_renewal_is_due_later_and_within_the_validity_if_there_is_time(from in 0..u64::MAX / 4, lasts in 1_000..u64::MAX / 4, share: u16, now in 0..u64::MAX / 2) {
            let [from, to, now] = [from, from + lasts, now].map(Timestamp::from_milliseconds);
            let due = Renewal::at_thousandths(share).due(from, to, now);
            prop_assert!(from < due && now < due);
            prop_assert!(due < to || now.plus(SHORTEST) >= due);
        }
    }
}
