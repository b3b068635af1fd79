//! Tells the host's listeners about orders.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{
    CaUnavailable, CertificateEvents, CertificateExpires, CertificateReady, ClientMessage, OrderId, Owner,
};
use tokio::time::timeout;
use tracing::warn;

use super::state::{About, OrderState};
use crate::plugin::Contained;

/// The listeners of a host. Each of them gets each notice at least once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners(Vec<Arc<dyn CertificateEvents>>);

impl Listeners {
    pub(crate) fn add(&mut self, listener: Arc<dyn CertificateEvents>) {
        self.0.push(listener);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends the notice of an order to all listeners. Returns false if a listener failed, panicked or was too slow.
    /// Then the notice is sent to all of them again later (decision B13).
    pub(super) async fn tell(
        &self,
        owner: &Owner,
        order: OrderId,
        state: &OrderState,
        container: Option<String>,
        deadline: Duration,
    ) -> bool {
        let Some(notice) = &state.notice else { return true };
        let mut delivered = true;
        for listener in &self.0 {
            let (owner, id) = (owner.clone(), order.clone());
            let told = async {
                match notice.about {
                    About::Ready => {
                        let container = container.clone().unwrap_or_default();
                        listener.certificate_is_ready(&CertificateReady::new(owner, id, container)).await
                    }
                    About::Expiring => {
                        let expires = state.expires.unwrap_or(notice.at);
                        listener.certificate_expires(&CertificateExpires::new(owner, id, expires)).await
                    }
                    About::Unavailable(wait) => {
                        let message = ClientMessage::new(&state.message);
                        let event = CaUnavailable::new(owner, id, message).with_retry_after(wait);
                        listener.ca_is_unavailable(&event).await
                    }
                }
            };
            let reason = match timeout(deadline, Contained::new(pin!(Some(told)))).await {
                Ok(Ok(Ok(()))) => continue,
                Ok(Ok(Err(error))) => error.to_string(),
                Ok(Err(_)) => "it panicked".to_owned(),
                Err(_) => "it did not return in time".to_owned(),
            };
            delivered = false;
            warn!(%order, reason, "a listener to orders failed, and is told again later");
        }
        delivered
    }
}
