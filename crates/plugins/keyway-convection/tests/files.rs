//! Tests stores on real files: the written content, refused files, and files that must not be changed.

mod support;

use std::fs;

use keyway_core::{ErrorKind, PluginError, SecretValue, Structured, Table};
use keyway_secrets::{Configure, NewSecret, SecretChange, StoreError};
use pollster::block_on;
use support::*;

/// Returns the text of a file in the form in which the Python plugin writes it, with `store` in the section `[store]`.
fn text(version: &str, store: &str) -> String {
    format!(
        "[metadata]\nversion = \"{version}\"\ncompatibility = \">=:1.0,<:2.0\"\nauthor = \"A <a@example.org>\"\n\
         updated = 20240101\n\n[metadata.plugin]\nname = \"Generic\"\ntype = \"Secret\"\ndescription = \"d\"\n\n\
         [config.data]\n\n[store]\n{store}\n[stats]\nreads = 3\nwrites = 2\n"
    )
}

#[test]
fn a_new_store_is_one_file_for_its_owner_only() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(5);
    let store = open(root.path(), &keys);
    assert!(matches!(names(&*store), Err(StoreError::NotInitialized)));
    assert!(matches!(create(&*store, "a", "1"), Err(StoreError::NotInitialized)));
    assert!(files_in(root.path()).is_empty(), "nothing is made before initialize");

    block_on(store.initialize()).unwrap();
    let file = root.path().join("secrets/s");
    assert!(matches!(block_on(store.initialize()), Err(StoreError::AlreadyInitialized)));
    let text = text_of(&file, &keys);
    assert!(text.ends_with("[stats]\nreads = 1\nwrites = 1\n"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    }

    create(&*store, "a", "1").unwrap();
    let again = open(root.path(), &keys);
    assert_eq!(get(&*again, "a").unwrap(), "1");
    assert_eq!(files_in(&root.path().join("secrets")), [".s.keyway-lock", "s"]);

    block_on(again.marked_for_delete()).unwrap();
    block_on(again.marked_for_delete()).unwrap();
    assert!(files_in(&root.path().join("secrets")).is_empty());
    assert!(matches!(get(&*again, "a"), Err(StoreError::Deleted)));
    assert!(matches!(get(&*store, "a"), Err(StoreError::NotInitialized)));
    block_on(store.marked_for_delete()).unwrap();
}

#[test]
fn damage_of_each_kind_is_told_apart_and_left_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(2);
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    create(&*store, "a", "needle").unwrap();
    let file = root.path().join("secrets/s");
    let good = fs::read(&file).unwrap();

    let mut flipped = good.clone();
    flipped[40] = if flipped[40] == b'A' { b'B' } else { b'A' };
    let sealed = |text: &[u8]| keys.seal(text).unwrap().into_bytes();
    let cases: [(&str, Vec<u8>, ErrorKind, &str); 11] = [
        ("empty", Vec::new(), ErrorKind::Corrupt, "empty"),
        ("cut off", good[..good.len() - 1].to_vec(), ErrorKind::Corrupt, "padding"),
        ("cut off early", good[..60].to_vec(), ErrorKind::Corrupt, "more text"),
        ("flipped", flipped, ErrorKind::WrongKey, "none of the keys"),
        ("foreign", b"\x7fELF\0\0".to_vec(), ErrorKind::Corrupt, "at byte 0"),
        ("white space alone", b" \r\n".to_vec(), ErrorKind::Corrupt, "empty"),
        ("white space inside", [&good[..40], b"\n", &good[40..]].concat(), ErrorKind::Corrupt, "at byte 40"),
        ("a line after it", [&good[..], b"\nx"].concat(), ErrorKind::Corrupt, "damaged"),
        ("other keys", ring(1).seal(b"x").unwrap().into_bytes(), ErrorKind::WrongKey, "none of the keys"),
        ("no text", sealed(b"\xff"), ErrorKind::Corrupt, "UTF-8"),
        ("no TOML", sealed(b"a = needle"), ErrorKind::Corrupt, "line 1, column 5"),
    ];
    for (what, content, kind, says) in cases {
        fs::write(&file, &content).unwrap();
        let outcomes = [
            names(&*store).map(|_| ()),
            create(&*store, "b", "1"),
            block_on(store.rotate(&ring(1), &|_| {})),
            block_on(store.configure(Configure::Write(Table::new()))).map(|_| ()),
            block_on(store.info()).map(|_| ()),
            block_on(store.written_by()).map(|_| ()),
            block_on(store.initialize()),
            block_on(store.marked_for_delete()),
        ];
        for outcome in outcomes {
            let error = outcome.expect_err(what);
            assert_eq!(error.kind(), kind, "{what}: {error}");
            assert!(error.to_string().contains(says), "{what}: {error}");
            assert!(!format!("{error} {error:?}").contains("needle"), "{what}: {error:?}");
        }
        assert_eq!(fs::read(&file).unwrap(), content, "{what}");
    }
    fs::write(&file, &good).unwrap();
    assert_eq!(get(&*store, "a").unwrap(), "needle", "the handle is none the worse");
}

