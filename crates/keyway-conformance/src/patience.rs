//! Waits while a plugin answers a question about an earlier call with a temporary error.

use std::time::Duration;

use keyway_core::PluginError;

use crate::Broken;

/// The number of temporary errors that the kit waits for in one rule.
const WAITS: usize = 5;
/// The delay before the next question when the error names none.
const USUAL_DELAY: Duration = Duration::from_secs(60);
/// The longest delay by which the kit's clock advances.
const LONGEST_DELAY: Duration = Duration::from_secs(600);
/// The longest real time that the kit waits.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The patience of one rule. A plugin whose service cannot refuse late calls answers with a temporary error until no
/// call can be late any more (decision H294).
#[derive(Debug, Default)]
pub(crate) struct Patience {
    waits: usize,
}

impl Patience {
    /// Lets the time pass that a temporary error names: all of it on the kit's clock, which `advance` moves, and a part
    /// of it in fact. Returns false if the error is not temporary, or if the patience has ended.
    pub(crate) async fn waits_out(
        &mut self,
        error: &impl PluginError,
        advance: impl Fn(Duration) + Send,
    ) -> bool {
        let kind = error.kind();
        if !kind.is_retryable() || self.waits == WAITS {
            return false;
        }
        self.waits += 1;
        let delay = kind.retry_after().unwrap_or(USUAL_DELAY).min(LONGEST_DELAY);
        advance(delay);
        tokio::time::sleep(delay.min(LONGEST_WAIT)).await;
        true
    }

    /// Tells whether there was a temporary error.
    #[cfg(any(feature = "credentials", feature = "issuers"))]
    pub(crate) const fn has_waited(&self) -> bool {
        self.waits > 0
    }
}

/// The reason why a rule does not apply to a plugin that cannot tell in time that nothing happened.
pub(crate) const CANNOT_REFUSE: Broken = Broken::Missing { capability: "a service that refuses late calls" };
