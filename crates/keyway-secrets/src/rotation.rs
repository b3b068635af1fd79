//! Reports the progress of a rotation.

/// The progress of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The number of records that the new keys open.
    pub done: u64,
    /// The number of all records; an estimate while other callers write. Never less than `done`.
    pub total: u64,
}

/// Receives the progress of a rotation.
///
/// A store calls the listener between batches, and in any case at the end. The store holds no lock during the call. The
/// listener must return quickly.
pub trait RotationListener: Send + Sync {
    /// Reports the progress so far.
    fn progressed(&self, progress: Progress);
}

impl<F: Fn(Progress) + Send + Sync> RotationListener for F {
    fn progressed(&self, progress: Progress) {
        self(progress);
    }
}