/// Tests white space around the token: an editor or `echo` leaves a line end, and the real plugin
/// opens such a file.
#[test]
fn white_space_around_the_token_is_no_damage() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(2);
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    create(&*store, "a", "1").unwrap();
    let file = root.path().join("secrets/s");
    for (before, after) in [("", "\n"), ("", "\r\n"), ("\n", ""), (" \t\x0b\x0c\r\n", "\n \t\x0b\x0c\r\n")] {
        let good = fs::read(&file).unwrap();
        fs::write(&file, [before.as_bytes(), &good, after.as_bytes()].concat()).unwrap();
        assert_eq!(get(&*open(root.path(), &keys), "a").expect("it opens"), "1", "{before:?} {after:?}");
        let change = SecretChange::value(SecretValue::text("1"));
        block_on(store.modify(&at("a"), change)).unwrap();
        let written = fs::read(&file).unwrap();
        assert!(!written.iter().any(u8::is_ascii_whitespace), "the next write leaves it out");
    }
}

/// Tests a sparse file of three gibibytes.
#[test]
fn a_file_of_any_length_is_refused_before_it_is_read() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    let file = root.path().join("secrets/s");
    fs::File::create(&file).unwrap().set_len(3 << 30).unwrap();
    for outcome in [
        names(&*store).map(|_| ()),
        create(&*store, "b", "1"),
        block_on(store.initialize()),
        block_on(store.marked_for_delete()),
    ] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { bytes: 0xc000_0000, .. }), "{error:?}");
    }
}

#[test]
fn another_version_or_plugin_is_refused_and_its_file_left_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let file = root.path().join("secrets/s");
    let store = open(root.path(), &keys);
    let other_name = text("1.0.0", "").replace("\"Generic\"", "\"PassDB\"");
    let other_type = text("1.0.0", "").replace("\"Secret\"", "\"Issuer\"");
    // This file has only the section `metadata`, with an unknown entry `store`. Another version may use such a form, so
    // the plugin must refuse the version, and not report the missing sections.
    let other_form =
        "[metadata]\nversion = \"3.0.0\"\nplugin = {name = \"Generic\", type = \"Secret\"}\nstore = 1\n";
    for content in [
        text("2.0.0", "a = 1"),
        // TOML 1.1 allows a time without seconds.
        text("2.0.0", "a = 07:32"),
        text("0.9", ""),
        text("2.0.0-rc.1", ""),
        other_name,
        other_type,
        other_form.to_owned(),
    ] {
        put_text(&file, &keys, &content);
        let before = fs::read(&file).unwrap();
        for outcome in [
            names(&*store).map(|_| ()),
            create(&*store, "b", "1"),
            block_on(store.destroy(&at("a"), None)),
            block_on(store.rotate(&ring(1), &|_| {})),
            block_on(store.info()).map(|_| ()),
            block_on(store.marked_for_delete()),
        ] {
            assert!(matches!(outcome, Err(StoreError::Incompatible(_))), "{outcome:?}: {content}");
        }
        assert!(block_on(store.written_by()).unwrap().is_some());
        assert!(matches!(block_on(store.initialize()), Err(StoreError::AlreadyInitialized)));
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[test]
fn the_version_that_wrote_last_is_never_lowered() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let file = root.path().join("secrets/s");
    for (stored, after) in [("1.7.2", "1.7.2"), ("1.0", "1.0.0"), ("1.0.0", "1.0.0")] {
        put_text(&file, &keys, &text(stored, ""));
        let store = open(root.path(), &keys);
        create(&*store, "a", "1").unwrap();
        let written = text_of(&file, &keys);
        assert!(written.starts_with(&format!("[metadata]\nversion = \"{after}\"\n")), "{written}");
    }
}

