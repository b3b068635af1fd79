//! Runs the suite on the memory engine.

mod suite;

use std::sync::Arc;

use keyway_storage::{Memory, Storage};

/// A store in memory does not outlive its process, so a restart only opens another handle.
struct Subject(Memory);

impl suite::Subject for Subject {
    fn store(&self) -> Arc<dyn Storage> {
        Arc::new(self.0.clone())
    }

    fn restart(&mut self) {
        self.0 = self.0.clone();
    }
}

suite!(Subject(Memory::new()));
