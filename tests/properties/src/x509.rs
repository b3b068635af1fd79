//! Checks certificate requests and certificates.

use keyway_core::Timestamp;
use keyway_x509::{CertificateRequest, DistinguishedName, Expected, check_issued};

/// A time at which the certificates of the corpus are valid.
const NOW: Timestamp = Timestamp::from_milliseconds(1_800_000_000_000);

/// Checks a certificate request, as PEM or as DER.
///
/// A request that can be read has the same content when it is read again from its DER.
pub fn certificate_request(data: &[u8]) {
    let from_der = CertificateRequest::from_der(data);
    let from_text = std::str::from_utf8(data).ok().map(CertificateRequest::from_pem);
    for request in [Some(from_der), from_text].into_iter().flatten().flatten() {
        let again = CertificateRequest::from_der(request.as_der()).expect("its own DER");
        assert_eq!(again, request);
        assert!(request.names().len() <= request.as_der().len(), "a name takes a byte");
    }
}

/// Checks the PEM texts of a certificate and its chain, which a zero byte separates.
///
/// A certificate that is accepted with its chain is also accepted without the chain, and with its own names as the
/// expected ones. A second certificate in its text is refused.
pub fn issued_certificate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (certificate, chain) = match text.split_once('\0') {
        Some((certificate, chain)) => (certificate, Some(chain)),
        None => (text, None),
    };
    for expected in [Expected::new(), Expected::new().with_authority()] {
        let Ok(facts) = check_issued(certificate, chain, &expected, NOW) else { continue };
        assert!(facts.not_before <= NOW && NOW.as_seconds() <= facts.not_after.as_seconds());
        let expected = expected.with_names(facts.names.clone());
        assert_eq!(check_issued(certificate, None, &expected, NOW).as_ref(), Ok(&facts));
        let twice = format!("{certificate}\n{certificate}");
        assert!(check_issued(&twice, None, &expected, NOW).is_err(), "two certificates");
    }
}

/// Checks the text of a distinguished name.
///
/// A name that can be parsed is written as a text without control characters, and that text is parsed as the same name.
pub fn distinguished_name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(name) = text.parse::<DistinguishedName>() else { return };
    assert!(!name.is_empty(), "an empty name is not parsed");
    let written = name.to_string();
    assert!(!written.contains(char::is_control), "{written:?}");
    assert_eq!(written.parse().as_ref(), Ok(&name), "{written}");
}
