//! The contract: a plugin that opens certificate authorities, and an authority with its operations.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{Json, NoConfiguration, Timestamp};

use crate::{
    AuthorityName, CaInformation, Capabilities, CertificateError, CertificateOrder, CertificateRevocation,
    CreateCa, DeleteCa, OrderOutcome, OrderRequest, Reconciled, Reconciliation, RenewalInformation,
    RenewalQuestion, Support,
};

/// A plugin for certificate authorities, as `register!` puts it into the registry.
pub trait CertificatePlugin: fmt::Debug + Send + Sync {
    /// Checks the configuration that the host opens the plugin with, without opening anything.
    ///
    /// It does no I/O and does not block. The default accepts an empty configuration only.
    ///
    /// # Errors
    /// [`Invalid`](CertificateError::Invalid) names the invalid key and the expectation.
    fn check_configuration(&self, configuration: &Json) -> Result<(), CertificateError> {
        keyway_core::read_configuration::<NoConfiguration>(configuration)
            .map(drop)
            .map_err(|error| CertificateError::invalid("the configuration of the plugin", error.to_string()))
    }

    /// Creates a handle to a certificate authority. It does no I/O and does not block.
    ///
    /// # Errors
    /// As [`check_configuration`](Self::check_configuration), and
    /// [`MissingResource`](CertificateError::MissingResource) when the host did not pass a resource that the plugin
    /// needs.
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CertificateAuthority>, CertificateError>;
}

/// The arguments with which a host opens a certificate authority. The name among them is the name of the connection.
pub type OpenContext = keyway_core::OpenContext<AuthorityName>;

/// A connection to one or more certificate authorities (seed, "Plugin Base Class").
///
/// Several calls may use it at once through `&self`, but the host makes only one call at a time for an order. All data
/// of an order come with the call, and the plugin keeps its own data in [`plugin_meta`](CertificateOrder::plugin_meta).
///
/// # Cancel safety
/// A host may drop the future of any operation, for example when a deadline passes. A dropped call may have had its
/// effect. After a dropped call or a crash, the host takes the first of these steps that is possible (decision B6):
/// * It repeats the call if the authority is [idempotent](Capabilities::idempotent).
/// * It asks for the outcome if the authority [reconciles](Capabilities::reconciles).
/// * It [checks](Self::check) an order whose plugin made a [checkpoint](crate::PluginMeta::checkpoint).
/// * It waits for the decision of a person.
///
/// # Errors
/// Any error may leave an effect behind, unless [`effect`](keyway_core::PluginError::effect) says that there is none.
/// The host relies on the answer of `effect`.
#[async_trait]
pub trait CertificateAuthority: fmt::Debug + Send + Sync {
    /// Returns the authority's capabilities. They never change for one handle.
    fn capabilities(&self) -> Capabilities;

    /// Tells whether the authority can carry out a request (seed, `supports`).
    ///
    /// The host calls it once for every order, before it issues the order, even if the client names an authority
    /// (decision B10). The call has no effect.
    ///
    /// # Errors
    /// [`Metadata`](CertificateError::Metadata) names a field that is not acceptable.
    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError>;

    /// Places an order at the authority (seed, `issue_certificate_request`).
    ///
    /// The host calls it first, and again after
    /// [`CaUnavailable`](OrderOutcome::CaUnavailable).
    ///
    /// # Errors
    /// See the trait.
    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError>;

    /// Asks the authority for the state of an order (seed, `check_certificate_status`).
    ///
    /// The host calls it as long as an earlier outcome leaves the order open.
    ///
    /// # Errors
    /// See the trait.
    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError>;

