//! Orders with PKCS#10 requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::{Json, OrderMetadata, RequestType};

use super::example::metadata_of;
use super::fixture::CertificateFixture;
use crate::Broken;

/// The field with the request, as base64 of PEM (decision B20).
pub(super) const REQUEST_DATA: &str = "request_data";

/// Makes the client data of the example with the request `pem`. If the subject has a field for the validity, the data
/// also request `days`.
pub(super) fn metadata(
    fixture: &CertificateFixture<'_>,
    pem: &str,
    days: Option<u32>,
) -> Result<OrderMetadata, Broken> {
    with_request_data(fixture, &STANDARD.encode(pem), days)
}

/// Makes the client data of the example with `request_data` as the content of [`REQUEST_DATA`]. The text need not be
/// base64. `days` is used as [`metadata`] uses it.
pub(super) fn with_request_data(
    fixture: &CertificateFixture<'_>,
    request_data: &str,
    days: Option<u32>,
) -> Result<OrderMetadata, Broken> {
    let mut fields = fixture.example().fields()?;
    fields.insert(OrderMetadata::REQUEST_TYPE.to_owned(), Json::text(RequestType::SimpleCmc.as_str()));
    fields.insert(REQUEST_DATA.to_owned(), Json::text(request_data));
    if let Some((field, days)) = fixture.subject().days_field.zip(days) {
        fields.insert(field.to_owned(), serde_json::json!(days).into());
    }
    metadata_of(fields)
}
