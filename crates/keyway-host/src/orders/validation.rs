//! Checks the fields of an order's metadata that the host knows.

use std::sync::Arc;

use keyway_certificates::{MetadataError, MetadataFault, OrderMetadata, RequestDataError, RequestType};
use keyway_core::{ErrorKind, Json};
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, DistinguishedNameError};

use super::ContainerRef;

const CONTAINER_REF: &str = "container_ref";
const SUBJECT_DN: &str = "subject_dn";
const ALTERNATIVE_NAMES: &str = "subject_alternative_names";
const EXTENSIONS: &str = "extensions";
const PROFILE: &str = "profile";
const PAYLOAD: &str = "payload";

/// A request for a certificate whose fields are valid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidRequest {
    /// A custom request. Only the plugin reads its metadata.
    Custom,
    /// The PKCS#10 request that the client made. Its signature is verified.
    Pkcs10(Arc<CertificateRequest>),
    /// The host makes the request from a stored key.
    StoredKey(StoredKey),
}

/// The fields of a request with a stored key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredKey {
    /// The container that holds the key.
    pub container: ContainerRef,
    /// The subject.
    pub subject: DistinguishedName,
    /// The alternative names of the subject.
    pub names: Vec<AlternativeName>,
}

/// The error for an order that cannot be sent to any authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A field is not acceptable.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The PKCS#10 request is not acceptable.
    #[error("the metadata of the order: request_data: {0}")]
    RequestData(#[from] keyway_x509::RequestError),
    /// The subject of a request with a stored key is not acceptable.
    #[error("the metadata of the order: subject_dn: {0}")]
    Subject(#[from] DistinguishedNameError),
    /// The client asked for a full CMC request (decision B12).
    #[error(
        "the metadata of the order: request_type: full-cmc is not offered: use simple-cmc, with a request of \
         PKCS#10 in request_data"
    )]
    FullCmc,
}

impl From<RequestDataError> for RequestError {
    fn from(error: RequestDataError) -> Self {
        match error {
            RequestDataError::Metadata(error) => Self::Metadata(error),
            RequestDataError::Request(error) => Self::RequestData(error),
        }
    }
}

impl RequestError {
    /// Returns the kind of the error.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Metadata(_) | Self::RequestData(_) | Self::Subject(_) => ErrorKind::Invalid,
            Self::FullCmc => ErrorKind::Unsupported,
        }
    }
}

/// Checks the fields of an order's metadata, before any authority is asked.
///
/// | field | must be |
/// | --- | --- |
/// | `request_type` | `custom`, `simple-cmc` or `stored-key`; missing is `custom` |
/// | `ca_id` | the id of an authority; required when there is a `profile`, which belongs to one |
/// | `payload` | missing, or null |
/// | `request_data` | for `simple-cmc`: base64 of exactly one request in PEM, signed by its own key |
/// | `container_ref` | for `stored-key`: `store[/environment]/name` |
/// | `subject_dn` | for `stored-key`: the subject, by RFC 4514 |
/// | `subject_alternative_names` | for `stored-key`: missing, or a list of texts such as `dns:www.example.org`, `ip:10.0.0.1`, `email:joe@example.org` and `uri:https://example.org/joe` |
/// | `extensions` | for `stored-key`: missing, or null |
///
/// Other fields belong to the plugin. The function does not block. It takes as long as the verification of one
/// signature, unless the metadata have their [verified request](OrderMetadata::request_data) already.
///
/// ```
/// use keyway_certificates::OrderMetadata;
/// use keyway_host::orders::validate;
///
/// let metadata = OrderMetadata::from_json(br#"{"request_type": "simple-cmc"}"#).unwrap();
/// let error = validate(&metadata).unwrap_err();
/// assert_eq!(error.to_string(), "the metadata of the order: request_data: it is missing");
/// ```
///
/// # Errors
/// [`RequestError`] names the field and the form that it needs (decisions B12, B20 and H130).
pub fn validate(metadata: &OrderMetadata) -> Result<ValidRequest, RequestError> {
    must_be_empty(metadata, PAYLOAD, "it is not allowed in an order for a certificate")?;
    let ca = metadata.ca_id()?;
    if ca.is_none() && metadata.get(PROFILE).is_some() {
        return Err(MetadataError::new(OrderMetadata::CA_ID, MetadataFault::Missing).into());
    }
    match metadata.request_type()? {
        RequestType::Custom => Ok(ValidRequest::Custom),
        RequestType::SimpleCmc => Ok(ValidRequest::Pkcs10(metadata.request_data()?)),
        RequestType::StoredKey => stored_key(metadata),
        RequestType::FullCmc => Err(RequestError::FullCmc),
        RequestType::Other(_) => {
            Err(form(OrderMetadata::REQUEST_TYPE, "custom, simple-cmc or stored-key, in small letters"))
        }
    }
}

