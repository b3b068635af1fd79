//! The capabilities that a certificate authority declares.

use std::num::NonZeroUsize;

use crate::RequestTypes;

/// The capabilities that a certificate authority declares. The conformance kit checks that a declared operation works,
/// and that an undeclared one answers [`Unsupported`](crate::CertificateError::Unsupported) and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Each flag is a separate declaration, read by name.
pub struct Capabilities {
    /// The types of requests that the authority takes. The host calls
    /// [`supports`](crate::CertificateAuthority::supports) only for requests of these types.
    pub request_types: RequestTypes,
    /// The authority takes new data for an open order. It implements [`modify`](crate::CertificateAuthority::modify).
    pub modifies: bool,
    /// The authority cancels open orders. It implements [`cancel`](crate::CertificateAuthority::cancel).
    pub cancels: bool,
    /// The authority creates subordinate authorities. It implements
    /// [`create_ca`](crate::CertificateAuthority::create_ca).
    pub creates_cas: bool,
    /// The authority deletes subordinate authorities. It implements
    /// [`delete_ca`](crate::CertificateAuthority::delete_ca).
    pub deletes_cas: bool,
    /// The authority revokes certificates. It implements [`revoke`](crate::CertificateAuthority::revoke).
    pub revokes: bool,
    /// The authority says when to renew a certificate. It implements
    /// [`renewal_information`](crate::CertificateAuthority::renewal_information).
    pub renewal_information: bool,
    /// The authority has work of its own, such as signing revocation lists again. It implements
    /// [`maintain`](crate::CertificateAuthority::maintain).
    pub maintains: bool,
    /// Calls with the same [`IntentId`](crate::IntentId) have one effect together, and the answer to a repeated call is
    /// as complete as the first answer. A call that was answered by
    /// [`CaUnavailable`](crate::OrderOutcome::CaUnavailable) had no effect and counts as not made, so a later call may
    /// still have the effect.
    ///
    /// Decision R3.
    pub idempotent: bool,
    /// The authority answers [`reconcile`](crate::CertificateAuthority::reconcile).
    ///
    /// Decision R2.
    pub reconciles: bool,
    /// The authority's futures may block the thread, so the host polls them on dedicated threads.
    ///
    /// Decision R1.
    pub blocking: bool,
    /// Every poll of the authority's futures returns within a millisecond, so a host polls them on
    /// the caller's task.
    pub prompt: bool,
    /// The largest number of concurrent calls that the authority works on.
    /// `None` means no limit of the plugin. A host makes at most 8 calls at a time to a plugin that blocks.
    ///
    /// A host queues further calls. Their deadline begins when they leave the queue.
    pub max_concurrency: Option<NonZeroUsize>,
}

impl Capabilities {
    /// The declaration of an authority that takes only custom requests, and has no other capability.
    pub const MINIMAL: Self = Self {
        request_types: RequestTypes::CUSTOM,
        modifies: false,
        cancels: false,
        creates_cas: false,
        deletes_cas: false,
        revokes: false,
        renewal_information: false,
        maintains: false,
        idempotent: false,
        reconciles: false,
        blocking: false,
        prompt: false,
        max_concurrency: None,
    };

    /// Sets the types of requests that the authority takes.
    #[must_use]
    pub const fn request_types(mut self, types: RequestTypes) -> Self {
        self.request_types = types;
        self
    }

    /// Sets whether the authority takes new data for an open order.
    #[must_use]
    pub const fn modifies(mut self, modifies: bool) -> Self {
        self.modifies = modifies;
        self
    }

    /// Sets whether the authority cancels open orders.
    #[must_use]
    pub const fn cancels(mut self, cancels: bool) -> Self {
        self.cancels = cancels;
        self
    }

    /// Sets whether the authority creates subordinate authorities.
    #[must_use]
    pub const fn creates_cas(mut self, creates: bool) -> Self {
        self.creates_cas = creates;
        self
    }

    /// Sets whether the authority deletes subordinate authorities.
    #[must_use]
    pub const fn deletes_cas(mut self, deletes: bool) -> Self {
        self.deletes_cas = deletes;
        self
    }

    /// Sets whether the authority revokes certificates.
    #[must_use]
    pub const fn revokes(mut self, revokes: bool) -> Self {
        self.revokes = revokes;
        self
    }

    /// Sets whether the authority says when to renew a certificate.
    #[must_use]
    pub const fn renewal_information(mut self, renewal_information: bool) -> Self {
        self.renewal_information = renewal_information;
        self
    }

    /// Sets whether the authority has work of its own.
    #[must_use]
    pub const fn maintains(mut self, maintains: bool) -> Self {
        self.maintains = maintains;
        self
    }

    /// Sets whether two calls with the same intent have one effect.
    #[must_use]
    pub const fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Sets whether the authority can report the outcome of an intent.
    #[must_use]
    pub const fn reconciles(mut self, reconciles: bool) -> Self {
        self.reconciles = reconciles;
        self
    }

    /// Sets whether the authority's futures may block.
    #[must_use]
    pub const fn blocking(mut self, blocking: bool) -> Self {
        self.blocking = blocking;
        self
    }

    /// Sets whether every poll returns within a millisecond.
    #[must_use]
    pub const fn prompt(mut self, prompt: bool) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets the largest number of concurrent calls that the authority works on.
    #[must_use]
    pub const fn max_concurrency(mut self, calls: NonZeroUsize) -> Self {
        self.max_concurrency = Some(calls);
        self
    }
}
