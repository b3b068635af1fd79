//! The time to renew a certificate.

use std::time::Duration;

use keyway_certificates::{CertificateError, Pem, RenewalInformation};
use keyway_core::Timestamp;
use keyway_x509::IssuedFacts;

/// Returns the window in which a certificate should be renewed. It is from two thirds to five sixths of the validity,
/// or now if the certificate is revoked.
pub(crate) fn window(
    certificate: &Pem,
    is_revoked: bool,
    now: Timestamp,
) -> Result<RenewalInformation, CertificateError> {
    let IssuedFacts { not_before, not_after, .. } = IssuedFacts::read(certificate.as_str())
        .map_err(|fault| CertificateError::invalid("the certificate", fault.to_string()))?;
    let sixth = (not_after.as_milliseconds().saturating_sub(not_before.as_milliseconds()) / 6).max(1);
    let sixths = |count| not_before.plus(Duration::from_millis(sixth * count));
    let (start, end) =
        if is_revoked { (now, now.plus(Duration::from_secs(1))) } else { (sixths(4), sixths(5)) };
    RenewalInformation::new(start, end).map_err(|error| CertificateError::system("tell when to renew", error))
}
