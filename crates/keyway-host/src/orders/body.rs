//! The body of an order, as clients of the upstream system send it.

use keyway_certificates::{JsonObject, MetadataError, MetadataFault, OrderMetadata};
use keyway_core::json::{Json, Reader};

/// The largest allowed body in bytes: the metadata, and 4 KiB for the names and white space around it.
const MAX_BYTES: usize = OrderMetadata::MAX_BYTES + (4 << 10);

/// The error for a body that is not an order for a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderBodyError {
    /// The body or one of its fields has the wrong form.
    #[error("the body of the order: {}{fault}", if field.is_empty() { String::new() } else { format!("{field}: ") })]
    Body {
        /// The field. It is empty if the whole body is wrong.
        field: &'static str,
        /// The fault of the field or the body.
        fault: MetadataFault,
    },
    /// The metadata is too large or too deeply nested.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// Reads the metadata from the body of an order, `{"type": "certificate", "meta": {...}}`.
///
/// It is for hosts that take orders in the form of the upstream system. As upstream does, it ignores other fields. It
/// does not check whether the metadata makes a valid request: [`validate`](super::validate) does.
///
/// ```
/// use keyway_host::orders::read_body;
///
/// let metadata = read_body(br#"{"type": "certificate", "meta": {"profile": "web", "ca_id": "ca-1"}}"#)?;
/// assert_eq!(metadata.text("profile").unwrap(), Some("web"));
/// let error = read_body(br#"{"type": "key", "meta": {}}"#).unwrap_err();
/// assert_eq!(error.to_string(), "the body of the order: type: it must be \"certificate\": other orders are not offered");
/// # Ok::<(), keyway_host::orders::OrderBodyError>(())
/// ```
///
/// # Errors
/// [`OrderBodyError`] names the field. It is returned for orders of other types (decision B20), and for a body that is
/// not one JSON object with `type` and `meta`.
pub fn read_body(body: &[u8]) -> Result<OrderMetadata, OrderBodyError> {
    let reader = Reader {
        max_bytes: MAX_BYTES,
        max_depth: OrderMetadata::MAX_DEPTH + 1,
        max_collections: usize::MAX,
        ..Reader::STRICT
    };
    let fault = |field, fault| OrderBodyError::Body { field, fault };
    let mut fields = match reader.read_entries::<JsonObject>(body) {
        Ok(Ok(fields)) => fields,
        Ok(Err(found)) => return Err(fault("", MetadataFault::Type { expected: "an object", found })),
        Err(error) => return Err(fault("", MetadataFault::Json(error))),
    };
    let mut take = |field| fields.remove(field).ok_or_else(|| fault(field, MetadataFault::Missing));
    let order_type = take("type")?;
    let metadata = take("meta")?;
    match order_type.as_text() {
        Some("certificate") => {}
        Some(_) => {
            let expected = "\"certificate\": other orders are not offered";
            return Err(fault("type", MetadataFault::Form { expected }));
        }
        None => {
            let wrong = MetadataFault::Type { expected: "a text", found: order_type.kind() };
            return Err(fault("type", wrong));
        }
    }
    match metadata {
        Json::Object(metadata) => Ok(OrderMetadata::new(metadata)?),
        other => Err(fault("meta", MetadataFault::Type { expected: "an object", found: other.kind() })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_field() {
        for (body, message) in [
            ("[]", "the body of the order: it is of type array, and must be an object"),
            (r#"{"meta": {}}"#, "the body of the order: type: it is missing"),
            (r#"{"type": "certificate"}"#, "the body of the order: meta: it is missing"),
            (
                r#"{"type": 5, "meta": {}}"#,
                "the body of the order: type: it is of type number, and must be a text",
            ),
            (
                r#"{"type": "certificate", "meta": null}"#,
                "the body of the order: meta: it is of type null, and must be an object",
            ),
        ] {
            assert_eq!(read_body(body.as_bytes()).unwrap_err().to_string(), message);
        }
        assert!(read_body(b"{").is_err());
    }

    #[test]
    fn metadata_of_the_largest_size_fits() {
        let body = |bytes: usize| {
            let value = "x".repeat(bytes - r#"{"a":""}"#.len());
            format!(r#"{{"type": "certificate", "meta": {{"a": "{value}"}}}}"#)
        };
        assert!(read_body(body(OrderMetadata::MAX_BYTES).as_bytes()).is_ok());
        let error = read_body(body(OrderMetadata::MAX_BYTES + 1).as_bytes()).unwrap_err();
        assert!(matches!(error, OrderBodyError::Metadata(_)), "{error}");
    }
}
