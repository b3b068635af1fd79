use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::PluginError;
use crate::version::grammar::{Expected, ParseError};

const FIELDS: [MetadataField; 8] = [
    MetadataField::Version,
    MetadataField::Author,
    MetadataField::Updated,
    MetadataField::Compatibility,
    MetadataField::Plugin,
    MetadataField::Name,
    MetadataField::Type,
    MetadataField::Description,
];

fn document() -> Value {
    json!({
        "version": "1.0.0",
        "author": "A <a@example.org>",
        "updated": 20_240_101,
        "compatibility": ">=:1.0,<:2.0",
        "plugin": { "name": "Generic", "type": "Secret", "description": "d" },
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = document();
    *document.pointer_mut(pointer).unwrap() = value;
    document
}

fn refused(document: &Value) -> MetadataError {
    let by_value = PluginMetadata::from_value(document).unwrap_err();
    let by_text = PluginMetadata::from_json(&document.to_string()).unwrap_err();
    assert_eq!(by_value, by_text);
    by_text
}

#[test]
fn both_ways() {
    let metadata = PluginMetadata::from_value(&document()).unwrap();
    assert_eq!(metadata.version(), &Version::new(1, 0, 0));
    assert_eq!(metadata.name(), "Generic");
    assert_eq!(metadata.kind(), PluginKind::Secret);
    assert_eq!(metadata.author(), "A <a@example.org>");
    assert_eq!(metadata.updated().to_string(), "2024-01-01");
    assert_eq!(metadata.compatibility().to_string(), ">=:1.0,<:2.0");
    assert_eq!(metadata.description(), "d");
    assert_eq!(serde_json::from_str::<Value>(&metadata.to_json()).unwrap(), document());
    assert_eq!(serde_json::from_value::<PluginMetadata>(document()).unwrap(), metadata);
    for kind in PluginKind::ALL {
        let read = PluginMetadata::from_value(&with("/plugin/type", json!(kind.as_str()))).unwrap();
        assert_eq!(read.kind(), kind);
    }
    assert!(PluginMetadata::from_value(&with("/author", json!("\u{dc}n\u{ef} <\u{fc}@x>"))).is_ok());
    assert!(PluginMetadata::from_value(&with("/plugin/description", json!(""))).is_ok());
}

#[test]
fn every_field_is_needed() {
    for field in FIELDS {
        let mut document = document();
        let (object, key) = match field.path().split_once('.') {
            Some((object, key)) => (&mut document[object], key),
            None => (&mut document, field.path()),
        };
        object.as_object_mut().unwrap().remove(key).unwrap();
        assert_eq!(refused(&document), MetadataError::Missing { field });
    }
}

#[test]
fn every_field_has_its_type() {
    let wrong = [
        (json!(null), "null"),
        (json!(true), "a boolean"),
        (json!(7), "an integer"),
        (json!(-7), "an integer"),
        (json!(1.5), "a number with a fraction"),
        (json!("x"), "a text"),
        (json!([1, "a"]), "a list"),
        (json!({ "a": [{}] }), "an object"),
    ];
    for field in FIELDS {
        let expected = match field {
            MetadataField::Updated => "an integer",
            MetadataField::Plugin => "an object",
            _ => "a text",
        };
        let pointer = format!("/{}", field.path().replace('.', "/"));
        for (value, found) in wrong.iter().filter(|(_, found)| *found != expected) {
            let error = refused(&with(&pointer, value.clone()));
            assert_eq!(error, MetadataError::WrongType { field, expected, found });
        }
    }
    for (value, found) in wrong.iter().filter(|(_, found)| *found != "an object") {
        let field = MetadataField::Document;
        assert_eq!(refused(value), MetadataError::WrongType { field, expected: "an object", found });
    }
}

#[test]
fn every_text_has_its_form() {
    let malformed = |at, expected| ParseError { at, expected };
    assert_eq!(
        refused(&with("/version", json!("banana"))),
        MetadataError::Version(malformed(0, Expected::Number))
    );
    assert_eq!(
        refused(&with("/version", json!("1.0.0.0"))),
        MetadataError::Version(malformed(5, Expected::End))
    );
    assert_eq!(
        refused(&with("/compatibility", json!(">=1.0"))),
        MetadataError::Compatibility(malformed(2, Expected::Colon))
    );
    for author in ["", "someone", "A <a>"] {
        let error = refused(&with("/author", json!(author)));
        assert!(matches!(error, MetadataError::Malformed { field: MetadataField::Author, .. }), "{error}");
    }
    for name in ["", "a\nb"] {
        let error = refused(&with("/plugin/name", json!(name)));
        assert!(matches!(error, MetadataError::Malformed { field: MetadataField::Name, .. }), "{error}");
    }
    for kind in ["secret", "", "Connector", "Access", "Action"] {
        assert_eq!(refused(&with("/plugin/type", json!(kind))), MetadataError::UnknownKind);
    }
    for number in [json!(0), json!(-5), json!(20_241_399), json!(20_230_229), json!(u64::MAX)] {
        let MetadataError::NotADate { found } = refused(&with("/updated", number.clone())) else { panic!() };
        assert_eq!(Value::Number(found), number);
    }
}

#[test]
fn a_plugin_must_be_able_to_read_what_it_writes() {
    for version in ["3.0.0", "2.0.0", "1.0.0-rc.1", "0.9"] {
        let error = refused(&with("/version", json!(version)));
        let compatibility = ">=:1.0,<:2.0".parse().unwrap();
        assert_eq!(
            error,
            MetadataError::OutsideOwnRange { version: version.parse().unwrap(), compatibility }
        );
    }
    let error = refused(&with("/compatibility", json!(">=:2.0,<:1.0")));
    assert_eq!(error, MetadataError::Unsatisfiable { compatibility: ">=:2.0,<:1.0".parse().unwrap() });
}

#[test]
fn unknown_keys_are_named_with_their_neighbour() {
    let mut wrong = document();
    wrong["plugin"]["descripton"] = json!("typo");
    assert_eq!(
        refused(&wrong).to_string(),
        "metadata: unknown key `plugin.descripton`; did you mean `description`?"
    );
    let mut wrong = document();
    wrong["name"] = json!("Shadow");
    assert!(matches!(refused(&wrong), MetadataError::UnknownKey { key, .. } if key == "name"));
    let mut wrong = document();
    wrong[&"\u{e4}".repeat(1000)] = json!(1);
    assert!(refused(&wrong).to_string().len() < 250);
}

#[test]
fn a_key_stands_once() {
    let twice = document().to_string().replacen("{\"author\"", "{\"version\":\"9\",\"author\"", 1);
    assert_eq!(
        PluginMetadata::from_json(&twice),
        Err(MetadataError::Duplicate { key: "version".to_owned() })
    );
    let twice = document().to_string().replacen("\"name\":", "\"type\":\"Issuer\",\"name\":", 1);
    assert_eq!(
        PluginMetadata::from_json(&twice),
        Err(MetadataError::Duplicate { key: "plugin.type".to_owned() })
    );
    assert_eq!(
        PluginMetadata::from_json("{\"version\":\n \"1.0\" x}"),
        Err(MetadataError::NotJson { line: 2, column: 8 })
    );
}

#[test]
fn the_stamp_is_compared_with_the_running_plugin() {
    let running = PluginMetadata::from_value(&document()).unwrap();
    let stamp = running.written_by();
    assert_eq!(running.check(&stamp), Ok(()));
    assert_eq!(
        serde_json::to_value(&stamp).unwrap(),
        json!({"name": "Generic", "type": "Secret", "version": "1.0.0"})
    );
    assert_eq!(serde_json::from_value::<WrittenBy>(serde_json::to_value(&stamp).unwrap()).unwrap(), stamp);
    assert!(
        serde_json::from_value::<WrittenBy>(json!({"name": "G", "type": "Secret", "version": "1.", }))
            .is_err()
    );

    let newer = WrittenBy { version: "1.9".parse().unwrap(), ..stamp.clone() };
    assert_eq!(running.check(&newer), Ok(()));
    let too_new = WrittenBy { version: "2.0.0".parse().unwrap(), ..stamp.clone() };
    let error = running.check(&too_new).unwrap_err();
    assert_eq!(error.reason(), IncompatibleReason::Version);
    assert_eq!((error.running(), error.written()), (&stamp, &too_new));
    assert_eq!(PluginError::kind(&error).code(), "incompatible");
    let text = error.to_string();
    for part in ["\"Generic\" (Secret) 2.0.0", "\"Generic\" (Secret) 1.0.0", ">=:1.0,<:2.0"] {
        assert!(text.contains(part), "{text}");
    }

    let other = WrittenBy { plugin_name: "PassDB".to_owned(), ..stamp.clone() };
    assert_eq!(running.check(&other).unwrap_err().reason(), IncompatibleReason::OtherName);
    let other = WrittenBy { kind: PluginKind::Issuer, ..stamp };
    let error = running.check(&other).unwrap_err();
    assert_eq!(error.reason(), IncompatibleReason::OtherKind);
    assert!(error.to_string().contains("(Issuer)"), "{error}");
}

proptest! {
    /// Checks that any JSON text gives either metadata or a typed error, and that metadata is written as it was read.
    #[test]
    fn any_json_is_read_or_refused(
        path in prop::sample::select(vec!["/version", "/author", "/updated", "/compatibility", "/plugin",
            "/plugin/name", "/plugin/type", "/plugin/description"]),
        value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
            (19_990_101_u32..20_300_101).prop_map(Value::from), any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from), "[<>=!]=?:[0-2](\\.[0-2]){0,2}".prop_map(Value::from),
            "[A-Z][a-z]{0,4} <[a-z]@[a-z]>".prop_map(Value::from), "[0-2](\\.[0-2]){0,2}".prop_map(Value::from),
        ],
    ) {
        let document = with(path, value);
        if let Ok(metadata) = PluginMetadata::from_json(&document.to_string()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&metadata.to_json()).unwrap(), document);
            prop_assert!(metadata.check(&metadata.written_by()).is_ok());
        }
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,40}") {
        prop_assert!(PluginMetadata::from_json(&text).is_err());
    }
}
