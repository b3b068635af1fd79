//! Credential stores that wrap another store.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;

use crate::{
    Account, Asset, CandidateQuestion, Candidates, Capabilities, Certificates, CheckIn, CheckInReason,
    CheckedIn, CredentialError, CredentialKind, CredentialStore, Fetch, FetchOutcome, IntendedEffect,
    IntentId, Lease, LeaseId, LeaseRenewal, Passwords, PrivateKeys, Reconciled, Reconciliation,
    RemoteAppCredentials, SessionContext, SessionEvent, SessionId, TotpCodes, Verification, Verified,
};

/// One operation of a [`CredentialStore`], as [`CredentialStoreLayer::around`] sees it.
///
/// Its `Debug` form can be logged: it shows the ids of sessions, intents and leases, but no account and no secret. A
/// layer that needs the arguments of a call overrides the operation.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Call<'a> {
    /// A fetch.
    #[non_exhaustive]
    Fetch {
        /// The operation.
        kind: CredentialKind,
        /// The session.
        session: &'a SessionId,
        /// The intended check-out, if the store leases.
        intent: Option<&'a IntentId>,
    },
    /// [`CredentialStore::accounts`].
    Accounts,
    /// [`CredentialStore::assets`].
    Assets,
    /// [`CredentialStore::check_in`].
    #[non_exhaustive]
    CheckIn {
        /// The session.
        session: &'a SessionId,
        /// The intended check-in.
        intent: &'a IntentId,
        /// The lease.
        lease: &'a LeaseId,
        /// The reason.
        reason: &'a CheckInReason,
    },
    /// [`CredentialStore::renew`].
    #[non_exhaustive]
    Renew {
        /// The session.
        session: &'a SessionId,
        /// The intended renewal.
        intent: &'a IntentId,
        /// The lease.
        lease: &'a LeaseId,
    },
    /// [`CredentialStore::verify`].
    Verify,
    /// [`CredentialStore::authentication_completed`].
    #[non_exhaustive]
    AuthenticationCompleted {
        /// The session.
        session: &'a SessionId,
        /// The intended notice.
        intent: &'a IntentId,
    },
    /// [`CredentialStore::session_ended`].
    #[non_exhaustive]
    SessionEnded {
        /// The session.
        session: &'a SessionId,
        /// The intended notice.
        intent: &'a IntentId,
    },
    /// [`CredentialStore::reconcile`].
    #[non_exhaustive]
    Reconcile {
        /// The effect whose outcome the host asks for.
        effect: &'a IntendedEffect,
    },
}

/// A wrapper of another credential store, which forwards every operation that it does not override.
///
/// Implement this trait instead of [`CredentialStore`], and put the value into [`Layered`] to get a store. The trait
/// will also forward operations that the contract gains later. A wrapper that implements [`CredentialStore`] itself
/// would not forward a new operation: the default body in [`CredentialStore`] would answer the call, for example with
/// `Unsupported`, as that of [`passwords`](CredentialStore::passwords) does.
///
/// * Override one operation to change it, and call the store below through [`inner`](Self::inner).
/// * Override [`around`](Self::around) to see, delay or refuse every operation in one place.
/// * Override [`capabilities`](Self::capabilities) if the layer offers less than the store below, or blocks.
///
/// A layer keeps the promises of the contract: see [`CredentialStore`]. It returns
/// [`Refused`](CredentialError::Refused) only if nothing happened in the layer or in the store below. Errors, blocking
/// and cancel safety of a forwarded operation are those of the store below.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use keyway_credentials::{Call, CredentialError, CredentialStore, CredentialStoreLayer, Layered};
///
/// /// Counts the check-ins.
/// #[derive(Debug)]
/// struct Counting {
///     inner: Arc<dyn CredentialStore>,
///     check_ins: AtomicU32,
/// }
///
/// impl CredentialStoreLayer for Counting {
///     type Inner = dyn CredentialStore;
///
///     fn inner(&self) -> &Self::Inner {
///         &*self.inner
///     }
///
///     async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, CredentialError>
///     where
///         T: Send + 'static,
///         F: Future<Output = Result<T, CredentialError>> + Send,
///     {
///         if let Call::CheckIn { .. } = call {
///             self.check_ins.fetch_add(1, Ordering::Relaxed);
///         }
///         next.await
///     }
/// }
///
/// fn counted(inner: Arc<dyn CredentialStore>) -> Layered<Counting> {
///     Layered(Counting { inner, check_ins: AtomicU32::new(0) })
/// }
/// ```
pub trait CredentialStoreLayer: fmt::Debug + Send + Sync {
    /// The store below: a type, or `dyn CredentialStore`.
    type Inner: CredentialStore + ?Sized;

