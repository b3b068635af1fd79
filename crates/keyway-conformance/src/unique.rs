//! Makes ids that no other rule and no other run uses.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use keyway_core::IntentId;

/// Makes a part of an id that no other rule and no other run has, even with the same seed. A plugin under test may
/// remember ids after a rule has ended.
pub(crate) fn unique() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{}-{now:x}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Makes an intent that is new to the plugin under test.
pub(crate) fn new_intent() -> IntentId {
    IntentId::new(format!("kit-{}", unique())).expect("it is made of letters, digits and dashes")
}

#[cfg(test)]
mod tests {
    use super::new_intent;

    #[test]
    fn no_two_are_the_same() {
        assert_ne!(new_intent(), new_intent());
    }
}
