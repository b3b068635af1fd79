//! Tracks the records that this run works on at the moment.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::records::Address;

/// The held records of one engine.
#[derive(Debug, Default)]
pub(super) struct Holds {
    held: Mutex<BTreeSet<Address>>,
}

/// Holds a record until the last clone is dropped. A plugin call keeps a clone until the call ends, even if its caller
/// goes away. Until then, no other caller may settle the record (decision H47).
#[derive(Clone, Debug)]
pub(crate) struct Hold(#[expect(dead_code, reason = "it is there to be dropped")] Arc<Held>);

#[derive(Debug)]
struct Held {
    holds: Arc<Holds>,
    address: Address,
}

impl Holds {
    /// Holds a record, unless another caller of this run holds it.
    pub(super) fn take(self: &Arc<Self>, address: Address) -> Option<Hold> {
        let fresh = self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
        fresh.then(|| Hold(Arc::new(Held { holds: Arc::clone(self), address })))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.holds.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.address);
    }
}