    /// Returns the store below. Does not block.
    fn inner(&self) -> &Self::Inner;

    /// Runs `next`, and returns its result. `next` carries out `call` with the layer's own method.
    ///
    /// An override may await `next` or drop it. Dropping it before its first poll leaves the operation undone. The
    /// result has the type that the operation of the contract returns. A layer that needs to inspect the result can
    /// downcast it with [`Any`].
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
    ) -> impl Future<Output = Result<T, CredentialError>> + Send
    where
        F: Future<Output = Result<T, CredentialError>> + Send,
    {
        let _ = call;
        next
    }

    /// Forwards [`CredentialStore::capabilities`]. Does not block.
    fn capabilities(&self) -> Capabilities {
        self.inner().capabilities()
    }

    /// Forwards [`CredentialStore::passwords`].
    ///
    /// # Errors
    /// Those of the store below.
    fn passwords(
        &self,
        fetch: &Fetch,
    ) -> impl Future<Output = Result<FetchOutcome<Passwords>, CredentialError>> + Send {
        async move { self.inner().passwords(fetch).await }
    }

    /// Forwards [`CredentialStore::private_keys`].
    ///
    /// # Errors
    /// Those of the store below.
    fn private_keys(
        &self,
        fetch: &Fetch,
    ) -> impl Future<Output = Result<FetchOutcome<PrivateKeys>, CredentialError>> + Send {
        async move { self.inner().private_keys(fetch).await }
    }

    /// Forwards [`CredentialStore::certificates`].
    ///
    /// # Errors
    /// Those of the store below.
    fn certificates(
        &self,
        fetch: &Fetch,
    ) -> impl Future<Output = Result<FetchOutcome<Certificates>, CredentialError>> + Send {
        async move { self.inner().certificates(fetch).await }
    }

    /// Forwards [`CredentialStore::totp_codes`].
    ///
    /// # Errors
    /// Those of the store below.
    fn totp_codes(
        &self,
        fetch: &Fetch,
    ) -> impl Future<Output = Result<FetchOutcome<TotpCodes>, CredentialError>> + Send {
        async move { self.inner().totp_codes(fetch).await }
    }

    /// Forwards [`CredentialStore::remote_app_credentials`].
    ///
    /// # Errors
    /// Those of the store below.
    fn remote_app_credentials(
        &self,
        fetch: &Fetch,
    ) -> impl Future<Output = Result<FetchOutcome<RemoteAppCredentials>, CredentialError>> + Send {
        async move { self.inner().remote_app_credentials(fetch).await }
    }

    /// Forwards [`CredentialStore::accounts`].
    ///
    /// # Errors
    /// Those of the store below.
    fn accounts(
        &self,
        question: &CandidateQuestion,
    ) -> impl Future<Output = Result<Candidates<Account>, CredentialError>> + Send {
        async move { self.inner().accounts(question).await }
    }

    /// Forwards [`CredentialStore::assets`].
    ///
    /// # Errors
    /// Those of the store below.
    fn assets(
        &self,
        question: &CandidateQuestion,
    ) -> impl Future<Output = Result<Candidates<Asset>, CredentialError>> + Send {
        async move { self.inner().assets(question).await }
    }

    /// Forwards [`CredentialStore::check_in`].
    ///
    /// # Errors
    /// Those of the store below.
    fn check_in(
        &self,
        check_in: &CheckIn,
    ) -> impl Future<Output = Result<CheckedIn, CredentialError>> + Send {
        async move { self.inner().check_in(check_in).await }
    }

    /// Forwards [`CredentialStore::renew`].
    ///
    /// # Errors
    /// Those of the store below.
    fn renew(&self, renewal: &LeaseRenewal) -> impl Future<Output = Result<Lease, CredentialError>> + Send {
        async move { self.inner().renew(renewal).await }
    }

    /// Forwards [`CredentialStore::verify`].
    ///
    /// # Errors
    /// Those of the store below.
    fn verify(
        &self,
        verification: &Verification,
    ) -> impl Future<Output = Result<Verified, CredentialError>> + Send {
        async move { self.inner().verify(verification).await }
    }

    /// Forwards [`CredentialStore::authentication_completed`].
    ///
    /// # Errors
    /// Those of the store below.
    fn authentication_completed(
        &self,
        event: &SessionEvent,
    ) -> impl Future<Output = Result<(), CredentialError>> + Send {
        async move { self.inner().authentication_completed(event).await }
    }

    /// Forwards [`CredentialStore::session_ended`].
    ///
    /// # Errors
    /// Those of the store below.
    fn session_ended(
        &self,
        event: &SessionEvent,
    ) -> impl Future<Output = Result<(), CredentialError>> + Send {
        async move { self.inner().session_ended(event).await }
    }

    /// Forwards [`CredentialStore::reconcile`].
    ///
    /// # Errors
    /// Those of the store below.
    fn reconcile(
        &self,
        question: &Reconciliation,
    ) -> impl Future<Output = Result<Reconciled, CredentialError>> + Send {
        async move { self.inner().reconcile(question).await }
    }
}

