//! The content of an order: the names for which it requests a certificate, and the PKCS#10 request.

use std::sync::Arc;

use keyway_certificates::{CaId, CertificateError, OrderMetadata, Pem, Pkcs10, RequestContext};
use keyway_x509::{AlternativeName, CertificateRequest};

use crate::configuration::ChallengeKind;
use crate::documents::Identifier;

/// The id of the one authority of a connection.
pub(crate) const CA: &str = "acme";

/// The name of the field with the certificate that the new certificate replaces.
const REPLACES: &str = "replaces";
/// The maximum number of names of an order.
const MOST_NAMES: usize = 100;

/// A client's request that an ACME server can fulfil.
#[derive(Debug)]
pub(crate) struct AcmeRequest {
    pub(crate) request: Arc<CertificateRequest>,
    pub(crate) names: Vec<Identifier>,
    /// The certificate that the new one replaces.
    pub(crate) replaces: Option<Pem>,
}

/// The answer to the question whether an order can be carried out.
#[derive(Debug)]
pub(crate) enum Readiness {
    /// The order can be carried out.
    Ready(Box<AcmeRequest>),
    /// The order can be carried out after the host has made the request from the stored key.
    AwaitsRequest,
    /// The order cannot be carried out. The reason is for the client.
    Unsupported(&'static str),
}

/// Reads an order. An error names the field that is not acceptable. Nothing is sent.
pub(crate) fn read(
    metadata: &OrderMetadata,
    context: &RequestContext,
    challenges: &[ChallengeKind],
) -> Result<Readiness, CertificateError> {
    known(context.ca.as_ref())?;
    let replaces = metadata.text(REPLACES)?.map(Pem::new).transpose();
    let replaces =
        replaces.map_err(|error| CertificateError::invalid("the field replaces", error.to_string()))?;
    // For a renewal, the host knows the certificate that is replaced. Otherwise the client may name one.
    let replaces = context.replaces.clone().or(replaces);
    let request = match metadata.pkcs10(context)? {
        Pkcs10::Sent(request) | Pkcs10::Made(request) => request,
        Pkcs10::Awaited => return Ok(Readiness::AwaitsRequest),
        _ => return Ok(Readiness::Unsupported("This authority takes requests of PKCS#10 only.")),
    };
    Ok(match names(&request, challenges) {
        Ok(names) => Readiness::Ready(Box::new(AcmeRequest { request, names, replaces })),
        Err(reason) => Readiness::Unsupported(reason),
    })
}

/// Checks that `ca` names the connection's only authority.
pub(crate) fn known(ca: Option<&CaId>) -> Result<(), CertificateError> {
    match ca {
        Some(other) if other.as_str() != CA => Err(CertificateError::UnknownCa { ca: other.clone() }),
        _ => Ok(()),
    }
}

/// Returns the names of a request. The error is a reason for the client, and repeats nothing of the request.
///
/// An ACME server certifies only names. It would silently leave out everything else that a request asks for (decision
/// B11a).
fn names(
    request: &CertificateRequest,
    challenges: &[ChallengeKind],
) -> Result<Vec<Identifier>, &'static str> {
    if request.asks_for_authority() {
        return Err("The request asks for the certificate of an authority, which no order gets.");
    }
    let mut names: Vec<_> = request.names().to_vec();
    let common = request.subject().common_names();
    for name in &common {
        let as_dns = AlternativeName::dns(name).map_err(|_| "The common name must be a host name.")?;
        if !names.contains(&as_dns) {
            names.push(as_dns);
        }
    }
    let is_alone = |name: &str| request.subject().to_string() == format!("CN={name}");
    if !request.subject().is_empty() && !matches!(&common[..], [name] if is_alone(name)) {
        return Err(
            "The subject must be empty or one common name: this authority certifies nothing else of it.",
        );
    }
    let names = names.iter().map(|name| identifier(name, challenges)).collect::<Result<Vec<_>, _>>()?;
    match names.len() {
        0 => Err("The request has no alternative name."),
        1..=MOST_NAMES => Ok(names),
        _ => Err("The request has more than 100 names."),
    }
}

fn identifier(name: &AlternativeName, challenges: &[ChallengeKind]) -> Result<Identifier, &'static str> {
    let (kind, value) = match name {
        AlternativeName::Dns(name) if name.starts_with("*.") => {
            if !challenges.contains(&ChallengeKind::Dns) {
                return Err(
                    "This authority proves wildcards by dns-01 only, which it is not configured for.",
                );
            }
            ("dns", name.clone())
        }
        AlternativeName::Dns(name) => ("dns", name.clone()),
        AlternativeName::Ip(_) if !challenges.contains(&ChallengeKind::Http) => {
            return Err(
                "This authority proves IP addresses by http-01 only, which it is not configured for.",
            );
        }
        AlternativeName::Ip(address) => ("ip", address.to_string()),
        _ => return Err("This authority certifies host names and IP addresses only."),
    };
    Ok(Identifier { kind: kind.to_owned(), value })
}
