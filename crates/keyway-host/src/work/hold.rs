//! Tracks the records that this run works on at the moment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::records::Address;

/// The held records of one engine.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// The records, and how many callers hold each of them.
    held: Mutex<BTreeMap<Address, usize>>,
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
        match self.held().entry(address) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(free) => free.insert(1),
        };
        Some(self.hold_of(address))
    }

    /// Holds a record beside the callers that hold it already.
    pub(super) fn share(self: &Arc<Self>, address: Address) -> Hold {
        *self.held().entry(address).or_default() += 1;
        self.hold_of(address)
    }

    fn hold_of(self: &Arc<Self>, address: Address) -> Hold {
        Hold(Arc::new(Held { holds: Arc::clone(self), address }))
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Address, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Entry::Occupied(mut held) = self.holds.held().entry(self.address) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}
