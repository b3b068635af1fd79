//! The time at which the server wants a certificate to be renewed (RFC 9773).

use std::time::Duration;

use der::DateTime;
use keyway_certificates::{CertificateError, Pem, RenewalInformation};
use keyway_core::Timestamp;

use crate::acme::Acme;
use crate::certificate;
use crate::client::document;
use crate::documents::RenewalAnswer;
use crate::failure::Failure;

impl Acme {
    pub(crate) fn renewal(&self, pem: &Pem) -> Result<RenewalInformation, CertificateError> {
        self.asked_for_renewal(pem).map_err(Failure::into_error)
    }

    fn asked_for_renewal(&self, pem: &Pem) -> Result<RenewalInformation, Failure> {
        let until = self.until();
        let id = certificate::renewal_id(pem)?;
        let Some(url) = self.client.directory(until)?.renewal_info else {
            return Err(CertificateError::Unsupported { what: "renewal information" }.into());
        };
        let answer = self.client.get(&format!("{}/{id}", url.trim_end_matches('/')), until)?;
        let read: RenewalAnswer = document(&answer, "renewal information")?;
        let wrong = Failure::Protocol("renewal information has no window");
        let window = (timestamp(&read.suggested_window.start), timestamp(&read.suggested_window.end));
        let (Some(start), Some(end)) = window else { return Err(wrong) };
        let mut information = RenewalInformation::new(start, end).map_err(|_| wrong)?;
        if let Some(page) = read.explanation_url {
            information = information.with_explanation_url(page);
        }
        Ok(match answer.retry_after {
            Some(delay) => information.with_check_again_after(delay),
            None => information,
        })
    }
}

/// Reads a time in the form of RFC 3339. Fractions of a second are dropped. Returns `None` if the text has another
/// form, or if the time is before 1970.
fn timestamp(text: &str) -> Option<Timestamp> {
    const WHOLE: usize = "2026-11-29T11:00:00".len();
    let (whole, rest) = text.split_at_checked(WHOLE)?;
    let local: DateTime = format!("{whole}Z").to_ascii_uppercase().parse().ok()?;
    let zone = rest
        .strip_prefix('.')
        .map_or(rest, |fraction| fraction.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    let seconds = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => Some(local.unix_duration()),
        ("+", offset) => local.unix_duration().checked_sub(distance(offset)?),
        ("-", offset) => local.unix_duration().checked_add(distance(offset)?),
        _ => None,
    }?;
    Some(Timestamp::default().plus(seconds))
}

/// Reads an offset from UTC in hours and minutes.
fn distance(text: &str) -> Option<Duration> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str, most: u64| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|number| is_number && *number <= most)
    };
    Some(Duration::from_secs(3600 * two(hours, 23)? + 60 * two(minutes, 59)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_in_every_zone() {
        let seconds = |text| timestamp(text).map(Timestamp::as_seconds);
        let expected = seconds("2026-11-29T11:00:00Z");
        assert_eq!(expected, Some(1_795_950_000));
        for same in [
            "2026-11-29t11:00:00z",
            "2026-11-29T11:00:00.123456789Z",
            "2026-11-29T12:30:00+01:30",
            "2026-11-29T06:00:00-05:00",
        ] {
            assert_eq!(seconds(same), expected, "{same}");
        }
        for wrong in
            ["", "2026-11-29", "2026-11-29T11:00:00", "2026-13-29T11:00:00Z", "2026-11-29T11:00:00+1"]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in ".*") {
            let _ = timestamp(&text);
        }
    }
}
