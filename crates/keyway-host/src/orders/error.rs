//! The errors of orders.

use keyway_certificates::{AuthorityName, CertificateError, OrderId};
use keyway_core::{Effect, ErrorKind, PluginError};
use keyway_secrets::StoreError;

use super::ca_owners::CaRefusal;
use super::machine::TransitionError;
use super::policy::PolicyRefusal;
use super::routing::RouteError;
use super::stored_key::StoredKeyError;
use super::validation::RequestError;
use super::workflow::OrderWorkflow;
use crate::records::RecordError;
use crate::work::Failed;

/// The error for an order that was not accepted or not changed.
///
/// `Display` is for the operator, and [`detail`](PluginError::detail) for the log. Neither holds a value of an
/// order's metadata.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrdersError {
    /// The call does not fit the order.
    #[error(transparent)]
    Refused(#[from] TransitionError),
    /// A field of the metadata is not acceptable. No authority was called (decision B20).
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The policy of the host does not allow the order.
    #[error(transparent)]
    Policy(#[from] PolicyRefusal),
    /// The owner may not use the certificate authority (decision B19).
    #[error(transparent)]
    Ca(#[from] CaRefusal),
    /// The host could not make the request from the stored key (decision B12). No authority was called.
    #[error("the key in {container} cannot be used: {error}")]
    StoredKey {
        /// The reference to the container.
        container: String,
        /// The reason why the key cannot be used.
        #[source]
        error: Box<StoredKeyError>,
    },
    /// No authority accepts the order (decision B10).
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The authority failed. If the order exists, its state tells what happens next.
    #[error("the certificate authority \"{authority}\" failed at order {order}: {error}")]
    Authority {
        /// The name of the connection.
        authority: AuthorityName,
        /// The order.
        order: OrderId,
        /// The plugin's error.
        #[source]
        error: CertificateError,
    },
    /// The certificate could not be written to the host's secret store. It stays in the order, and the host tries
    /// again.
    #[error("the certificate of order {order} is not stored yet: {error}; the host tries again")]
    NotKept {
        /// The order.
        order: OrderId,
        /// The error of the store.
        #[source]
        error: StoreError,
    },
    /// The host's own records failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<Failed<OrderWorkflow>> for OrdersError {
    fn from(failed: Failed<OrderWorkflow>) -> Self {
        failed.into_failure(TransitionError::Exists)
    }
}

impl PluginError for OrdersError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(refusal) => match refusal {
                TransitionError::NoOrder => ErrorKind::NotFound,
                TransitionError::Exists | TransitionError::Deleted => ErrorKind::AlreadyExists,
                TransitionError::NotModifiable | TransitionError::NotRevocable => ErrorKind::Unsupported,
                TransitionError::Undecided => ErrorKind::Indeterminate,
                _ => ErrorKind::Conflict,
            },
            Self::Request(error) => error.kind(),
            Self::Policy(_) => ErrorKind::Denied,
            Self::Ca(refusal) => refusal.kind(),
            Self::StoredKey { error, .. } => error.kind(),
            Self::Route(error) => error.kind(),
            Self::Authority { error, .. } => error.kind(),
            Self::NotKept { error, .. } => error.kind(),
            Self::Record(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Authority { error, .. } => error.effect(),
            Self::NotKept { error, .. } => error.effect(),
            Self::Record(error) => error.effect(),
            _ => Effect::None,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Authority { authority, order, error } => {
                format!("the authority {authority} failed at order {order}: {}", error.detail())
            }
            Self::StoredKey { container, error } => {
                format!("the key in {container} cannot be used: {}", error.detail())
            }
            Self::NotKept { order, error } => {
                format!("the certificate of order {order} was not stored: {}", error.detail())
            }
            Self::Record(error) => error.detail(),
            other => other.to_string(),
        }
    }
}
