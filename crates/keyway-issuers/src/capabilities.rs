//! What an issuer declares that it can do.

use std::num::NonZeroUsize;

/// What an issuer declares that it can do. The conformance kit holds it to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // Each is a declaration of its own, read by name.
pub struct Capabilities {
    /// The same [`IntentId`](crate::IntentId) twice has one effect, and the second answer
    /// is as good as the first (decision R3).
    pub idempotent: bool,
    /// Answers [`reconcile`](crate::Issuer::reconcile) (decision R2).
    pub reconciles: bool,
    /// Its futures may block the thread, so the host polls them on threads of their own
    /// (decision R1).
    pub blocking: bool,
    /// Every poll of its futures returns within a millisecond, so a host polls them on the caller's task.
    pub prompt: bool,
    /// How many calls it works on at a time; `None` is any number. A host lets further requests and
    /// revocations wait, before their deadline begins and before it stores anything (decision W7).
    pub max_concurrency: Option<NonZeroUsize>,
}

impl Capabilities {
    /// None of them.
    pub const MINIMAL: Self =
        Self { idempotent: false, reconciles: false, blocking: false, prompt: false, max_concurrency: None };

    /// Sets whether the same intent twice has one effect.
    #[must_use]
    pub const fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Sets whether it can tell what became of an intent.
    #[must_use]
    pub const fn reconciles(mut self, reconciles: bool) -> Self {
        self.reconciles = reconciles;
        self
    }

    /// Sets whether it blocks.
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

    /// Sets how many calls it works on at a time.
    #[must_use]
    pub const fn max_concurrency(mut self, calls: NonZeroUsize) -> Self {
        self.max_concurrency = Some(calls);
        self
    }
}
