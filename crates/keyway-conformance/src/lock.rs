//! Locks that ignore poisoning by a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a value, even if a rule or a mutant panicked while it held the lock.
pub(crate) fn locked<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
