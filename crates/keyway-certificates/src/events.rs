//! The events of orders, for listeners.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::Timestamp;

use crate::{CertificateError, ClientMessage, OrderId, Owner};

/// A listener to the events of orders. A host application implements it.
///
/// Each event is delivered at least once, and again after an error or a crash. The listener recognizes a repeated event
/// by the id of the order. An error of the listener affects neither the order nor its schedule (decisions B3 and B13).
#[async_trait]
pub trait CertificateEvents: fmt::Debug + Send + Sync {
    /// Learns that the certificate of an order is stored.
    ///
    /// # Errors
    /// Any error makes the host send the event again later.
    async fn certificate_is_ready(&self, event: &CertificateReady) -> Result<(), CertificateError>;

    /// Learns that a certificate expires soon, and that no renewal of it is ready (decision B18). The default
    /// implementation ignores the event.
    ///
    /// # Errors
    /// As [`certificate_is_ready`](Self::certificate_is_ready).
    async fn certificate_expires(&self, event: &CertificateExpires) -> Result<(), CertificateError> {
        let _ = event;
        Ok(())
    }

    /// Learns that a certificate authority could not be reached.
    ///
    /// # Errors
    /// As [`certificate_is_ready`](Self::certificate_is_ready).
    async fn ca_is_unavailable(&self, event: &CaUnavailable) -> Result<(), CertificateError>;
}

/// The event that the certificate of an order is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateReady {
    /// The owner of the order.
    pub owner: Owner,
    /// The order.
    pub order: OrderId,
    /// The reference to the container with the certificate.
    pub container: String,
}

impl CertificateReady {
    /// Creates the event.
    pub fn new(owner: Owner, order: OrderId, container: impl Into<String>) -> Self {
        Self { owner, order, container: container.into() }
    }
}

/// The event that a certificate expires soon.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateExpires {
    /// The owner of the order.
    pub owner: Owner,
    /// The order.
    pub order: OrderId,
    /// The end of the certificate's validity.
    pub expires: Timestamp,
}

impl CertificateExpires {
    /// Creates the event.
    pub const fn new(owner: Owner, order: OrderId, expires: Timestamp) -> Self {
        Self { owner, order, expires }
    }
}

/// The event that an authority could not be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaUnavailable {
    /// The owner of the order.
    pub owner: Owner,
    /// The order.
    pub order: OrderId,
    /// The message of the plugin.
    pub message: ClientMessage,
    /// The delay before the next attempt, if there will be an attempt.
    pub retry_after: Option<Duration>,
}

impl CaUnavailable {
    /// Creates the event, without a next attempt.
    pub const fn new(owner: Owner, order: OrderId, message: ClientMessage) -> Self {
        Self { owner, order, message, retry_after: None }
    }

    /// Sets the delay before the next attempt.
    #[must_use]
    pub const fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}