/// A [`CredentialStoreLayer`] as a [`CredentialStore`]. Its field is the layer.
#[derive(Clone, Debug)]
pub struct Layered<L>(pub L);

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: CredentialStoreLayer> CredentialStore for Layered<L> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        self.0.around(fetching(CredentialKind::Passwords, fetch), self.0.passwords(fetch)).await
    }

    async fn private_keys(&self, fetch: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        self.0.around(fetching(CredentialKind::PrivateKeys, fetch), self.0.private_keys(fetch)).await
    }

    async fn certificates(&self, fetch: &Fetch) -> Result<FetchOutcome<Certificates>, CredentialError> {
        self.0.around(fetching(CredentialKind::Certificates, fetch), self.0.certificates(fetch)).await
    }

    async fn totp_codes(&self, fetch: &Fetch) -> Result<FetchOutcome<TotpCodes>, CredentialError> {
        self.0.around(fetching(CredentialKind::TotpCodes, fetch), self.0.totp_codes(fetch)).await
    }

    async fn remote_app_credentials(
        &self,
        fetch: &Fetch,
    ) -> Result<FetchOutcome<RemoteAppCredentials>, CredentialError> {
        let call = fetching(CredentialKind::RemoteApp, fetch);
        self.0.around(call, self.0.remote_app_credentials(fetch)).await
    }

    async fn accounts(&self, question: &CandidateQuestion) -> Result<Candidates<Account>, CredentialError> {
        self.0.around(Call::Accounts, self.0.accounts(question)).await
    }

    async fn assets(&self, question: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
        self.0.around(Call::Assets, self.0.assets(question)).await
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        let call = Call::CheckIn {
            session: id_of(&check_in.session),
            intent: &check_in.intent,
            lease: &check_in.lease.id,
            reason: &check_in.reason,
        };
        self.0.around(call, self.0.check_in(check_in)).await
    }

    async fn renew(&self, renewal: &LeaseRenewal) -> Result<Lease, CredentialError> {
        let call = Call::Renew {
            session: id_of(&renewal.session),
            intent: &renewal.intent,
            lease: &renewal.lease.id,
        };
        self.0.around(call, self.0.renew(renewal)).await
    }

    async fn verify(&self, verification: &Verification) -> Result<Verified, CredentialError> {
        self.0.around(Call::Verify, self.0.verify(verification)).await
    }

    async fn authentication_completed(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        let call = Call::AuthenticationCompleted { session: id_of(&event.session), intent: &event.intent };
        self.0.around(call, self.0.authentication_completed(event)).await
    }

    async fn session_ended(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        let call = Call::SessionEnded { session: id_of(&event.session), intent: &event.intent };
        self.0.around(call, self.0.session_ended(event)).await
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CredentialError> {
        self.0.around(Call::Reconcile { effect: &question.effect }, self.0.reconcile(question)).await
    }
}

/// Returns the [`Call`] for a fetch.
fn fetching(kind: CredentialKind, fetch: &Fetch) -> Call<'_> {
    Call::Fetch { kind, session: id_of(&fetch.session), intent: fetch.intent.as_ref() }
}

/// Returns the id of a call's session.
fn id_of(session: &SessionContext) -> &SessionId {
    &session.connection.session_id
}

#[cfg(test)]
mod tests;
