//! The capabilities that an issuer declares.

use std::num::NonZeroUsize;

/// The capabilities that an issuer declares. The conformance kit checks that the issuer has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Each flag is a separate declaration, read by name.
pub struct Capabilities {
    /// Calls with the same [`IntentId`](crate::IntentId) have one effect, and the answer to a repeated call is as
    /// complete as the first answer. After the credential was revoked, a call with its intent makes none (decision
    /// H328).
    ///
    /// See decision R3.
    pub idempotent: bool,
    /// The issuer answers [`reconcile`](crate::Issuer::reconcile).
    ///
    /// See decision R2.
    pub reconciles: bool,
    /// The issuer's futures may block the thread, so the host polls them on dedicated threads.
    ///
    /// See decision R1.
    pub blocking: bool,
    /// Every poll of the issuer's futures returns within a millisecond, so a host polls them on the
    /// caller's task.
    pub prompt: bool,
    /// The maximum number of calls that the issuer works on at a time.
    /// `None` means no limit of the plugin. A host makes at most 8 calls at a time to a plugin that blocks.
    ///
    /// Further requests and revocations wait in the host. While they wait, their deadlines do not run, and nothing is
    /// stored for them (decision W7).
    pub max_concurrency: Option<NonZeroUsize>,
}

impl Capabilities {
    /// The declaration without any capability.
    pub const MINIMAL: Self =
        Self { idempotent: false, reconciles: false, blocking: false, prompt: false, max_concurrency: None };

    /// Sets whether repeated calls with the same intent have one effect.
    #[must_use]
    pub const fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Sets whether the issuer can report the outcome of an intent.
    #[must_use]
    pub const fn reconciles(mut self, reconciles: bool) -> Self {
        self.reconciles = reconciles;
        self
    }

    /// Sets whether the issuer's futures may block.
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

    /// Sets the maximum number of calls that the issuer works on at a time.
    #[must_use]
    pub const fn max_concurrency(mut self, calls: NonZeroUsize) -> Self {
        self.max_concurrency = Some(calls);
        self
    }
}