#[test]
fn values_that_the_file_cannot_hold_touch_nothing() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    create(&*store, "keep", "1").unwrap();
    let before = fs::read(root.path().join("secrets/s")).unwrap();

    let mut deep = Structured::text("x");
    for _ in 0..=keyway_convection::format::MAX_DEPTH {
        deep = Structured::Array(vec![deep]);
    }
    let date = |text: &str| Structured::Array(vec![Structured::DateTime(text.to_owned().into())]);
    let values = [
        SecretValue::bytes([0_u8, 255]),
        SecretValue::Structured(deep),
        SecretValue::Structured(date("2024-13-01")),
        SecretValue::Structured(date("0000-01-01")),
        SecretValue::Structured(date("10:20")),
        SecretValue::Structured(date("23:59:60")),
        SecretValue::Structured(date("1\n[store]\nx = 1")),
        SecretValue::Structured(date("2024-01-01 # needle")),
        SecretValue::Structured(date("")),
    ];
    for value in values {
        let created = block_on(store.create(NewSecret::new(at("new"), value.clone()))).map(|_| ());
        let modified = block_on(store.modify(&at("keep"), SecretChange::value(value))).map(|_| ());
        for outcome in [created, modified] {
            let kind = outcome.unwrap_err().kind();
            assert!(matches!(kind, ErrorKind::Invalid | ErrorKind::Unsupported), "{kind:?}");
        }
    }
    for name in ["", "a\nb", "\0", &"x".repeat(1025)] {
        assert!(matches!(create(&*store, name, "v"), Err(StoreError::InvalidName(_))), "{name:?}");
    }
    assert_eq!(fs::read(root.path().join("secrets/s")).unwrap(), before);
}

#[test]
fn names_that_may_not_be_created_can_be_read_and_destroyed() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let file = root.path().join("secrets/s");
    put_text(&file, &keys, &text("1.0.0", "\"\" = \"empty\"\n\"a\\nb\" = \"line\"\n"));
    let store = open(root.path(), &keys);
    assert_eq!(names(&*store).unwrap(), ["", "a\nb"]);
    assert_eq!(get(&*store, "").unwrap(), "empty");
    block_on(store.modify(&at("a\nb"), SecretChange::value(SecretValue::text("new")))).unwrap();
    assert_eq!(get(&*store, "a\nb").unwrap(), "new");
    block_on(store.destroy(&at(""), None)).unwrap();
    assert!(matches!(create(&*store, "", "x"), Err(StoreError::InvalidName(_))));
    assert_eq!(names(&*store).unwrap(), ["a\nb"]);
}

#[test]
fn unknown_fields_of_a_file_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let file = root.path().join("secrets/s");
    let more = format!("top = [1, {{a = 2}}]\n{}peak = 9\n\n[later]\nx = 1979-05-27\n", text("1.0.0", ""));
    put_text(&file, &keys, &more);
    let store = open(root.path(), &keys);
    create(&*store, "a", "1").unwrap();
    let written = text_of(&file, &keys);
    assert!(written.contains("top = [1, {a = 2}]\n"), "{written}");
    assert!(written.contains("later = {x = 1979-05-27}\n"), "{written}");
    assert!(written.ends_with("[stats]\nreads = 4\nwrites = 3\npeak = 9\n"), "{written}");
}

#[test]
fn settings_are_checked_stored_and_in_force_at_once() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let configured = serde_json::json!({ "directory": root.path(), "settings": { "data": { "k": "v" } } });
    let store = open_with(configured, &keys);
    block_on(store.initialize()).unwrap();
    let read = |store: &dyn keyway_secrets::SecretStore| {
        Structured::Table(block_on(store.configure(Configure::Read)).unwrap()).to_json().unwrap()
    };
    assert_eq!(read(&*store), serde_json::json!({ "data": { "k": "v" } }));

    let settings = |json: serde_json::Value| Table::from_json(json.as_object().unwrap()).unwrap();
    let change = |json| block_on(store.configure(Configure::Write(settings(json))));
    let error = change(serde_json::json!({ "dada": {} })).unwrap_err();
    assert!(error.to_string().contains("unknown key `dada`; did you mean `data`?"), "{error}");
    assert_eq!(change(serde_json::json!({ "data": "x" })).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(read(&*store), serde_json::json!({ "data": { "k": "v" } }));

    change(serde_json::json!({ "data": { "k": [1, 2.5] } })).unwrap();
    let expected = serde_json::json!({ "data": { "k": [1, 2.5] } });
    assert_eq!((read(&*store), read(&*open(root.path(), &keys))), (expected.clone(), expected));

    // Stored settings are checked, too.
    let file = root.path().join("secrets/s");
    put_text(&file, &keys, &text("1.0.0", "").replace("[config.data]", "[config]\nzzz = 1"));
    let error = names(&*store).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("zzz"), "{error}");
}

