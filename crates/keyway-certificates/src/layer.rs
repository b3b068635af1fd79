//! Layers: certificate authorities that wrap another authority.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;
use keyway_core::Timestamp;

use crate::{
    CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder,
    CertificateRevocation, CreateCa, DeleteCa, IntendedEffect, IntentId, OrderId, OrderOutcome, OrderRequest,
    Reconciled, Reconciliation, RenewalInformation, RenewalQuestion, RetryMethod, RevocationReason, Support,
};

/// One operation of a [`CertificateAuthority`], as [`CertificateAuthorityLayer::around`] sees it.
///
/// Its `Debug` form can be logged: it shows ids and intents, and no data of a client. A layer that needs the
/// arguments of a call overrides the operation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Call<'a> {
    /// [`CertificateAuthority::supports`].
    Supports,
    /// A call that acts on one order: issue, check, modify or cancel.
    #[non_exhaustive]
    Order {
        /// The operation.
        method: RetryMethod,
        /// The order.
        order: &'a OrderId,
        /// The id of the intended effect.
        intent: &'a IntentId,
    },
    /// [`CertificateAuthority::ca_information`].
    CaInformation,
    /// [`CertificateAuthority::default_ca`].
    DefaultCa,
    /// [`CertificateAuthority::create_ca`].
    #[non_exhaustive]
    CreateCa {
        /// The id of the intended effect.
        intent: &'a IntentId,
        /// The authority that signs.
        parent: &'a CaId,
    },
    /// [`CertificateAuthority::delete_ca`].
    #[non_exhaustive]
    DeleteCa {
        /// The id of the intended effect.
        intent: &'a IntentId,
        /// The authority.
        ca: &'a CaId,
    },
    /// [`CertificateAuthority::revoke`].
    #[non_exhaustive]
    Revoke {
        /// The id of the intended effect.
        intent: &'a IntentId,
        /// The reason.
        reason: RevocationReason,
    },
    /// [`CertificateAuthority::renewal_information`].
    RenewalInformation,
    /// [`CertificateAuthority::maintain`].
    Maintain,
    /// [`CertificateAuthority::reconcile`].
    #[non_exhaustive]
    Reconcile {
        /// The intent whose outcome is requested.
        intent: &'a IntentId,
        /// The effect of the intended call.
        effect: &'a IntendedEffect,
    },
}

/// A wrapper of another certificate authority. It forwards every operation that it does not override.
///
/// Implement this trait instead of [`CertificateAuthority`], and put the value into [`Layered`] to get an authority.
/// Operations that are added to the contract later are then forwarded too. A wrapper that implements
/// [`CertificateAuthority`] itself would answer them with the contract's defaults, just as it would answer
/// [`revoke`](Self::revoke) with `Unsupported`.
///
/// * Override one operation to change it, and call [`inner`](Self::inner) to reach the authority below.
/// * Override [`around`](Self::around) to see, delay or refuse every operation in one place.
/// * Override [`capabilities`](Self::capabilities) if the layer offers less than the authority below, or if the layer
///   blocks.
///
/// A layer keeps the promises of the contract (see [`CertificateAuthority`]). It returns
/// [`Refused`](CertificateError::Refused) only if nothing happened, neither in the layer nor in the authority below.
/// Errors, blocking and cancel safety of a forwarded operation are those of the authority below.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use keyway_certificates::{
///     Call, CertificateAuthority, CertificateAuthorityLayer, CertificateError, Layered, RetryMethod,
/// };
///
/// /// Counts the orders that are placed.
/// #[derive(Debug)]
/// struct Counting {
///     inner: Arc<dyn CertificateAuthority>,
///     orders: AtomicU32,
/// }
///
/// impl CertificateAuthorityLayer for Counting {
///     type Inner = dyn CertificateAuthority;
///
///     fn inner(&self) -> &Self::Inner {
///         &*self.inner
///     }
///
///     async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, CertificateError>
///     where
///         T: Send + 'static,
///         F: Future<Output = Result<T, CertificateError>> + Send,
///     {
///         if let Call::Order { method: RetryMethod::Issue, .. } = call {
///             self.orders.fetch_add(1, Ordering::Relaxed);
///         }
///         next.await
///     }
/// }
///
/// fn counted(inner: Arc<dyn CertificateAuthority>) -> Layered<Counting> {
///     Layered(Counting { inner, orders: AtomicU32::new(0) })
/// }
/// ```
pub trait CertificateAuthorityLayer: fmt::Debug + Send + Sync {
    /// The type of the authority below. It may be `dyn CertificateAuthority`.
    type Inner: CertificateAuthority + ?Sized;

    /// Returns the authority below. Does not block.
    fn inner(&self) -> &Self::Inner;

    /// Runs `next`, which is the future of the layer's own method for `call`, and returns its result.
    ///
    /// An override may await `next` or drop it. If it drops `next` before the first poll, the operation has not run.
    /// The result has one of the types that operations of the contract return. A layer that needs the content of a
    /// result can downcast the result by [`Any`].
    ///
    /// # Errors
    /// Those of `next`.
    ///
    /// # Cancel safety
    /// That of the operation.
    fn around<T: Any + Send, F>(
        &self,
        call: Call<'_>,
        next: F,
    ) -> impl Future<Output = Result<T, CertificateError>> + Send
    where
        F: Future<Output = Result<T, CertificateError>> + Send,
    {
        let _ = call;
        next
    }

    /// Forwards [`CertificateAuthority::capabilities`]. Does not block.
    fn capabilities(&self) -> Capabilities {
        self.inner().capabilities()
    }

