//! Tests of the metadata of an order.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn metadata(values: serde_json::Value) -> Result<OrderMetadata, MetadataError> {
    match Json::from(values) {
        Json::Object(values) => OrderMetadata::new(values),
        other => panic!("{other:?}"),
    }
}

/// Returns an object that nests `levels` levels, the outermost included.
fn nested(levels: usize) -> serde_json::Value {
    let inner = (1..levels).fold(json!(null), |inner, level| match level % 2 {
        0 => json!([inner]),
        _ => json!({ "deeper": inner }),
    });
    json!({ "in": inner })
}

#[test]
fn fields_are_read_by_type() {
    let order =
        metadata(json!({"request_type": "stored-key", "ca_id": "ca-7", "days": 90, "none": null})).unwrap();
    assert_eq!(order.request_type().unwrap(), RequestType::StoredKey);
    assert_eq!(order.ca_id().unwrap().unwrap().as_str(), "ca-7");
    assert_eq!(order.required_text("ca_id").unwrap(), "ca-7");
    assert_eq!(order.text("profile"), Ok(None));

    let nothing = OrderMetadata::default();
    assert_eq!(nothing.request_type(), Ok(RequestType::Custom));
    assert_eq!(nothing.ca_id(), Ok(None));
}

#[test]
fn an_error_names_the_field() {
    let order = metadata(json!({"request_type": null, "ca_id": "a\nb", "days": 90})).unwrap();
    let rows = [
        (order.request_type().unwrap_err(), "request_type: it is of type null, and must be a text"),
        (order.ca_id().unwrap_err(), "ca_id: it must be 1 to 255 bytes without control characters"),
        (order.text("days").unwrap_err(), "days: it is of type number, and must be a text"),
        (order.required_text("profile").unwrap_err(), "profile: it is missing"),
        (OrderMetadata::from_json(b"[]").unwrap_err(), "it is of type array, and must be an object"),
        (
            OrderMetadata::from_json(br#"{"a": 1, "a": 2}"#).unwrap_err(),
            "an object has the same name twice (at byte 9)",
        ),
    ];
    for (error, text) in rows {
        assert_eq!(error.to_string(), format!("the metadata of the order: {text}"));
    }
}

#[test]
fn a_field_of_a_client_is_escaped_and_cut() {
    let name = format!("\u{1b}[2J{}", "x".repeat(70_000));
    let error = metadata(json!({ name: 1 })).unwrap_err();
    assert_eq!(error.fault, MetadataFault::TooLarge { limit: OrderMetadata::MAX_BYTES });
    assert!(error.field.starts_with(r"\u{1b}[2Jxxx") && error.field.ends_with("..."), "{}", error.field);
    assert!(error.field.len() < 100);
}

#[test]
fn both_ways_in_have_the_same_limits() {
    let at_limit = nested(OrderMetadata::MAX_DEPTH);
    assert!(OrderMetadata::from_json(at_limit.to_string().as_bytes()).is_ok());
    assert!(metadata(at_limit).is_ok());
    let over = nested(OrderMetadata::MAX_DEPTH + 1);
    assert!(OrderMetadata::from_json(over.to_string().as_bytes()).is_err());
    let error = metadata(over).unwrap_err();
    assert_eq!((error.field.as_str(), error.fault), ("in", MetadataFault::TooDeep { limit: 32 }));

    // `{"a":"..."}` has eight bytes besides the text.
    for (text, fits) in [(OrderMetadata::MAX_BYTES - 8, true), (OrderMetadata::MAX_BYTES - 7, false)] {
        let values = json!({ "a": "x".repeat(text) });
        assert_eq!(OrderMetadata::from_json(values.to_string().as_bytes()).is_ok(), fits);
        assert_eq!(metadata(values).is_ok(), fits);
    }
}

#[test]
fn many_small_fields_count_together() {
    let values: serde_json::Map<_, _> =
        (0..10_000).map(|index| (format!("f{index:05}"), json!(index))).collect();
    let error = metadata(values.into()).unwrap_err();
    assert_eq!(error.fault, MetadataFault::TooLarge { limit: OrderMetadata::MAX_BYTES });
    // The error names the first field that does not fit.
    let fields_before = error.field[1..].parse::<usize>().unwrap();
    assert!((4_000..6_000).contains(&fields_before), "{fields_before}");
}

#[test]
fn no_value_is_shown() {
    let order = metadata(json!({"password": "n33dle", "list": ["n33dle"]})).unwrap();
    assert_eq!(format!("{order:?}"), r#"{"list", "password"}"#);
    let error = metadata(json!({"a": "n33dle".repeat(20_000)})).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("n33dle"));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|entries| entries.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn metadata_that_fits_comes_back_as_it_was(values in prop::collection::btree_map(any::<String>(), any_json(), 0..6)) {
        let values: JsonObject = values.into_iter().map(|(name, value)| (name, value.into())).collect();
        let text = object_to_ascii(&values);
        match OrderMetadata::new(values.clone()) {
            Ok(order) => {
                prop_assert!(text.len() <= OrderMetadata::MAX_BYTES);
                prop_assert_eq!(order.values(), &values);
                prop_assert_eq!(order.to_ascii(), text.clone());
                prop_assert_eq!(&OrderMetadata::from_json(text.as_bytes()).unwrap(), &order);
                for (name, value) in &values {
                    prop_assert_eq!(order.get(name), Some(value));
                    match order.text(name) {
                        Ok(text) => prop_assert_eq!(text, value.as_text()),
                        Err(error) => {
                            prop_assert_eq!(value.as_text(), None);
                            prop_assert_eq!(error, MetadataError::new(name, MetadataFault::Type { expected: "a text", found: value.kind() }));
                        }
                    }
                }
            }
            Err(error) => prop_assert!(text.len() > OrderMetadata::MAX_BYTES, "{error}"),
        }
    }

    #[test]
    fn reading_never_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(order) = OrderMetadata::from_json(&text) {
            let _ = (order.request_type(), order.ca_id());
        }
    }
}
