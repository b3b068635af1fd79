use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::PluginError;

#[derive(Debug, PartialEq, Deserialize, Serialize, Default)]
#[serde(deny_unknown_fields)]
struct Whole {
    path: String,
    #[serde(default)]
    page_size: Option<u32>,
    #[serde(default)]
    hosts: Vec<Host>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    labels: BTreeMap<String, f64>,
    #[serde(default)]
    pair: Option<(i8, char)>,
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Host {
    name: Name,
    #[serde(default)]
    port: u16,
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;

    /// Refuses some names with an error that repeats the name or a part of it, as a careless plugin might do.
    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "" => Err("a host needs a name".to_owned()),
            text if text.contains(' ') => Err(format!("{text} is not a host name")),
            text if text.len() > 10 => Err(format!("the name ends wrongly: {}", &text[4..])),
            _ => Ok(Self(name)),
        }
    }
}

#[derive(Debug, PartialEq, Deserialize, Serialize, Default)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Plain,
    Sized(u32),
    Both(u8, u8),
    Named {
        size: u32,
    },
}

fn refused(value: &Value) -> ConfigurationError {
    read_configuration::<Whole>(&value.clone().into()).unwrap_err()
}

fn text(value: &Value) -> String {
    refused(value).to_string()
}

#[test]
fn a_setting_among_the_keys_is_named_as_one() {
    let settings = configuration_keys::<Whole>();
    assert!(!settings.is_empty());
    let given = json!({ settings[0]: 1, });
    let unknown = read_configuration::<NoConfiguration>(&given.into()).unwrap_err();
    assert_eq!(unknown.clone().or_setting(["another"]), unknown);
    assert_eq!(
        unknown.or_setting(settings.iter().copied()).to_string(),
        format!(
            "configuration: `{}` is a setting, which `configure` changes: leave it out here",
            settings[0]
        )
    );
    assert!(configuration_keys::<String>().is_empty());
}

#[test]
fn a_configuration_that_serde_reads_is_read() {
    let value = json!({
        "path": "/p", "page_size": 7, "hosts": [{"name": "a", "port": 80}, {"name": "b"}],
        "mode": {"named": {"size": 3}}, "labels": {"x": 1, "y": -2.5}, "pair": [-3, "c"],
    });
    assert_eq!(
        read_configuration::<Whole>(&value.clone().into()).unwrap(),
        serde_json::from_value(value).unwrap()
    );
    for mode in [json!("plain"), json!({"sized": 3}), json!({"both": [1, 2]}), json!({"plain": null})] {
        let value = json!({"path": "", "mode": mode});
        assert_eq!(
            read_configuration::<Whole>(&value.clone().into()).unwrap(),
            serde_json::from_value(value).unwrap()
        );
    }
    let value = json!({"path": "", "page_size": null});
    assert_eq!(read_configuration::<Whole>(&value.clone().into()).unwrap(), Whole::default());
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let error = refused(&json!({"path": "/p", "page_sise": 3}));
    assert_eq!(error.path(), "page_sise");
    assert!(matches!(error.problem(), ConfigurationProblem::UnknownKey { nearest: Some("page_size"), .. }));
    assert_eq!(error.kind().code(), "invalid");
    assert_eq!(
        text(&json!({"path": "/p", "hosts": [{"name": "a"}, {"name": "b", "prt": 1}]})),
        "configuration: unknown key `hosts[1].prt`; did you mean `port`?"
    );
    assert_eq!(
        text(&json!({"path": "/p", "hosts": [{"name": "a", "zzzz": 1}]})),
        "configuration: unknown key `hosts[0].zzzz`; known are `name`, `port`"
    );
}

