//! Checks the metadata of certificate orders, and the life of an order.

mod ca;
mod life;

use keyway_certificates::{Json, MetadataFault, OrderMetadata};
use keyway_host::orders::{OrderBodyError, ValidRequest, read_body, validate};
use keyway_x509::CertificateRequest;

pub use life::order_machine;

/// Checks the metadata of an order.
///
/// Metadata that can be read is written as a text within the limits, which is read as the same metadata. The metadata
/// is also found in the body of an order. A valid request has its fields; the error for an invalid request is one line.
pub fn order_metadata(data: &[u8]) {
    let is_one_line = |text: &str| assert!(!text.contains(char::is_control), "{text:?}");
    let metadata = match OrderMetadata::from_json(data) {
        Ok(metadata) => metadata,
        Err(error) => {
            is_one_line(&error.to_string());
            match read_body(data) {
                Ok(_) => assert!(
                    matches!(error.fault, MetadataFault::TooLarge { .. } | MetadataFault::Json(_)),
                    "only the limits of a body are larger"
                ),
                Err(error) => is_one_line(&error.to_string()),
            }
            return;
        }
    };
    let written = metadata.to_ascii();
    assert!(written.len() <= OrderMetadata::MAX_BYTES);
    assert_eq!(OrderMetadata::from_json(written.as_bytes()).as_ref(), Ok(&metadata));
    let body = format!(r#"{{"meta": {}, "type": "certificate", "more": 1}}"#, *written);
    assert_eq!(read_body(body.as_bytes()).as_ref(), Ok(&metadata));
    let body = body.replacen("certificate", "key", 1);
    let refused = read_body(body.as_bytes());
    assert!(
        matches!(refused, Err(OrderBodyError::Body { field: "type", .. })) || written.contains("certificate"),
        "{refused:?}"
    );
    match validate(&metadata) {
        Ok(ValidRequest::Pkcs10(request)) => {
            let data = metadata.text("request_data").expect("a text").expect("it is there");
            assert_eq!(CertificateRequest::from_request_data(data).as_ref(), Ok(&*request));
        }
        Ok(ValidRequest::StoredKey(stored)) => {
            assert_eq!(metadata.text("container_ref"), Ok(Some(stored.container.to_string().as_str())));
            assert!(
                !stored.subject.is_empty() && matches!(metadata.get("extensions"), None | Some(Json::Null))
            );
        }
        Ok(_) => {}
        Err(error) => is_one_line(&error.to_string()),
    }
}