fn stored_key(metadata: &OrderMetadata) -> Result<ValidRequest, RequestError> {
    let container = metadata.required_text(CONTAINER_REF)?;
    let container = ContainerRef::parse(container)
        .map_err(|_| form(CONTAINER_REF, "`store/name` or `store/environment/name`"))?;
    let subject = metadata.required_text(SUBJECT_DN)?.parse()?;
    must_be_empty(
        metadata,
        EXTENSIONS,
        "extensions are not offered: name a profile of the authority instead",
    )?;
    let names = alternative_names(metadata)?;
    Ok(ValidRequest::StoredKey(StoredKey { container, subject, names }))
}

/// Reads alternative names such as `dns:www.example.org`.
fn alternative_names(metadata: &OrderMetadata) -> Result<Vec<AlternativeName>, RequestError> {
    const EXPECTED: &str =
        "a list of at most 100 texts `dns:NAME`, `ip:ADDRESS`, `email:ADDRESS` or `uri:URI`";
    const MOST: usize = 100;
    let of = |text: &str| {
        let (kind, name) = text.split_once(':')?;
        match kind.to_ascii_lowercase().as_str() {
            "dns" => AlternativeName::dns(name).ok(),
            "ip" => name.parse().ok().map(AlternativeName::Ip),
            "email" => AlternativeName::email(name).ok(),
            "uri" => AlternativeName::uri(name).ok(),
            _ => None,
        }
    };
    let names: Option<Vec<_>> = match metadata.get(ALTERNATIVE_NAMES) {
        None => return Ok(Vec::new()),
        Some(Json::Array(texts)) if texts.len() <= MOST => {
            texts.iter().map(|text| text.as_text().and_then(of)).collect()
        }
        Some(_) => None,
    };
    names.ok_or_else(|| form(ALTERNATIVE_NAMES, EXPECTED))
}

/// Checks that a change leaves the fields as they are by which the authority and the request were chosen. If the host
/// has made the request from a stored key, this includes the fields of that request.
pub(super) fn check_fixed(
    before: &OrderMetadata,
    after: &OrderMetadata,
    is_made: bool,
) -> Result<(), MetadataError> {
    let fields =
        [OrderMetadata::REQUEST_TYPE, OrderMetadata::CA_ID, CONTAINER_REF, SUBJECT_DN, ALTERNATIVE_NAMES];
    let fixed = if is_made { &fields[..] } else { &fields[..2] };
    match fixed.iter().find(|field| before.get(field) != after.get(field)) {
        Some(field) => {
            let rule = "it cannot change: cancel the order, and place another";
            Err(MetadataError::new(field, MetadataFault::Other { rule }))
        }
        None => Ok(()),
    }
}

fn must_be_empty(metadata: &OrderMetadata, field: &str, rule: &'static str) -> Result<(), MetadataError> {
    match metadata.get(field) {
        None | Some(Json::Null) => Ok(()),
        Some(_) => Err(MetadataError::new(field, MetadataFault::Other { rule })),
    }
}

fn form(field: &str, expected: &'static str) -> RequestError {
    MetadataError::new(field, MetadataFault::Form { expected }).into()
}

#[cfg(test)]
mod tests;
