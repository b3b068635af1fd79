//! Compares the plugin `convection-generic` with Convection's Generic plugin.

use keyway_core::{Integer, SecretValue, Structured, Table};
use keyway_seal::KeyRing;
use keyway_secrets::{Configure, ListQuery, NewSecret, SecretChange, SecretStore, StoreError};
use pollster::block_on;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::shared::{NEW, OLD, Shared, at};

/// Returns a value of each type that Python also has, and the extreme values of these types.
fn values() -> Vec<(&'static str, Structured)> {
    let integer = |text: &str| Structured::Integer(Integer::parse(text).unwrap());
    let float = |number: f64| Structured::Float(Zeroizing::new(number));
    let moment = |text: &str| Structured::DateTime(Zeroizing::new(text.to_owned()));
    let boolean = |truth: bool| Structured::Boolean(Zeroizing::new(truth));
    let mut inner = Table::new();
    inner.push_new("list", Structured::Array(vec![integer("1"), Structured::text("x"), boolean(true)]));
    inner.push_new("", integer("2"));
    inner.push_new("a.b \"c\" \n", Structured::Table(Table::new()));
    let mut table = Table::new();
    table.push_new("deep", Structured::Table(inner.clone()));
    table.push_new("after", Structured::text("scalar after a table"));
    vec![
        ("text", Structured::text("plain")),
        ("empty", Structured::text("")),
        (
            "odd text",
            Structured::text(
                "\0\u{1}\u{8}\t\n\r\u{c}\u{1b}\u{7f}\u{80}\u{2028}\u{feff}\"\\ '''\"\"\" #[x] ünïcödé 😀",
            ),
        ),
        ("windows", Structured::text("\r\n")),
        ("long", Structured::text("x".repeat(2_000))),
        ("looks like a number", Structured::text("1.0")),
        ("integer", integer("-42")),
        ("64 bits", integer("9223372036854775808")),
        ("big", integer(&"9".repeat(4300))),
        ("float", float(1.5)),
        ("whole float", float(3.0)),
        ("large float", float(1e300)),
        ("small float", float(5e-324)),
        ("minus zero", float(-0.0)),
        ("infinity", float(f64::INFINITY)),
        ("minus infinity", float(f64::NEG_INFINITY)),
        ("not a number", float(f64::NAN)),
        ("true", boolean(true)),
        ("date", moment("2024-02-29")),
        ("time", moment("23:59:59.000001")),
        ("moment", moment("2024-01-02T03:04:05+00:00")),
        ("moment elsewhere", moment("1999-12-31T23:59:59.123456-07:30")),
        ("local moment", moment("2024-01-02T03:04:05")),
        ("array", Structured::Array(vec![])),
        (
            "mixed array",
            Structured::Array(vec![Structured::Table(inner), Structured::Array(vec![float(0.1)])]),
        ),
        ("table", Structured::Table(table)),
        ("empty table", Structured::Table(Table::new())),
    ]
}

/// Converts a value to the typed form of the driver.
fn typed(value: &Structured) -> Value {
    match value {
        Structured::Text(text) => json!({ "text": text.as_str() }),
        Structured::Integer(integer) => json!({ "integer": integer.decimal() }),
        Structured::Float(number) if number.is_nan() => json!({ "float": "nan" }),
        Structured::Float(number) => json!({ "float": format!("{:016x}", number.to_bits()) }),
        Structured::Boolean(truth) => json!({ "boolean": **truth }),
        // TOML allows several spellings of a date and time, so the text is converted to Python's spelling.
        Structured::DateTime(text) => json!({ "moment": text.replace('Z', "+00:00").replace(' ', "T") }),
        Structured::Array(items) => json!({ "array": items.iter().map(typed).collect::<Vec<_>>() }),
        Structured::Table(table) => {
            let mut entries: Vec<_> = table.iter().map(|(name, value)| (name, typed(value))).collect();
            entries.sort_by_key(|(name, _)| *name);
            json!({ "table": entries })
        }
    }
}

fn create(store: &dyn SecretStore, name: &str, value: Structured) {
    block_on(store.create(NewSecret::new(at(name), SecretValue::Structured(value)))).unwrap();
}

/// Lists names in order, and typed values.
fn all_here(store: &dyn SecretStore) -> Vec<(String, Value)> {
    let page = block_on(store.list(&ListQuery::all().with_values().limit(1000))).unwrap();
    assert!(page.next.is_none());
    page.secrets
        .into_iter()
        .map(|secret| {
            let value = match secret.value.unwrap() {
                SecretValue::Structured(value) => value,
                text => Structured::text(text.expose_text().unwrap()),
            };
            (secret.header.address.name.as_str().to_owned(), typed(&value))
        })
        .collect()
}

