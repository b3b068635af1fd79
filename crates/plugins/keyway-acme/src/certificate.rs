//! Conversion of certificates between the forms of servers, hosts and requests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::{Decode as _, Document};
use keyway_certificates::{CertificateError, IssuedCertificate, Pem};
use x509_cert::Certificate;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use crate::failure::Failure;

const END: &str = "-----END CERTIFICATE-----";

/// Splits a chain into the certificate and the intermediate certificates.
pub(crate) fn split(chain: &str) -> Result<IssuedCertificate, Failure> {
    let no_pem = || Failure::Protocol("a certificate is not PEM");
    let (first, rest) = chain.split_at(chain.find(END).ok_or_else(no_pem)? + END.len());
    let pem = |text: &str| Pem::new(format!("{}\n", text.trim())).map_err(|_| no_pem());
    let issued = IssuedCertificate::new(pem(first)?);
    Ok(if rest.trim().is_empty() { issued } else { issued.with_intermediates(pem(rest)?) })
}

/// Returns a certificate in DER.
pub(crate) fn der(pem: &Pem) -> Result<Vec<u8>, CertificateError> {
    Ok(read(pem)?.0)
}

/// Returns the identifier of a certificate in requests about its renewal and in the order that replaces it (RFC 9773,
/// section 4.1).
pub(crate) fn renewal_id(pem: &Pem) -> Result<String, CertificateError> {
    let (_, certificate) = read(pem)?;
    let body = certificate.tbs_certificate();
    let issuer = body.get_extension::<AuthorityKeyIdentifier>().ok().flatten();
    let issuer = issuer.and_then(|(_, identifier)| identifier.key_identifier);
    let issuer = issuer.ok_or_else(|| invalid("it does not name the key of its issuer"))?;
    let serial = body.serial_number().as_bytes();
    Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(issuer.as_bytes()), URL_SAFE_NO_PAD.encode(serial)))
}

fn read(pem: &Pem) -> Result<(Vec<u8>, Certificate), CertificateError> {
    let wrong = || invalid("it is not one certificate in PEM");
    let (label, document) = Document::from_pem(pem.as_str().trim()).map_err(|_| wrong())?;
    let certificate = Certificate::from_der(document.as_bytes()).map_err(|_| wrong())?;
    if label != "CERTIFICATE" {
        return Err(wrong());
    }
    Ok((document.as_bytes().to_vec(), certificate))
}

fn invalid(reason: &str) -> CertificateError {
    CertificateError::invalid("the certificate", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9773, appendix A, with dates in this century.
    const EXAMPLE: &str = "-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzIwMDEwMTAxMDAwMDAwWhgPMjAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
";

    #[test]
    fn the_name_for_a_renewal_is_that_of_the_example() {
        let pem = Pem::new(EXAMPLE).unwrap();
        assert_eq!(renewal_id(&pem).unwrap(), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
        assert!(renewal_id(&Pem::new("hello").unwrap()).is_err());
        assert!(der(&Pem::new(EXAMPLE.replace("CERTIFICATE", "THING")).unwrap()).is_err());
    }

    #[test]
    fn a_chain_is_split_after_its_first_certificate() {
        let alone = split(EXAMPLE).unwrap();
        assert_eq!((alone.certificate.as_str(), alone.intermediates), (EXAMPLE, None));
        let both = split(&format!("{EXAMPLE}\n{EXAMPLE}")).unwrap();
        assert_eq!(both.certificate.as_str(), EXAMPLE);
        assert_eq!(both.intermediates.unwrap().as_str(), EXAMPLE);
        assert!(matches!(split("hello"), Err(Failure::Protocol(_))));
    }
}