    /// Forwards [`CertificateAuthority::supports`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn supports(
        &self,
        request: &OrderRequest,
    ) -> impl Future<Output = Result<Support, CertificateError>> + Send {
        async move { self.inner().supports(request).await }
    }

    /// Forwards [`CertificateAuthority::issue`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn issue(
        &self,
        order: &CertificateOrder,
    ) -> impl Future<Output = Result<OrderOutcome, CertificateError>> + Send {
        async move { self.inner().issue(order).await }
    }

    /// Forwards [`CertificateAuthority::check`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn check(
        &self,
        order: &CertificateOrder,
    ) -> impl Future<Output = Result<OrderOutcome, CertificateError>> + Send {
        async move { self.inner().check(order).await }
    }

    /// Forwards [`CertificateAuthority::modify`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn modify(
        &self,
        order: &CertificateOrder,
    ) -> impl Future<Output = Result<OrderOutcome, CertificateError>> + Send {
        async move { self.inner().modify(order).await }
    }

    /// Forwards [`CertificateAuthority::cancel`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn cancel(
        &self,
        order: &CertificateOrder,
    ) -> impl Future<Output = Result<OrderOutcome, CertificateError>> + Send {
        async move { self.inner().cancel(order).await }
    }

    /// Forwards [`CertificateAuthority::ca_information`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn ca_information(&self) -> impl Future<Output = Result<Vec<CaInformation>, CertificateError>> + Send {
        async move { self.inner().ca_information().await }
    }

    /// Forwards [`CertificateAuthority::default_ca`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn default_ca(&self) -> impl Future<Output = Result<Option<CaInformation>, CertificateError>> + Send {
        async move { self.inner().default_ca().await }
    }

    /// Forwards [`CertificateAuthority::create_ca`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn create_ca(
        &self,
        request: &CreateCa,
    ) -> impl Future<Output = Result<CaInformation, CertificateError>> + Send {
        async move { self.inner().create_ca(request).await }
    }

    /// Forwards [`CertificateAuthority::delete_ca`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn delete_ca(&self, request: &DeleteCa) -> impl Future<Output = Result<(), CertificateError>> + Send {
        async move { self.inner().delete_ca(request).await }
    }

    /// Forwards [`CertificateAuthority::revoke`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn revoke(
        &self,
        request: &CertificateRevocation,
    ) -> impl Future<Output = Result<(), CertificateError>> + Send {
        async move { self.inner().revoke(request).await }
    }

    /// Forwards [`CertificateAuthority::renewal_information`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn renewal_information(
        &self,
        question: &RenewalQuestion,
    ) -> impl Future<Output = Result<RenewalInformation, CertificateError>> + Send {
        async move { self.inner().renewal_information(question).await }
    }

    /// Forwards [`CertificateAuthority::maintain`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn maintain(&self) -> impl Future<Output = Result<Option<Timestamp>, CertificateError>> + Send {
        async move { self.inner().maintain().await }
    }

    /// Forwards [`CertificateAuthority::reconcile`].
    ///
    /// # Errors
    /// Those of the authority below.
    fn reconcile(
        &self,
        question: &Reconciliation,
    ) -> impl Future<Output = Result<Reconciled, CertificateError>> + Send {
        async move { self.inner().reconcile(question).await }
    }
}

/// Makes a [`CertificateAuthority`] from a [`CertificateAuthorityLayer`], which is its field.
#[derive(Clone, Debug)]
pub struct Layered<L>(pub L);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: CertificateAuthorityLayer> CertificateAuthority for Layered<L> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
        self.0.around(Call::Supports, self.0.supports(request)).await
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.0.around(of_order(RetryMethod::Issue, order), self.0.issue(order)).await
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.0.around(of_order(RetryMethod::Check, order), self.0.check(order)).await
    }

    async fn modify(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.0.around(of_order(RetryMethod::Modify, order), self.0.modify(order)).await
    }

    async fn cancel(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.0.around(of_order(RetryMethod::Cancel, order), self.0.cancel(order)).await
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        self.0.around(Call::CaInformation, self.0.ca_information()).await
    }

    async fn default_ca(&self) -> Result<Option<CaInformation>, CertificateError> {
        self.0.around(Call::DefaultCa, self.0.default_ca()).await
    }

    async fn create_ca(&self, request: &CreateCa) -> Result<CaInformation, CertificateError> {
        let call = Call::CreateCa { intent: &request.intent, parent: &request.parent };
        self.0.around(call, self.0.create_ca(request)).await
    }

    async fn delete_ca(&self, request: &DeleteCa) -> Result<(), CertificateError> {
        let call = Call::DeleteCa { intent: &request.intent, ca: &request.ca };
        self.0.around(call, self.0.delete_ca(request)).await
    }

    async fn revoke(&self, request: &CertificateRevocation) -> Result<(), CertificateError> {
        let call = Call::Revoke { intent: &request.intent, reason: request.reason };
        self.0.around(call, self.0.revoke(request)).await
    }

    async fn renewal_information(
        &self,
        question: &RenewalQuestion,
    ) -> Result<RenewalInformation, CertificateError> {
        self.0.around(Call::RenewalInformation, self.0.renewal_information(question)).await
    }

    async fn maintain(&self) -> Result<Option<Timestamp>, CertificateError> {
        self.0.around(Call::Maintain, self.0.maintain()).await
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CertificateError> {
        let call = Call::Reconcile { intent: question.context.intent(), effect: &question.effect };
        self.0.around(call, self.0.reconcile(question)).await
    }
}

/// Returns the [`Call`] for an operation that acts on an order.
fn of_order(method: RetryMethod, order: &CertificateOrder) -> Call<'_> {
    Call::Order { method, order: &order.id, intent: &order.intent }
}

#[cfg(test)]
mod tests;
