//! Tests the text of store files: accepted texts, refused texts, and writing a text that was read.

use keyway_core::{Integer, PluginKind, PluginMetadata, Structured, Table, Version, WrittenBy};
use keyway_secrets::Document;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;

fn metadata() -> PluginMetadata {
    PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A \"q\" <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Generic", "type": "Secret", "description": "A \\ B"}}"#,
    )
    .unwrap()
}

/// Returns a file as Python writes it, with `store` in the section `[store]`.
fn text(store: &str) -> String {
    format!(
        "[metadata]\nversion = \"1.0.0\"\ncompatibility = \"\"\nauthor = \"\"\nupdated = 1\n\n[metadata.plugin]\n\
         name = \"Generic\"\ntype = \"Secret\"\ndescription = \"d\"\n\n[config.data]\n\n[store]\n{store}\n\n\
         [stats]\nreads = 3\nwrites = 2\n"
    )
}

fn same(a: &Document, b: &Document) -> bool {
    let tables = [(&a.settings, &b.settings), (&a.secrets, &b.secrets), (&a.other, &b.other)];
    let same_tables =
        tables.iter().all(|(a, b)| Structured::Table((*a).clone()).same_as(&Structured::Table((*b).clone())));
    same_tables && a.written_by == b.written_by && (a.reads, a.writes) == (b.reads, b.writes)
}

fn any_structured() -> impl Strategy<Value = Structured> {
    let date_time = prop_oneof![
        Just("2024-02-29"),
        Just("23:59:59.999999"),
        Just("1979-05-27 07:32:00Z"),
        Just("1979-05-27T00:32:00.5-07:00"),
        Just("0001-01-01t00:00:00z"),
    ];
    let leaf = prop_oneof![
        any::<String>().prop_map(Structured::text),
        "[\\x00-\\x20\"\\\\#'=\\[\\]{}\\x7f]{0,8}".prop_map(Structured::text),
        "-?[0-9]{1,60}".prop_map(|text| Structured::Integer(Integer::parse(&text).unwrap())),
        any::<f64>().prop_map(|float| Structured::Float(Zeroizing::new(float))),
        prop::num::f64::ANY.prop_map(|float| Structured::Float(Zeroizing::new(float))),
        any::<bool>().prop_map(|truth| Structured::Boolean(Zeroizing::new(truth))),
        date_time.prop_map(|text| Structured::DateTime(Zeroizing::new(text.to_owned()))),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Structured::Array),
            any_table(inner).prop_map(Structured::Table),
        ]
    })
}

fn any_table(values: impl Strategy<Value = Structured>) -> impl Strategy<Value = Table> {
    prop::collection::vec((prop_oneof![any::<String>(), "[a-z.\" ]{0,3}"], values), 0..6).prop_map(
        |entries| {
            let mut table = Table::new();
            for (name, value) in entries {
                table.insert(name, value);
            }
            table
        },
    )
}

fn any_document() -> impl Strategy<Value = Document> {
    let tables = (any_table(any_structured()), any_table(any_structured()), any_table(any_structured()));
    (tables, any::<(i64, i64, u64, u64)>()).prop_map(|((settings, secrets, mut other), numbers)| {
        let (reads, writes, minor, patch) = numbers;
        for taken in [METADATA, CONFIG, STORE, STATS] {
            other.remove(taken);
        }
        if minor % 2 == 0 {
            let mut unknown = Table::new();
            unknown.insert("peak", Structured::text("x"));
            other.insert(STATS, Structured::Table(unknown));
        }
        let version = Version::new(1, minor, patch);
        let written_by = WrittenBy { plugin_name: "Generic".to_owned(), kind: PluginKind::Secret, version };
        Document { written_by, settings, secrets, reads, writes, other }
    })
}

