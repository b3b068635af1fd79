//! How far a rotation has come.

/// How much of a rotation is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records that the new keys open.
    pub done: u64,
    /// Records in all; an estimate while other callers write. Never less than `done`.
    pub total: u64,
}

/// Who is told how far a rotation has come.
///
/// A store calls it between batches, at least once at the end, and never while it holds
/// a lock. It must return soon.
pub trait RotationListener: Send + Sync {
    /// `progress` records are done.
    fn progressed(&self, progress: Progress);
}

impl<F: Fn(Progress) + Send + Sync> RotationListener for F {
    fn progressed(&self, progress: Progress) {
        self(progress);
    }
}