#[test]
fn a_missing_key_and_a_wrong_type_say_where() {
    assert_eq!(text(&json!({})), "configuration: the key `path` is missing");
    assert_eq!(
        text(&json!({"path": "", "hosts": [{"port": 1}]})),
        "configuration: the key `hosts[0].name` is missing"
    );
    assert_eq!(text(&json!({"path": 7})), "configuration: `path` must be a string, but is an integer");
    assert_eq!(text(&json!({"path": null})), "configuration: `path` must be a string, but is null");
    assert_eq!(
        text(&json!({"path": "", "hosts": [{"name": "a", "port": "80"}]})),
        "configuration: `hosts[0].port` must be u16, but is a text"
    );
    assert_eq!(
        text(&json!({"path": "", "labels": {"x": []}})),
        "configuration: `labels.x` must be f64, but is a list"
    );
    assert_eq!(text(&json!("x")), "configuration: `the whole` must be struct Whole, but is a text");
    assert_eq!(
        text(&json!({"path": "", "mode": "plian"})),
        "configuration: `mode` is no choice of the plugin's; known are `plain`, `sized`, `both`, `named`"
    );
    assert_eq!(
        text(&json!({"path": "", "mode": {"named": {"size": true}}})),
        "configuration: `mode.named.size` must be u32, but is a boolean"
    );
    assert!(text(&json!({"path": "", "mode": "sized"})).contains("this choice needs a value"));
    assert!(text(&json!({"path": "", "mode": {"plain": 1}})).contains("this choice takes no value"));
    assert!(text(&json!({"path": "", "mode": {"sized": 1, "plain": 2}})).contains("an object with one key"));
    assert!(text(&json!({"path": "", "pair": [1]})).contains("`pair`"));
    assert!(text(&json!({"path": "", "pair": [1, "c", 3]})).contains("at most 2 elements"));
}

#[test]
fn a_list_is_no_structure() {
    read_configuration::<NoConfiguration>(&json!({}).into()).unwrap();
    assert!(read_configuration::<NoConfiguration>(&json!({ "a": 1 }).into()).is_err());
    for value in [json!([]), json!(null), json!("")] {
        let error = read_configuration::<NoConfiguration>(&value.into()).unwrap_err();
        assert!(matches!(error.problem(), ConfigurationProblem::WrongType { .. }), "{error}");
    }
}

#[test]
fn a_reason_that_repeats_the_value_is_dropped() {
    let host = |name: &str| json!({"path": "", "hosts": [{"name": name}]});
    assert_eq!(
        text(&host("")),
        "configuration: the plugin does not accept the value of `hosts[0].name`: a host needs a name"
    );
    for name in ["s e", "hunter2 hunter2", "xxxxhunter2hunter2"] {
        assert_eq!(
            text(&host(name)),
            "configuration: the plugin does not accept the value of `hosts[0].name`",
            "{name}"
        );
    }
    assert!(!text(&json!({"path": "", "page_size": 1_234_567_890_123_u64})).contains("1234567890123"));
    assert!(!text(&json!({"path": "", "hosts": [{"name": "a", "port": 70_123}]})).contains("70123"));
}

#[cfg(feature = "schemars")]
#[test]
fn the_schema_says_what_is_known() {
    #[derive(schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Small {
        path: String,
    }
    let schema = configuration_schema::<Small>();
    assert_eq!(schema["properties"]["path"]["type"], "string");
    assert_eq!(schema["required"], json!(["path"]));
    assert_eq!(schema["additionalProperties"], json!(false));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!("plain")),
        "SECRET[a-z]{6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop::sample::select(vec![
            "path",
            "page_size",
            "hosts",
            "name",
            "port",
            "mode",
            "labels",
            "pair",
            "sized",
            "named",
            "size",
            "other",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn has_list(value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(map) => map.values().any(has_list),
        _ => false,
    }
}

proptest! {
    /// Checks that the result is the same as that of `serde_json`'s own reader, and that no error shows a value.
    #[test]
    fn agrees_with_serde_json_and_shows_no_value(value in any_value(), path in any::<bool>()) {
        let mut value = value;
        if let (true, Some(map)) = (path, value.as_object_mut()) {
            map.insert("path".to_owned(), json!("p"));
        }
        match (read_configuration::<Whole>(&value.clone().into()), serde_json::from_value::<Whole>(value.clone())) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(error), Err(_)) => {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains("SECRET"), "{}", shown);
            }
            // This difference is intended: only `serde_json` accepts a list for a structure.
            (Err(_), Ok(_)) if has_list(&value) => {}
            (ours, theirs) => prop_assert!(false, "{:?} {:?} {}", ours, theirs, value),
        }
    }
}