proptest! {
    #[test]
    fn a_printed_file_is_read(document in any_document()) {
        let text = print(&document, &metadata()).unwrap();
        prop_assert_eq!(text.capacity(), text.len(), "the buffer never grew");
        let back = parse(&text).unwrap();
        prop_assert!(same(&document, &back), "{}", text.as_str());
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn any_damage_is_read_or_refused_in_place(
        document in any_document(),
        at in any::<prop::sample::Index>(),
        put in any::<char>(),
    ) {
        let whole = print(&document, &metadata()).unwrap();
        let at = (0..=at.index(whole.len() + 1)).rev().find(|at| whole.is_char_boundary(*at)).unwrap();
        let (before, after) = whole.split_at(at);
        for text in [before.to_owned(), format!("{before}{put}{after}"), after.to_owned()] {
            match parse(&text) {
                // A document that can be read can be written again.
                Ok(document) => {
                    let printed = print(&document, &metadata()).unwrap();
                    prop_assert!(same(&document, &parse(&printed).unwrap()));
                }
                Err(error) => prop_assert!(error.line() <= text.split('\n').count()),
            }
        }
    }

    #[test]
    fn a_storable_value_comes_back(value in any_structured(), deeper in 0..80_usize) {
        let mut value = value;
        for level in 0..deeper {
            value = if level % 2 == 0 {
                Structured::Array(vec![value])
            } else {
                let mut table = Table::new();
                table.insert("k", value);
                Structured::Table(table)
            };
        }
        let storable = check_value(&value).is_ok();
        let mut document = parse(&text("")).unwrap();
        document.secrets.insert("s", value.clone());
        match print(&document, &metadata()) {
            Ok(text) => {
                prop_assert!(storable);
                prop_assert!(parse(&text).unwrap().secrets.get("s").unwrap().same_as(&value));
            }
            Err(error) => prop_assert!(error == Unstorable::TooDeep && !storable),
        }
    }
}

#[test]
fn every_spelling_of_toml_is_read() {
    let document = parse(&text(
        "h = 0xff\no = 0o17\nb = 0b101\nu = 1_000\nbig = -123456789012345678901234567890\nhuge = 0xffffffffffffffffffffff\n\
         i = inf\nn = -nan\nf = 6.02e23\nlit = 'a\\n'\nmulti = \"\"\"\nx\ny\"\"\"\na.b = 1\na.c = 2\n\
         d = 2024-01-02 03:04:05.1234567Z # said so\nl = [\n  1, # one\n  [2],\n]\n[store.\"t t\".x]\ny = true",
    ))
    .unwrap();
    let integer = |name: &str| match document.secrets.get(name) {
        Some(Structured::Integer(integer)) => integer.decimal().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        ["h", "o", "b", "u", "big", "huge"].map(integer),
        ["255", "15", "5", "1000", "-123456789012345678901234567890", "309485009821345068724781055"]
    );
    let is = |name: &str, value: Structured| {
        assert!(document.secrets.get(name).unwrap().same_as(&value), "{name}");
    };
    is("i", Structured::Float(Zeroizing::new(f64::INFINITY)));
    is("n", Structured::Float(Zeroizing::new(f64::NAN)));
    is("f", Structured::Float(Zeroizing::new(6.02e23)));
    is("lit", Structured::text("a\\n"));
    is("multi", Structured::text("x\ny"));
    is("d", Structured::DateTime("2024-01-02 03:04:05.1234567Z".to_owned().into()));
    assert_eq!(
        document.secrets.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["h", "o", "b", "u", "big", "huge", "i", "n", "f", "lit", "multi", "a", "d", "l", "t t"]
    );
    assert_eq!((document.reads, document.writes), (3, 2));
}

#[test]
fn a_fault_is_reported_with_its_place() {
    let whole = text("a = 1");
    let deep = |levels: usize| text(&format!("a = {}{}", "[".repeat(levels), "]".repeat(levels)));
    let cases = [
        (String::new(), "line 1, column 1: `metadata` is missing"),
        (whole.replace("[metadata", "[metadatb"), "`metadata` is missing"),
        (whole.replace("version = \"1.0.0\"\n", ""), "line 1, column 1: `metadata.version` is missing"),
        (
            whole.replace("version = \"1.0.0\"", "version = 1"),
            "line 2, column 11: `metadata.version` must be a text",
        ),
        (whole.replace("\"1.0.0\"", "\"1.0-beta\""), "line 2, column 11: `metadata.version`"),
        (whole.replace("name = \"Generic\"\n", ""), "`metadata.plugin.name` is missing"),
        (
            whole.replace("\"Secret\"", "\"Access\""),
            "line 9, column 8: `metadata.plugin.type` is not a type of plugin",
        ),
        (whole.replace("[store]", "[shop]"), "`store` is missing"),
        (whole.replace("[config.data]", "[conf]"), "`config` is missing"),
        (
            whole.replace("[config.data]", "").replace("[metadata]", "config = 1\n[metadata]"),
            "`config` must be a table",
        ),
        (whole.replace("reads = 3", "reads = \"x\""), "`stats.reads` must be an integer of at most 64 bits"),
        (whole.replace("reads = 3", "reads = 9223372036854775808"), "`stats.reads` must be"),
        (whole.replace("writes = 2", ""), "`stats.writes` is missing"),
        (text("a = needle"), "line 15, column 5: not TOML"),
        (text("a = \"needle"), "not TOML"),
        (text("a = 0x"), "line 15, column 5: not TOML: an integer without digits"),
        (text("a = 07:32"), "line 15, column 5: not TOML: a date or time"),
        (text("a = [0000-01-01]"), "line 15, column 6: not TOML: a date or time"),
        (text("a = 23:59:60"), "line 15, column 5: not TOML: a date or time"),
        (text("a = 2024-02-30"), "line 15, column 5: not TOML: a date or time"),
        (text("needle = 1\nneedle = 2"), "line 16, column 1: not TOML"),
        (text("a = \"x\"\na.b = 1"), "line 16, column 1: not TOML: cannot extend a value with a dotted key"),
        (text("a = \n"), "line 15, column 5: not TOML"),
        (format!("\u{feff}{whole}"), "line 1, column 1: not TOML: it begins with a byte order mark"),
        (format!("{{{whole}"), "line 1, column 1: not TOML"),
        (deep(MAX_DEPTH + 1), "nested deeper than 64 levels"),
        (deep(100_000), "not TOML"),
        (text(&format!("a = 1\n[store{}]\nx = 1", ".k".repeat(70))), "nested deeper"),
        (text(&format!("a = {}", "7".repeat(MAX_INTEGER_DIGITS + 1))), "more than 4300 digits"),
    ];
    for (text, says) in cases {
        let error = parse(&text).expect_err(says);
        let shown = error.to_string();
        assert!(shown.contains(says), "{shown}: expected {says}");
        assert!(!format!("{shown} {error:?}").contains("needle"), "{error:?}");
    }
    assert!(parse(&deep(MAX_DEPTH - 1)).is_ok());
}

#[test]
fn the_writer_is_known_even_when_the_rest_is_not_understood() {
    let error = parse(&text("").replace("[store]", "[shop]").replace("\"1.0.0\"", "\"7.1\"")).unwrap_err();
    let written_by = error.written_by().unwrap();
    assert_eq!(
        (written_by.plugin_name.as_str(), written_by.version.to_string().as_str()),
        ("Generic", "7.1")
    );
    assert!(parse(&text("").replace("\"1.0.0\"", "\"x\"")).unwrap_err().written_by().is_none());
}

/// Tests values that a later version of TOML or of the plugin may allow.
#[test]
fn the_writer_is_known_even_when_a_value_is_not_understood() {
    let version = |text: &str| text.replace("\"1.0.0\"", "\"7.1\"");
    let values =
        ["07:32", "needle", "\"needle", "\"\"\"needle", "\"\\q\"", "[1, {a = 0x}]", "2024-02-30", ".5"];
    let stored = values.map(|value| text(&format!("a = {value}")));
    for text in stored.iter().chain([&text("").replace("updated = 1", "updated = 07:32")]) {
        let error = parse(&version(text)).unwrap_err();
        let written_by = error.written_by().unwrap_or_else(|| panic!("{text}: {error}"));
        assert_eq!(written_by.version.to_string(), "7.1");
        assert!(matches!(error.problem(), Problem::Toml { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("needle"), "{error:?}");
    }
}

#[test]
fn an_unknown_part_never_takes_the_place_of_a_known_one() {
    for (name, inside) in [(METADATA, "x"), (CONFIG, "x"), (STORE, "x"), (STATS, "reads"), (STATS, "writes")]
    {
        let mut document = parse(&text("")).unwrap();
        let mut unknown = Table::new();
        unknown.insert(inside, Structured::text("x"));
        document.other.insert(name, Structured::Table(unknown));
        assert_eq!(print(&document, &metadata()).unwrap_err(), Unstorable::NameTaken, "{name}");
    }
}

/// Tests that a duplicate name is refused, even if only one of the two is written with escapes.
///
/// See decision H75.
#[test]
fn no_name_stands_twice() {
    let file = text("");
    for (once, twice) in [
        ("[store]\n", "[store]\nx = \"1\"\nx = \"2\"\n"),
        ("[store]\n", "[store]\nx = \"a\\n\"\n\"\\u0078\" = \"b\\n\"\n"),
        ("[store]\n", "[store]\nx.y = 1\nx.y = 2\n"),
        ("[store]\n", "[store]\nx = {y = 1, y = 2}\n"),
        ("[store]\n", "[store]\n[store]\n"),
        ("version = ", "version = \"0.9\"\nversion = "),
        ("reads = ", "reads = 7\nreads = "),
    ] {
        let changed = file.replacen(once, twice, 1);
        assert_ne!(changed, file, "{once:?}");
        let error = parse(&changed).expect_err(twice);
        assert!(error.to_string().contains("duplicate"), "{twice:?}: {error}");
    }
}
