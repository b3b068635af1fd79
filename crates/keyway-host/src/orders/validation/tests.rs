use serde_json::{Value, json};

use super::*;

fn checked(metadata: Value) -> Result<ValidRequest, String> {
    let Json::Object(metadata) = Json::from(metadata) else { panic!("no object") };
    validate(&OrderMetadata::new(metadata).unwrap()).map_err(|error| error.to_string())
}

fn refusal(metadata: &Value) -> String {
    checked(metadata.clone()).expect_err(&metadata.to_string())
}

#[test]
fn custom_requests_are_the_plugins() {
    for accepted in [
        json!({}),
        json!({"request_type": "custom", "x": 1, "extensions": "abc", "subject_dn": 5}),
        json!({"profile": "web", "ca_id": "ca-1"}),
        json!({"payload": null}),
    ] {
        assert_eq!(checked(accepted.clone()), Ok(ValidRequest::Custom), "{accepted}");
    }
}

#[test]
fn the_error_names_the_field() {
    let stored = |more: Value| {
        let mut metadata =
            json!({"request_type": "stored-key", "container_ref": "vault/key", "subject_dn": "CN=a"});
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        metadata
    };
    for (metadata, message) in [
        (
            json!({"payload": ""}),
            "the metadata of the order: payload: it is not allowed in an order for a certificate",
        ),
        (json!({"profile": null}), "the metadata of the order: ca_id: it is missing"),
        (
            json!({"profile": "web", "ca_id": null}),
            "the metadata of the order: ca_id: it is of type null, and must be a text",
        ),
        (
            json!({"ca_id": ""}),
            "the metadata of the order: ca_id: it must be 1 to 255 bytes without control characters",
        ),
        (
            json!({"request_type": "Custom"}),
            "the metadata of the order: request_type: it must be custom, simple-cmc or stored-key, in small letters",
        ),
        (
            json!({"request_type": null}),
            "the metadata of the order: request_type: it is of type null, and must be a text",
        ),
        (
            json!({"request_type": "full-cmc"}),
            "the metadata of the order: request_type: full-cmc is not offered: use simple-cmc, with a request of \
             PKCS#10 in request_data",
        ),
        (json!({"request_type": "simple-cmc"}), "the metadata of the order: request_data: it is missing"),
        (
            json!({"request_type": "simple-cmc", "request_data": "abc"}),
            "the metadata of the order: request_data: the certificate request is not base64 of a PEM text",
        ),
        (
            json!({"request_type": "simple-cmc", "request_data": 5}),
            "the metadata of the order: request_data: it is of type number, and must be a text",
        ),
        (json!({"request_type": "stored-key"}), "the metadata of the order: container_ref: it is missing"),
        (
            stored(json!({"container_ref": "https://h/containers/1"})),
            "the metadata of the order: container_ref: it must be `store/name` or `store/environment/name`",
        ),
        (
            stored(json!({"subject_dn": 5})),
            "the metadata of the order: subject_dn: it is of type number, and must be a text",
        ),
        (
            stored(json!({"subject_dn": ""})),
            "the metadata of the order: subject_dn: the name is not acceptable at byte 0: it is empty: give at least one attribute, such as CN=name",
        ),
        (
            stored(json!({"extensions": 0})),
            "the metadata of the order: extensions: extensions are not offered: name a profile of the authority instead",
        ),
    ] {
        assert_eq!(refusal(&metadata), message, "{metadata}");
    }
}

#[test]
fn a_stored_key_has_a_container_and_a_subject() {
    let metadata = json!({"request_type": "stored-key", "container_ref": "vault/production/key", "subject_dn": "CN=a",
                          "extensions": null});
    let Ok(ValidRequest::StoredKey(StoredKey { container, subject, .. })) = checked(metadata) else {
        panic!()
    };
    assert_eq!(
        (container.to_string().as_str(), subject.to_string().as_str()),
        ("vault/production/key", "CN=a")
    );
}