#[test]
fn rotation_needs_the_old_keys_no_more() {
    let root = tempfile::tempdir().unwrap();
    let (old, new) = (ring(5), ring(5));
    let store = open(root.path(), &old);
    block_on(store.initialize()).unwrap();
    create(&*store, "a", "1").unwrap();
    block_on(store.rotate(&new, &|_| {})).unwrap();
    for number in 0..8 {
        // Each write is sealed with one of the new keys, chosen at random.
        create(&*store, &format!("b{number}"), "2").unwrap();
        assert_eq!(get(&*open(root.path(), &new), "a").unwrap(), "1");
    }
    assert!(matches!(get(&*open(root.path(), &old), "a"), Err(StoreError::WrongKey { .. })));
    assert_eq!(files_in(&root.path().join("secrets")), [".s.keyway-lock", "s"]);
}

#[test]
fn a_write_draws_a_key_unless_told_not_to() {
    let keys = ring(4);
    let sealed_by = |shuffle: bool| {
        let root = tempfile::tempdir().unwrap();
        let store =
            open_with(serde_json::json!({ "directory": root.path(), "shuffle_keys": shuffle }), &keys);
        block_on(store.initialize()).unwrap();
        let ids: std::collections::BTreeSet<_> = (0..64)
            .map(|number| {
                create(&*store, &format!("{number}"), "").unwrap();
                keys.open_naming_key(&fs::read(root.path().join("secrets/s")).unwrap()).unwrap().1.to_string()
            })
            .collect();
        ids
    };
    assert_eq!(sealed_by(false).into_iter().collect::<Vec<_>>(), [keys.primary_id().to_string()]);
    // This can fail by chance: in about one run of 25 million, 64 draws from four keys miss a key.
    assert_eq!(sealed_by(true).len(), 4);
}

#[test]
fn configurations_that_do_not_say_where_are_refused() {
    use keyway_secrets::SecretStorePlugin;
    for (configuration, says) in [
        (serde_json::json!({}), "neither"),
        (serde_json::json!({ "directory": "/a", "path": "/b" }), "both"),
        (serde_json::json!({ "directory": "" }), "empty"),
        (serde_json::json!({ "path": "/" }), "does not name a file"),
        (serde_json::json!({ "pat": "/a" }), "did you mean `path`?"),
        (serde_json::json!({ "path": "/a", "settings": { "x": 1 } }), "unknown key `x`"),
        (serde_json::json!({ "path": "/a", "settings": { "data": { "x": null } } }), "null"),
        (serde_json::json!({ "path": "/a", "shuffle_keys": 1 }), "boolean"),
    ] {
        let error = keyway_convection::ConvectionPlugin
            .check_configuration(&configuration.clone().into())
            .unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(says), "{error}");
    }
}

#[test]
fn the_fixture_that_python_wrote_opens_with_its_public_keys() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../keyway/examples/fixtures");
    let keys = fs::read_to_string(folder.join("convection.keys")).unwrap();
    let keys = keyway_seal::KeyRing::parse_lines(&keys).unwrap();
    let store = open_with(serde_json::json!({ "path": folder.join("convection.store") }), &keys);
    assert_eq!(names(&*store).unwrap().len(), 12);
    assert_eq!(get(&*store, "database/password").unwrap(), "fake-database-password");
    let value = |name: &str| block_on(store.get(&at(name))).unwrap().value;
    let modulus = keyway_core::Integer::parse(
        "115792089237316195423570985008687907853269984665640564039457584007913129639937",
    );
    assert!(value("rsa modulus").same_as(&SecretValue::Structured(Structured::Integer(modulus.unwrap()))));
    let account = value("service account");
    assert_eq!(
        account.expose_structured().unwrap().to_json().unwrap(),
        serde_json::json!({
            "user": "fake-user",
            "login": { "password": "fake-password", "attempts": 3, "codes": [11, 22, [33]] },
        })
    );
    // Reading leaves no file in the folder.
    assert!(!files_in(&folder).iter().any(|name| name.starts_with('.')));
}