    /// Gives the authority new data for an open order (seed, `modify_certificate_request`).
    ///
    /// The order has the [new](CertificateOrder::metadata) data and the [previous](CertificateOrder::previous_metadata)
    /// data (decision B8).
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) without the capability `modifies`. An authority with the
    /// capability may return it too, for an order that can no longer change. The order then keeps its state and its
    /// previous data (decision B16).
    async fn modify(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        let _ = order;
        Err(CertificateError::Unsupported { what: "changes of an order" })
    }

    /// Cancels an open order (seed, `cancel_certificate_request`). The host calls it for an order that a client cancels
    /// or deletes, and for one that the host gives up, for example at its deadline.
    ///
    /// An authority that does not cancel at once answers [`WaitingForCa`](OrderOutcome::WaitingForCa), and the host
    /// checks the order later (decision B8).
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) without the capability `cancels`. The host then cancels the order
    /// on its side. If a certificate still arrives for the canceled order, the host keeps it as the order's late
    /// certificate, and asks the authority to revoke it (decision B19).
    async fn cancel(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        let _ = order;
        Err(CertificateError::Unsupported { what: "cancelling" })
    }

    /// Describes the authorities behind this connection. There is at least one.
    ///
    /// The host calls it at the start, and when the first of the descriptions expires (decision B14).
    ///
    /// # Errors
    /// For example [`Unavailable`](CertificateError::Unavailable). After any error the host keeps the descriptions that
    /// it has.
    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError>;

    /// Returns the authority that signs when an order names none, or `None` if each order must name an authority.
    ///
    /// It replaces the three methods `get_default_*` of the upstream system. The default implementation returns the
    /// authority of a plugin that has exactly one (decision B14).
    ///
    /// # Errors
    /// As [`ca_information`](Self::ca_information).
    async fn default_ca(&self) -> Result<Option<CaInformation>, CertificateError> {
        let mut all = self.ca_information().await?;
        Ok(if all.len() == 1 { all.pop() } else { None })
    }

    /// Creates a subordinate authority.
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) without the capability `creates_cas`;
    /// [`UnknownCa`](CertificateError::UnknownCa) when there is no such parent.
    async fn create_ca(&self, request: &CreateCa) -> Result<CaInformation, CertificateError> {
        let _ = request;
        Err(CertificateError::Unsupported { what: "subordinate certificate authorities" })
    }

    /// Deletes a subordinate authority. Deleting a missing authority succeeds.
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) without the capability `deletes_cas`. After any error the
    /// authority counts as existing, and the host may try again.
    async fn delete_ca(&self, request: &DeleteCa) -> Result<(), CertificateError> {
        let _ = request;
        Err(CertificateError::Unsupported { what: "deleting a certificate authority" })
    }

    /// Revokes a certificate. Revoking a revoked certificate succeeds (decision B18).
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) without the capability `revokes`;
    /// [`Invalid`](CertificateError::Invalid) or [`Refused`](CertificateError::Refused) for a reason that the authority
    /// does not accept. It always accepts [`Unspecified`](crate::RevocationReason::Unspecified) (decision H368). After
    /// any error the certificate counts as valid, and the host may try again.
    async fn revoke(&self, request: &CertificateRevocation) -> Result<(), CertificateError> {
        let _ = request;
        Err(CertificateError::Unsupported { what: "revocation" })
    }

    /// Tells when a certificate is to be renewed (RFC 9773). The call has no effect (decision B18).
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) without the capability `renewal_information`.
    async fn renewal_information(
        &self,
        question: &RenewalQuestion,
    ) -> Result<RenewalInformation, CertificateError> {
        let _ = question;
        Err(CertificateError::Unsupported { what: "renewal information" })
    }

    /// Does work of the authority that no other operation does, such as signing revocation lists again before they
    /// expire. Returns the time at which the next such work is due, or `None` if the authority knows of no such work.
    ///
    /// The host calls it after the start, at the returned time, soon after each revocation and each creation or
    /// deletion of an authority, and at least daily. Unless there was such a change, at least a minute passes between
    /// an answer and the next call (decision H166). A call does the work that is due now, or nothing. A call may be
    /// dropped and repeated, and several hosts may call at once. A call may block and take long, even in a plugin that
    /// is [`prompt`](Capabilities::prompt), because the host makes it on a thread for such work.
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) without the capability `maintains`. After any error the host
    /// calls again later. Work that was done before the error stays done.
    async fn maintain(&self) -> Result<Option<Timestamp>, CertificateError> {
        Err(CertificateError::Unsupported { what: "work of its own" })
    }

    /// Reports the outcome of an effect that was intended before a crash.
    ///
    /// | [the call](crate::IntendedCall) | if it happened, answer |
    /// | --- | --- |
    /// | `Issue`, `Modify` | [`Made`](Reconciled::Made) with the order; write what later calls need into its `plugin_meta` |
    /// | `CreateCa` | `Made` with the authority |
    /// | `Cancel`, `DeleteCa`, `Revoke` | [`Destroyed`](Reconciled::Destroyed) |
    ///
    /// After [`NothingHappened`](Reconciled::NothingHappened) the host makes the call again. After `Made` it checks the
    /// order. After [`Unknown`](Reconciled::Unknown) a person decides (decision R2).
    ///
    /// # Errors
    /// [`Unsupported`](CertificateError::Unsupported) without the capability `reconciles`.
    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CertificateError> {
        let _ = question;
        Err(CertificateError::Unsupported { what: "reconciliation" })
    }
}

#[cfg(test)]
mod tests;