#[test]
fn a_file_that_python_writes_opens_here() {
    let Some(shared) = Shared::generic("store files that Convection's plugin writes") else { return };
    let values = values();
    let mut steps = vec![json!(["initialize"])];
    steps.extend(values.iter().map(|(name, value)| json!(["create", name, typed(value)])));
    steps.push(json!(["info"]));
    let mut answers = shared.there(&OLD, &steps);
    let info = answers.pop().unwrap();
    assert!(answers.iter().all(|answer| answer.get("ok").is_some()), "{answers:?}");

    let store = shared.here(&OLD);
    let mut found = all_here(&*store);
    let mut expected: Vec<_> =
        values.iter().map(|(name, value)| ((*name).to_owned(), typed(value))).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, expected);

    let here = block_on(shared.here(&OLD).info()).unwrap();
    // Python counted the read by its own `info` only in memory, so the file lacks that read. Keyway's `info` also
    // counts as one read, so the numbers are equal.
    assert_eq!(json!(here.reads), info["ok"]["stats"]["reads"]);
    assert_eq!(json!(here.writes), info["ok"]["stats"]["writes"]);
    assert_eq!(json!(here.secrets.number), info["ok"]["stats"]["secret_count"]);
    assert_eq!(here.written_by.as_ref().unwrap().version.to_string(), "1.0.0");
    let settings = Structured::Table(block_on(store.configure(Configure::Read)).unwrap());
    assert_eq!(settings.to_json().unwrap(), json!({ "data": {} }));
}

#[test]
fn a_file_that_is_written_here_opens_in_python() {
    let Some(shared) = Shared::generic("store files that Keyway writes") else { return };
    let store = shared.here(&OLD);
    block_on(store.initialize()).unwrap();
    let values = values();
    for (name, value) in &values {
        create(&*store, name, value.clone());
    }
    let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let (list, answers) = shared.all_there(&OLD, &names);
    assert_eq!(list, names, "the order of creation, tables too");
    for ((name, value), answer) in values.iter().zip(answers) {
        assert_eq!(answer, json!({ "ok": typed(value) }), "{name}");
    }
}

#[test]
fn both_sides_take_turns() {
    let Some(shared) = Shared::generic("store files that Convection's plugin and Keyway write in turns")
    else {
        return;
    };
    let text = |text: &str| typed(&Structured::text(text));
    shared.there(&OLD, &[json!(["initialize"]), json!(["create", "a", text("1")])]);
    for turn in 0..3 {
        let store = shared.here(&OLD);
        create(&*store, &format!("here {turn}"), Structured::text("from here"));
        block_on(store.modify(&at("a"), SecretChange::value(SecretValue::text(format!("{turn}"))))).unwrap();
        let there = format!("there {turn}");
        let answers = shared.there(
            &OLD,
            &[
                json!(["get", "a"]),
                json!(["destroy", format!("here {turn}")]),
                json!(["create", there, text("from there")]),
            ],
        );
        assert_eq!(answers[0]["ok"], text(&format!("{turn}")));
        assert_eq!((&answers[1], &answers[2]), (&json!({ "ok": true }), &json!({ "ok": true })));
    }
    let expected: Vec<(String, Value)> = std::iter::once(("a".to_owned(), text("2")))
        .chain((0..3).map(|turn| (format!("there {turn}"), text("from there"))))
        .collect();
    assert_eq!(all_here(&*shared.here(&OLD)), expected);
    // Python accepts settings that Keyway wrote.
    let settings = Table::from_json(json!({ "data": { "k": [1] } }).as_object().unwrap()).unwrap();
    block_on(shared.here(&OLD).configure(Configure::Write(settings))).unwrap();
    let answers = shared.there(&OLD, &[json!(["list"]), json!(["configure"])]);
    assert_eq!(answers[1]["ok"], json!({ "data": { "k": [1] } }));
}

#[test]
fn after_a_rotation_here_python_reads_with_the_new_keys_alone() {
    let Some(shared) = Shared::generic("rotation of store files, read by Convection's plugin") else {
        return;
    };
    shared.there(&OLD, &[json!(["initialize"]), json!(["create", "a", { "integer": "7" }])]);
    let keys = KeyRing::parse(NEW).unwrap();
    block_on(shared.here(&OLD).rotate(&keys, &|_| {})).unwrap();
    let (list, answers) = shared.all_there(&NEW, &["a"]);
    assert_eq!((list, answers), (vec!["a".to_owned()], vec![json!({ "ok": { "integer": "7" } })]));
    assert_eq!(shared.there(&OLD, &[json!(["list"])]), [json!({ "error": "InvalidToken" })]);
    assert!(matches!(block_on(shared.here(&OLD).info()), Err(StoreError::WrongKey { .. })));
    assert!(shared.file().is_file());
}
