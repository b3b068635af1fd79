//! Checks the request of an order before an authority is asked, and the certificate that comes back.

use keyway_certificates::{IssuedCertificate, OrderMetadata, Owner, Pem};
use keyway_core::{Timestamp, Wiped};
use keyway_x509::{
    AlternativeName, CertificateRequest, DistinguishedName, Expected, IssuedFacts, IssuedFault, check_issued,
};

use super::asking::read_metadata;
use super::policy::{Asked, AskedKey, OrderPolicy, PolicyRefusal};
use super::record::Placed;
use super::state::OrderState;
use super::validation::{ValidRequest, validate};
use crate::plugin::contain;

/// Returns what the certificate for this metadata must have.
fn expected(metadata: &OrderMetadata, generated_csr: Option<&Pem>) -> Expected {
    let request = match generated_csr {
        Some(csr) => CertificateRequest::from_pem(csr.as_str()).ok(),
        None => match validate(metadata) {
            Ok(ValidRequest::Pkcs10(request)) => Some(*request),
            // The plugin made the key, or the host knows nothing of the request.
            _ => None,
        },
    };
    request.as_ref().map_or_else(Expected::new, Expected::from_request)
}

/// Checks a certificate that an authority made for an order.
///
/// # Errors
/// The rule that it breaks, in words.
pub(super) fn check(
    policy: Option<&dyn OrderPolicy>,
    placed: &Placed,
    state: &OrderState,
    issued: &IssuedCertificate,
    now: Timestamp,
) -> Result<IssuedFacts, String> {
    let facts = check_parts(placed, state, issued, now).map_err(|fault| fault.to_string())?;
    // The host knows the names of a custom request only now.
    let names = judged(&facts.names, &facts.subject);
    let mut asked = Asked::new(names.iter().map(String::as_str));
    asked.key = facts.key_type.map_or(AskedKey::Unknown, AskedKey::Known);
    allowed(policy, &placed.owner, &asked).map_err(|refusal| refusal.to_string())?;
    Ok(facts)
}

fn check_parts(
    placed: &Placed,
    state: &OrderState,
    issued: &IssuedCertificate,
    now: Timestamp,
) -> Result<IssuedFacts, IssuedFault> {
    let intermediates = issued.intermediates.as_ref().map(Pem::as_str);
    let fits = |text: &Wiped<String>| {
        let metadata = read_metadata(text).unwrap_or_default();
        let expected = expected(&metadata, placed.generated_csr.as_ref());
        check_issued(issued.certificate.as_str(), intermediates, &expected, now)
    };
    match &state.changing {
        // It is not known which of the two the authority had when it made the certificate.
        Some(changing) => fits(changing).or_else(|_| fits(&state.metadata)),
        None => fits(&state.metadata),
    }
}

/// Returns the names that a policy judges: the alternative names, and the common names of the subject.
pub(super) fn judged(names: &[AlternativeName], subject: &DistinguishedName) -> Vec<String> {
    names.iter().map(|name| name.text().into_owned()).chain(subject.common_names()).collect()
}

/// Asks the policy of the host.
pub(super) fn allowed(
    policy: Option<&dyn OrderPolicy>,
    owner: &Owner,
    asked: &Asked<'_>,
) -> Result<(), PolicyRefusal> {
    let Some(policy) = policy else { return Ok(()) };
    let panicked = || PolicyRefusal::Other { rule: "the policy of the host panicked".to_owned() };
    contain(|| policy.check(owner, asked)).unwrap_or_else(|_| Err(panicked()))
}
