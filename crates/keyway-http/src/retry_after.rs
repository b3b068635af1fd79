//! Reads the header `Retry-After`: a number of seconds, or an HTTP date.

use std::time::{Duration, SystemTime};

/// The longest delay that is accepted from a server.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Reads the header `Retry-After`. A delay of more than a week counts as a week, and a date in the past means no delay.
/// Returns `None` for a text that is neither a number of seconds nor an HTTP date.
pub fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let delay = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large counts as the longest delay.
        (!text.is_empty()).then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))?
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(delay.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LONGEST, retry_after as read};
    use std::time::{Duration, SystemTime};

    #[test]
    fn both_forms_are_read() {
        let now = httpdate::parse_http_date("Sun, 29 Nov 2026 11:00:00 GMT").unwrap();
        let seconds = |text| read(text, now).map(|delay| delay.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("Sun, 29 Nov 2026 11:01:30 GMT"), Some(90));
        assert_eq!(seconds("Sun, 29 Nov 2026 10:00:00 GMT"), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(LONGEST.as_secs()));
        for wrong in ["", "-5", "1.5", "soon", "Sun, 99 Nov 2026 11:00:00 GMT"] {
            assert_eq!(seconds(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_date_is_the_distance_to_it(seconds in 0..LONGEST.as_secs()) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
            let delay = Duration::from_secs(seconds);
            prop_assert_eq!(read(&httpdate::fmt_http_date(now + delay), now), Some(delay));
            prop_assert_eq!(read(&seconds.to_string(), now), Some(delay));
        }

        #[test]
        fn no_text_causes_a_panic(text in ".*") {
            let _ = read(&text, SystemTime::UNIX_EPOCH);
        }
    }
}
