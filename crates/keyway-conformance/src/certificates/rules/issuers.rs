//! Rules about the link between an issued certificate and the authority that signed it.

use keyway_certificates::IssuedCertificate;
use keyway_core::Clock as _;
use keyway_x509::{Expected, IssuedFacts, check_issuer};

use super::issued::{certified, check, facts, new_request};
use super::{Broken, CertificateFixture, Checked, Handle, ISSUES, broken, ensure, rules};

rules! {
    in CertificateFixture;
    "CER-127" Must needs ISSUES from ["B15"]
        "A certificate has the identifier of the key that signed it."
        signer_identifier;
    "CER-128" Must needs ISSUES from ["B11", "B11a", "B14"]
        "A certificate is signed by the described authority, and its intermediates link."
        chain;
    "CER-129" Should needs ISSUES from ["B15", "H368"]
        "A certificate has an identifier of its own key."
        key_identifier;
}

/// Returns the certificate of the signing authority from the plugin's description of it, or `None` if the plugin
/// describes no such certificate.
async fn described(handle: &Handle<'_, '_>) -> Result<Option<String>, Broken> {
    let information = if let Some(id) = handle.example().context().ca {
        let all = handle.authority.ca_information().await;
        let all = all.map_err(|error| handle.unexpected("ca_information", &error))?;
        all.into_iter().find(|ca| ca.id == id)
    } else {
        let default = handle.authority.default_ca().await;
        default.map_err(|error| handle.unexpected("default_ca", &error))?
    };
    let pem = information.and_then(|ca| ca.signing_certificate);
    Ok(pem.map(|pem| pem.as_str().to_owned()))
}

/// Returns the certificate of the issuer: from the plugin's description, or else the first certificate of the chain.
/// Returns `None` if the certificate is in neither.
async fn issuer(handle: &Handle<'_, '_>, issued: &IssuedCertificate) -> Result<Option<String>, Broken> {
    const END: &str = "-----END CERTIFICATE-----";
    let described = described(handle).await?;
    Ok(described.or_else(|| {
        let (first, _) = issued.intermediates.as_ref()?.as_str().split_once(END)?;
        Some(format!("{first}{END}\n"))
    }))
}

async fn signer_identifier(fixture: &CertificateFixture<'_>) -> Checked {
    let (handle, request) = (fixture.handle()?, new_request()?);
    let issued = certified(&handle, &request, None).await?;
    let of_signer = facts(&issued)?.issuer_key_identifier;
    ensure(of_signer.is_some(), "an identifier of the key that signed it", "none")?;
    let Some(pem) = issuer(&handle, &issued).await? else { return Ok(()) };
    let signer = IssuedFacts::read(&pem)
        .map_err(|fault| broken("a certificate of the authority that can be read", fault.to_string()))?;
    // An old root may have no extensions, and thus no identifier.
    let same = signer.key_identifier.is_none() || signer.key_identifier == of_signer;
    ensure(same, "the identifier that the certificate of the authority has", "another one")
}

async fn key_identifier(fixture: &CertificateFixture<'_>) -> Checked {
    let issued = certified(&fixture.handle()?, &new_request()?, None).await?;
    ensure(facts(&issued)?.key_identifier.is_some(), "an identifier of the key", "none")
}

async fn chain(fixture: &CertificateFixture<'_>) -> Checked {
    let (handle, request) = (fixture.handle()?, new_request()?);
    let issued = certified(&handle, &request, None).await?;
    let described = described(&handle).await?;
    if described.is_none() && issued.intermediates.is_none() {
        return Err(Broken::Missing { capability: "a certificate of the authority" });
    }
    if let Some(authority) = described {
        check_issuer(issued.certificate.as_str(), &authority)
            .map_err(|fault| broken("a certificate of the described authority", fault.to_string()))?;
    }
    check(&issued, &Expected::from_request(&request), fixture.clock.now())
        .map(drop)
        .map_err(|fault| broken("a certificate and a chain that a host accepts", fault.to_string()))
}
