//! Checks the request of an order before an authority is called, and checks the certificate that the authority returns.

use std::sync::Arc;

use keyway_certificates::{
    CertificateOrder, IssuedCertificate, OrderMetadata, Owner, Pem, Pkcs10, RequestContext, RequestType,
};
use keyway_core::Timestamp;
use keyway_x509::{
    AlternativeName, CertificateRequest, DistinguishedName, Expected, IssuedFacts, IssuedFault, check_issued,
};

use super::asking::read_metadata;
use super::error::OrdersError;
use super::policy::{Asked, AskedKey, OrderPolicy, PolicyRefusal};
use super::record::Placed;
use super::state::OrderState;
use super::validation::{RequestError, ValidRequest, validate};
use super::workflow::OrderWorkflow;
use crate::plugin::contain;

/// Returns the expected properties of the certificate for this metadata.
fn expected(metadata: &OrderMetadata, context: &RequestContext) -> Expected {
    let request = match metadata.request_type() {
        // The plugin made the key, or the host knows nothing about the request.
        Ok(RequestType::Custom) | Err(_) => None,
        Ok(_) => match metadata.pkcs10(context) {
            Ok(Pkcs10::Sent(request) | Pkcs10::Made(request)) => Some(request),
            _ => None,
        },
    };
    request.as_deref().map_or_else(Expected::new, Expected::from_request)
}

/// Checks a certificate that an authority made for an order.
///
/// # Errors
/// The rule that the certificate breaks, as a text for people.
pub(super) fn check(
    (policy, owner): (Option<&dyn OrderPolicy>, &Owner),
    signers: &[Pem],
    state: &OrderState,
    order: &CertificateOrder,
    issued: &IssuedCertificate,
    now: Timestamp,
) -> Result<IssuedFacts, String> {
    let facts = check_parts(signers, state, order, issued, now).map_err(|fault| fault.to_string())?;
    // A custom request need not be PKCS#10. Then the host learns the names only from the certificate.
    let names = judged(&facts.names, &facts.subject);
    let mut asked = Asked::new(names.iter().map(String::as_str));
    asked.key = facts.key_type.map_or(AskedKey::Unknown, AskedKey::Known);
    allowed(policy, owner, &asked).map_err(|refusal| refusal.to_string())?;
    Ok(facts)
}

fn check_parts(
    signers: &[Pem],
    state: &OrderState,
    order: &CertificateOrder,
    issued: &IssuedCertificate,
    now: Timestamp,
) -> Result<IssuedFacts, IssuedFault> {
    let intermediates = issued.intermediates.as_ref().map(Pem::as_str);
    let fits = |metadata: &OrderMetadata| {
        let signers = signers.iter().map(|signer| signer.as_str().to_owned()).collect();
        let expected = expected(metadata, &order.context).with_signers(signers);
        check_issued(issued.certificate.as_str(), intermediates, &expected, now)
    };
    let Some(changing) = &state.changing else { return fits(&order.metadata) };
    // It is unknown for which metadata the authority made the certificate: the new metadata, or the previous metadata.
    match &order.previous_metadata {
        Some(before) => fits(&order.metadata).or_else(|_| fits(before)),
        None => fits(&read_metadata(changing).unwrap_or_default()).or_else(|_| fits(&order.metadata)),
    }
}

/// Returns the names that a policy judges: the alternative names, and the common names and e-mail addresses of the
/// subject.
pub(super) fn judged(names: &[AlternativeName], subject: &DistinguishedName) -> Vec<String> {
    let of_subject = subject.common_names().into_iter().chain(subject.email_addresses());
    names.iter().map(|name| name.text().into_owned()).chain(of_subject).collect()
}

/// Returns the request that a client sent with an order.
pub(super) fn sent(metadata: &OrderMetadata, valid: &ValidRequest) -> Option<Arc<CertificateRequest>> {
    match valid {
        ValidRequest::Pkcs10(request) => Some(Arc::clone(request)),
        ValidRequest::StoredKey(_) => None,
        // Plugins sign the PKCS#10 request that an order of the type `custom` may have.
        ValidRequest::Custom => metadata.request_data().ok(),
    }
}

impl OrderWorkflow {
    /// Asks the policy of the host about the request of an order. Without a request, the host learns the names and the
    /// key from the certificate, and asks again then.
    pub(super) fn permit(
        &self,
        owner: &Owner,
        request: Option<&CertificateRequest>,
    ) -> Result<(), PolicyRefusal> {
        let policy = self.policy.as_deref();
        let Some(request) = request else { return allowed(policy, owner, &Asked::default()) };
        let names = judged(request.names(), request.subject());
        let asked = Asked::new(names.iter().map(String::as_str));
        allowed(policy, owner, &asked.with_key_type(request.public_key().key_type()))
    }

    /// Asks the policy again about an order that is to be sent to its authority. The host may have another policy than
    /// when the order was placed.
    pub(super) fn permit_again(
        &self,
        placed: &Placed,
        metadata: &OrderMetadata,
    ) -> Result<(), Box<OrdersError>> {
        let valid = validate(metadata).map_err(OrdersError::from)?;
        let request = match &placed.generated_csr {
            Some(made) => {
                let read = CertificateRequest::from_pem(made.as_str());
                Some(Arc::new(read.map_err(RequestError::RequestData).map_err(OrdersError::from)?))
            }
            None => sent(metadata, &valid),
        };
        Ok(self.permit(&placed.owner, request.as_deref()).map_err(OrdersError::from)?)
    }
}

/// Asks the policy of the host.
fn allowed(policy: Option<&dyn OrderPolicy>, owner: &Owner, asked: &Asked<'_>) -> Result<(), PolicyRefusal> {
    let Some(policy) = policy else { return Ok(()) };
    let panicked = || PolicyRefusal::Other { rule: "the policy of the host panicked".to_owned() };
    contain(|| policy.check(owner, asked)).unwrap_or_else(|_| Err(panicked()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_of_the_subject_is_judged_like_an_alternative_name() {
        let names = [AlternativeName::dns("www.example.org").unwrap()];
        let subject = "CN=www,emailAddress=ceo@example.org,O=Example".parse().unwrap();
        assert_eq!(judged(&names, &subject), ["www.example.org", "www", "ceo@example.org"]);
    }
}
