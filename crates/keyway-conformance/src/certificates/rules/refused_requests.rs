//! Rules about PKCS#10 requests that no authority may certify.
//!
//! A host refuses such requests too, except in orders of the type `custom`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::issued::new_request;
use super::orders::comes_to_nothing_without_effect;
use super::{Broken, CertificateFixture, Checked, ISSUES, broken, rules};
use crate::certificates::requests::{metadata, with_request_data};

rules! {
    in CertificateFixture;
    "CER-130" Should needs ISSUES from ["B12", "R7"]
        "A request that its own key did not sign is refused before any effect."
        unsigned;
    "CER-131" Should needs ISSUES from ["B20", "R7"]
        "Two requests in one text are refused before any effect."
        two_requests;
    "CER-132" Should needs ISSUES from ["H126", "R7"]
        "A request with an RSA key of 1024 bits is refused before any effect."
        short_key;
    "CER-133" Should needs ISSUES from ["B12", "B20", "R7"]
        "A text that is not a request of PKCS#10 is refused before any effect."
        no_request;
}

/// A request with an RSA key of 1024 bits.
const SHORT_KEY: &str = include_str!("requests/rsa-1024.pem");

/// Orders a certificate with a request that must be refused.
async fn refused(fixture: &CertificateFixture<'_>, pem: &str) -> Checked {
    comes_to_nothing_without_effect(fixture, metadata(fixture, pem, None)?, fixture.example()).await
}

/// Changes the last byte of a PEM block, which belongs to the signature.
fn with_another_signature(pem: &str) -> Result<String, Broken> {
    let unreadable = || broken("a request that the kit makes", "no PEM");
    let mut lines: Vec<_> = pem.lines().collect();
    let (end, begin) = (lines.pop().ok_or_else(unreadable)?, lines.remove(0));
    let mut der = STANDARD.decode(lines.concat()).map_err(|_| unreadable())?;
    *der.last_mut().ok_or_else(unreadable)? ^= 1;
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    Ok(format!("{begin}\n{}\n{end}\n", lines.join("\n")))
}

async fn unsigned(fixture: &CertificateFixture<'_>) -> Checked {
    refused(fixture, &with_another_signature(&new_request()?.to_pem())?).await
}

async fn two_requests(fixture: &CertificateFixture<'_>) -> Checked {
    let two = format!("{}{}", new_request()?.to_pem(), new_request()?.to_pem());
    refused(fixture, &two).await
}

async fn short_key(fixture: &CertificateFixture<'_>) -> Checked {
    refused(fixture, SHORT_KEY).await
}

async fn no_request(fixture: &CertificateFixture<'_>) -> Checked {
    let pem = new_request()?.to_pem();
    let relabeled = pem.replace("CERTIFICATE REQUEST", "CERTIFICATE");
    let broken = "-----BEGIN CERTIFICATE REQUEST-----\nMAMCAQc=\n-----END CERTIFICATE REQUEST-----\n";
    for text in [&relabeled, broken, "no request", ""] {
        refused(fixture, text).await?;
    }
    // Here the request itself stands where its base64 is expected.
    comes_to_nothing_without_effect(fixture, with_request_data(fixture, &pem, None)?, fixture.example()).await
}
