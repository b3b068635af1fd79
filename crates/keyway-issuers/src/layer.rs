//! Issuers that wrap another issuer.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;

use crate::{
    Capabilities, CredentialRef, CredentialRequest, Description, IntendedEffect, IntentId, Issuer,
    IssuerError, Parameters, Reconciled, Reconciliation, RequestOutcome, Revocation,
};

/// One operation of an [`Issuer`], as [`IssuerLayer::around`] sees it.
///
/// Its `Debug` form can be logged: it shows the keys of parameters and the length of a state, and no value. It has no
/// context: a layer that needs the context of a call overrides the method of the operation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Call<'a> {
    /// [`Issuer::describe`].
    Describe,
    /// [`Issuer::request`].
    #[non_exhaustive]
    Request {
        /// The id of the intended effect, if the host names one.
        intent: Option<&'a IntentId>,
        /// The parameters that the user entered.
        parameters: &'a Parameters,
    },
    /// [`Issuer::revoke`].
    #[non_exhaustive]
    Revoke {
        /// The id of the intended effect, if the host names one.
        intent: Option<&'a IntentId>,
        /// The reference to the credential (`state` on the wire).
        state: &'a CredentialRef,
    },
    /// [`Issuer::reconcile`].
    #[non_exhaustive]
    Reconcile {
        /// The id of the intended effect, if the host names one.
        intent: Option<&'a IntentId>,
        /// The intended effect: a request, or the revocation of a credential.
        effect: &'a IntendedEffect,
    },
}

/// A layer around another issuer. It forwards every operation that it does not override.
///
/// Implement this trait instead of [`Issuer`], and put the value into [`Layered`] to get an issuer. Operations that the
/// contract gains later are then forwarded, too. A wrapper that implements [`Issuer`] directly would run the contract's
/// default bodies instead; the default body of [`reconcile`](Self::reconcile) returns `Unsupported`.
///
/// * Override one operation to change it, and call the issuer below through [`inner`](Self::inner).
/// * Override [`around`](Self::around) to see, delay or refuse every operation in one place.
/// * Override [`capabilities`](Self::capabilities) if the layer offers less than the issuer below, or if the layer
///   itself blocks.
///
/// A layer must keep the promises of the contract: see [`Issuer`]. It returns [`Refused`](IssuerError::Refused) only if
/// nothing happened, neither in the layer nor in the issuer below. A forwarded operation has the errors, blocking and
/// cancel safety of the issuer below.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use keyway_issuers::{Call, Issuer, IssuerError, IssuerLayer, Layered};
///
/// /// Counts the requests.
/// #[derive(Debug)]
/// struct Counting {
///     inner: Arc<dyn Issuer>,
///     requests: AtomicU32,
/// }
///
/// impl IssuerLayer for Counting {
///     type Inner = dyn Issuer;
///
///     fn inner(&self) -> &Self::Inner {
///         &*self.inner
///     }
///
///     async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, IssuerError>
///     where
///         T: Send + 'static,
///         F: Future<Output = Result<T, IssuerError>> + Send,
///     {
///         if let Call::Request { .. } = call {
///             self.requests.fetch_add(1, Ordering::Relaxed);
///         }
///         next.await
///     }
/// }
///
/// fn counted(inner: Arc<dyn Issuer>) -> Layered<Counting> {
///     Layered(Counting { inner, requests: AtomicU32::new(0) })
/// }
/// ```
pub trait IssuerLayer: fmt::Debug + Send + Sync {
    /// The issuer below: a type, or `dyn Issuer`.
    type Inner: Issuer + ?Sized;

    /// Returns the issuer below. Does not block.
    fn inner(&self) -> &Self::Inner;

    /// Runs `next`, and returns its result. `next` is the future of the layer's own method for the operation `call`.
    ///
    /// An override may await `next` or drop it. If it drops `next` before the first poll, the
    /// operation is not carried out. The result has one of the types that the contract's operations
    /// return; a layer that needs to inspect it can downcast it by [`Any`].
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
    ) -> impl Future<Output = Result<T, IssuerError>> + Send
    where
        F: Future<Output = Result<T, IssuerError>> + Send,
    {
        let _ = call;
        next
    }

    /// Forwards [`Issuer::capabilities`]. Does not block.
    fn capabilities(&self) -> Capabilities {
        self.inner().capabilities()
    }

    /// Forwards [`Issuer::describe`].
    ///
    /// # Errors
    /// Those of the issuer below.
    fn describe(&self) -> impl Future<Output = Result<Description, IssuerError>> + Send {
        async move { self.inner().describe().await }
    }

    /// Forwards [`Issuer::request`].
    ///
    /// # Errors
    /// Those of the issuer below.
    fn request(
        &self,
        request: &CredentialRequest,
    ) -> impl Future<Output = Result<RequestOutcome, IssuerError>> + Send {
        async move { self.inner().request(request).await }
    }

    /// Forwards [`Issuer::revoke`].
    ///
    /// # Errors
    /// Those of the issuer below.
    fn revoke(&self, revocation: &Revocation) -> impl Future<Output = Result<(), IssuerError>> + Send {
        async move { self.inner().revoke(revocation).await }
    }

    /// Forwards [`Issuer::reconcile`].
    ///
    /// # Errors
    /// Those of the issuer below.
    fn reconcile(
        &self,
        question: &Reconciliation,
    ) -> impl Future<Output = Result<Reconciled, IssuerError>> + Send {
        async move { self.inner().reconcile(question).await }
    }
}

/// Turns an [`IssuerLayer`] into an [`Issuer`]. The field holds the layer.
#[derive(Clone, Debug)]
pub struct Layered<L>(pub L);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: IssuerLayer> Issuer for Layered<L> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        self.0.around(Call::Describe, self.0.describe()).await
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let call = Call::Request { intent: request.context.intent.as_ref(), parameters: &request.parameters };
        self.0.around(call, self.0.request(request)).await
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        let call = Call::Revoke { intent: revocation.context.intent.as_ref(), state: &revocation.state };
        self.0.around(call, self.0.revoke(revocation)).await
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        let call = Call::Reconcile { intent: question.context.intent.as_ref(), effect: &question.effect };
        self.0.around(call, self.0.reconcile(question)).await
    }
}

#[cfg(test)]
mod tests;
