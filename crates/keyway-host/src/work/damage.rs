//! Limits the warnings about damaged records, which every pass over due or claimed records finds again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::records::Address;

/// The interval between two warnings about the same record.
const EVERY: Duration = Duration::from_secs(60);

/// The damaged records about which this run warned lately.
#[derive(Debug, Default)]
pub(super) struct WarnedOf(HashMap<Address, Instant>);

impl WarnedOf {
    /// Tells whether to warn about a record now.
    pub(super) fn is_due(&mut self, record: Address, now: Instant) -> bool {
        self.0.retain(|_, warned| now.saturating_duration_since(*warned) < EVERY);
        let is_due = !self.0.contains_key(&record);
        self.0.entry(record).or_insert(now);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_about_a_record_is_repeated_after_a_minute() {
        let (mut warned, start) = (WarnedOf::default(), Instant::now());
        let mut is_due = |number, seconds| {
            let record = Address { scope: [0; 16], id: [number; 16] };
            warned.is_due(record, start + Duration::from_secs(seconds))
        };
        let is_due = [is_due(1, 0), is_due(1, 59), is_due(2, 59), is_due(1, 60), is_due(2, 60)];
        assert_eq!(is_due, [true, false, true, true, false]);
    }
}
