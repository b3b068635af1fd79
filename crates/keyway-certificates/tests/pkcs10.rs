//! Tests that the request of an order is verified only once, and that the verified request belongs to the text from
//! which it was read.

#![cfg(feature = "pkcs10")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::{
    CertificateError, MetadataFault, OrderMetadata, Pem, Pkcs10, RequestContext, RequestDataError,
};
use keyway_x509::{CertificateRequest, KeyType, PrivateKey};

fn request(name: &str) -> CertificateRequest {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    CertificateRequest::sign(&key, &format!("CN={name}").parse().unwrap(), &[]).unwrap()
}

fn order(request_type: &str, data: &str) -> OrderMetadata {
    let fields = serde_json::json!({ "request_type": request_type, "request_data": data });
    OrderMetadata::from_json(fields.to_string().as_bytes()).unwrap()
}

fn sent(metadata: &OrderMetadata) -> Arc<CertificateRequest> {
    match metadata.pkcs10(&RequestContext::new()).unwrap() {
        Pkcs10::Sent(request) => request,
        other => panic!("{other:?}"),
    }
}

fn made(context: &RequestContext) -> Arc<CertificateRequest> {
    match order("stored-key", "").pkcs10(context).unwrap() {
        Pkcs10::Made(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn clones_of_an_order_share_the_verified_request() {
    let request = request("one.example.com");
    let metadata = order("simple-cmc", &STANDARD.encode(request.to_pem()));
    let clone = metadata.clone();
    assert_eq!(*sent(&metadata), request);
    assert!(Arc::ptr_eq(&sent(&metadata), &sent(&clone)));
    assert!(Arc::ptr_eq(&sent(&metadata), &clone.request_data().unwrap()));
    // Metadata that are read again from JSON have lost the verified request, so the request is verified again.
    let again = OrderMetadata::from_json(metadata.to_ascii().as_bytes()).unwrap();
    assert_eq!(again, metadata);
    assert!(!Arc::ptr_eq(&sent(&again), &sent(&metadata)));
}

#[test]
fn a_context_never_gives_the_request_of_another_text() {
    let (one, two) = (request("one.example.com"), request("two.example.com"));
    let pem = |request: &CertificateRequest| Pem::new(request.to_pem()).unwrap();
    let mut context = RequestContext::new().with_generated_csr(pem(&one));
    let clone = context.clone();
    assert_eq!(*made(&context), one);
    assert!(Arc::ptr_eq(&made(&context), &made(&clone)));
    context.generated_csr = Some(pem(&two));
    assert_eq!(*made(&context), two);
    assert_eq!(*made(&clone), one);
    assert_eq!(*made(&clone.clone().with_generated_csr(pem(&two))), two);
}

#[test]
fn a_request_that_its_key_did_not_sign_never_counts() {
    let forged = request("one.example.com").to_pem();
    let middle = forged.len() / 2;
    let other = if &forged[middle..=middle] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &forged[..middle], &forged[middle + 1..]);
    let metadata = order("simple-cmc", &STANDARD.encode(&forged));
    for _ in 0..2 {
        let refused = metadata.pkcs10(&RequestContext::new()).unwrap_err();
        assert!(
            matches!(refused, CertificateError::Invalid { what: OrderMetadata::REQUEST_DATA, .. }),
            "{refused}"
        );
        assert!(matches!(metadata.request_data(), Err(RequestDataError::Request(_))));
    }
    let context = RequestContext::new().with_generated_csr(Pem::new(forged).unwrap());
    assert!(order("stored-key", "").pkcs10(&context).is_err());
}

#[test]
fn each_type_of_order_says_where_its_request_is() {
    let none = RequestContext::new();
    assert_eq!(order("stored-key", "").pkcs10(&none).unwrap(), Pkcs10::Awaited);
    assert_eq!(order("full-cmc", "").pkcs10(&none).unwrap(), Pkcs10::Other);
    assert_eq!(order("something", "").pkcs10(&none).unwrap(), Pkcs10::Other);
    let CertificateError::Metadata(missing) = OrderMetadata::default().pkcs10(&none).unwrap_err() else {
        panic!()
    };
    assert_eq!((missing.field.as_str(), missing.fault), ("request_data", MetadataFault::Missing));
}
