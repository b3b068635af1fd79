//! The client's request in an order, after its check.

use std::sync::Arc;

use der::Decode as _;
use der::asn1::ObjectIdentifier;
use der::oid::db::rfc5280::{
    ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE, ID_CE_SUBJECT_ALT_NAME,
    ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH,
};
use keyway_certificates::{
    CertificateError, Json, MetadataError, MetadataFault, OrderMetadata, Pkcs10, RequestContext,
};
use keyway_x509::{AlternativeName, CertificateRequest, KeyType};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};

/// The field with the validity.
const DAYS: &str = "days";

/// A client's request that the authority can fulfil.
#[derive(Debug)]
pub(crate) struct ClientRequest {
    pub(crate) request: Arc<CertificateRequest>,
    /// The value in DER of the extension with the alternative names, if there are any.
    pub(crate) names: Option<Vec<u8>>,
    pub(crate) usage: KeyUsage,
    pub(crate) purposes: Vec<ObjectIdentifier>,
    pub(crate) days: Option<u32>,
}

/// The answer to the question whether an order can be carried out.
#[derive(Debug)]
pub(crate) enum Readiness {
    /// The order can be carried out.
    Ready(Box<ClientRequest>),
    /// The order can be carried out after the host has made the request from the stored key.
    AwaitsRequest,
    /// The order cannot be carried out. The reason is for the client.
    Unsupported(&'static str),
}

/// Reads an order. An error names the field that is not acceptable. Nothing is signed.
pub(crate) fn read(
    metadata: &OrderMetadata,
    context: &RequestContext,
    most_days: u32,
) -> Result<Readiness, CertificateError> {
    let days = days(metadata, most_days)?;
    let (what, request) = match metadata.pkcs10(context)? {
        Pkcs10::Sent(request) => (OrderMetadata::REQUEST_DATA, request),
        Pkcs10::Made(request) => ("the request from the stored key", request),
        Pkcs10::Awaited => return Ok(Readiness::AwaitsRequest),
        _ => return Ok(Readiness::Unsupported("This authority takes requests of PKCS#10 only.")),
    };
    let refused = |reason: &str| CertificateError::invalid(what, reason);
    check(&request).map_err(refused)?;
    let names = value(&request, ID_CE_SUBJECT_ALT_NAME).map(<[u8]>::to_vec);
    let usage = usage(&request).map_err(refused)?;
    let purposes = purposes(&request).map_err(refused)?;
    Ok(Readiness::Ready(Box::new(ClientRequest { request, names, usage, purposes, days })))
}

fn days(metadata: &OrderMetadata, most: u32) -> Result<Option<u32>, CertificateError> {
    let given = match metadata.get(DAYS) {
        None => return Ok(None),
        Some(Json::Integer(days)) => days.decimal().parse::<u32>().ok(),
        Some(other) => {
            let fault = MetadataFault::Type { expected: "a whole number of days", found: other.kind() };
            return Err(MetadataError::new(DAYS, fault).into());
        }
    };
    match given {
        Some(days) if (1..=most).contains(&days) => Ok(Some(days)),
        _ => Err(CertificateError::invalid(
            "the field days of the order",
            format!("it must be from 1 to {most}"),
        )),
    }
}

/// Checks that the authority can make a certificate with everything that a request asks for. The error is a reason that
/// repeats nothing of the request.
fn check(request: &CertificateRequest) -> Result<(), &'static str> {
    if request.asks_for_authority() {
        return Err("it asks for the certificate of an authority, which no order gets");
    }
    if request.subject().is_empty() && request.names().is_empty() {
        return Err("it has neither a subject nor an alternative name");
    }
    if request.names().iter().any(|name| matches!(name, AlternativeName::Other { .. })) {
        return Err("it has an alternative name that is no DNS name, IP address, e-mail address or URI");
    }
    let known = [
        ID_CE_SUBJECT_ALT_NAME,
        ID_CE_KEY_USAGE,
        ID_CE_EXT_KEY_USAGE,
        ID_CE_BASIC_CONSTRAINTS,
        // The authority computes this extension from the key, and ignores the client's proposal.
        ID_CE_SUBJECT_KEY_IDENTIFIER,
    ];
    if !request.extensions().iter().all(|extension| known.iter().any(|id| extension.is(*id))) {
        return Err("it asks for an extension that this authority does not make: leave it out");
    }
    Ok(())
}

/// Returns the usages of the key: those in the request, otherwise those that TLS needs.
fn usage(request: &CertificateRequest) -> Result<KeyUsage, &'static str> {
    let mut allowed = KeyUsages::DigitalSignature | KeyUsages::NonRepudiation;
    let mut default = KeyUsages::DigitalSignature.into();
    if matches!(request.public_key().key_type(), KeyType::Rsa { .. }) {
        allowed |= KeyUsages::KeyEncipherment;
        default |= KeyUsages::KeyEncipherment;
    } else if request.public_key().key_type() != KeyType::Ed25519 {
        allowed |= KeyUsages::KeyAgreement;
    }
    let Some(value) = value(request, ID_CE_KEY_USAGE) else { return Ok(KeyUsage(default)) };
    match KeyUsage::from_der(value) {
        Ok(asked) if !asked.0.is_empty() && allowed.contains(asked.0) => Ok(asked),
        Ok(_) => Err("it asks for a usage of the key that this authority does not certify"),
        Err(_) => Err("its key usage cannot be read"),
    }
}

/// Returns the purposes of the certificate: those in the request, otherwise TLS servers and clients.
fn purposes(request: &CertificateRequest) -> Result<Vec<ObjectIdentifier>, &'static str> {
    let allowed = [ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH];
    let Some(value) = value(request, ID_CE_EXT_KEY_USAGE) else { return Ok(allowed.to_vec()) };
    match ExtendedKeyUsage::from_der(value) {
        Ok(asked) if !asked.0.is_empty() && asked.0.iter().all(|id| allowed.contains(id)) => Ok(asked.0),
        Ok(_) => Err("it asks for a purpose other than those of TLS servers and clients"),
        Err(_) => Err("its extended key usage cannot be read"),
    }
}

fn value(request: &CertificateRequest, id: ObjectIdentifier) -> Option<&[u8]> {
    request.extensions().iter().find(|extension| extension.is(id)).map(|extension| &extension.value[..])
}
