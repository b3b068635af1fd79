//! Reads the header `Date`.

use std::time::SystemTime;

/// Reads the header `Date`, the server's time when it made the answer, in whole seconds; `None` for a text in any other
/// form.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// let date = keyway_http::date("Sun, 29 Nov 2026 11:00:00 GMT").unwrap();
/// assert_eq!(date, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_950_000));
/// assert_eq!(keyway_http::date("soon"), None);
/// ```
pub fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim()).ok()
}
