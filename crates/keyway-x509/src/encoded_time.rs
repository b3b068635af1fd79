//! Conversion of times to and from the form in certificates and revocation lists.

#[cfg(feature = "issuing")]
use der::asn1::{GeneralizedTime, UtcTime};
use keyway_core::Timestamp;
use x509_cert::time::Time;

/// Converts a moment to whole seconds, in the form of RFC 5280, which writes a year up to 2049 with two digits.
///
/// # Errors
/// For a moment after the year 9999.
#[cfg(feature = "issuing")]
pub fn to_encoded(moment: Timestamp) -> der::Result<Time> {
    const YEAR_2050: u64 = 2_524_608_000;
    let since_epoch = std::time::Duration::from_secs(moment.as_seconds());
    Ok(if moment.as_seconds() < YEAR_2050 {
        Time::UtcTime(UtcTime::from_unix_duration(since_epoch)?)
    } else {
        Time::GeneralTime(GeneralizedTime::from_unix_duration(since_epoch)?)
    })
}

/// Converts the time in a certificate.
#[cfg_attr(not(feature = "issuing"), expect(unreachable_pub, reason = "the feature exports it"))]
pub fn from_encoded(time: &Time) -> Timestamp {
    Timestamp::default().plus(time.to_unix_duration())
}
