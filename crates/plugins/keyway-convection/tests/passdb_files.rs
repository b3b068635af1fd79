//! Tests `PassDB` files without Python: their place, the accepted and refused settings, and that passwords follow the
//! settings of the file while other writers change them.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use keyway_convection::ConvectionPassDbPlugin;
use keyway_core::{PluginMetadata, Structured, Table};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Configure, NewSecret, OpenContext, Recipe, SecretChange, SecretStore, SecretStorePlugin, StoreError,
    StoreName,
};
use pollster::block_on;
use serde_json::{Value, json};
use support::{at, create, files_in, get, put_text, ring, text_of};

fn open_with(configuration: Value, keys: &KeyRing) -> Result<Arc<dyn SecretStore>, StoreError> {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "PassDB", "type": "Secret", "description": "d"}}"#,
    )
    .unwrap();
    let opening = OpenContext::new(StoreName::new("s").unwrap(), metadata, keys.clone())
        .with_configuration(configuration);
    ConvectionPassDbPlugin.open(&opening)
}

fn open(root: &Path, keys: &KeyRing) -> Arc<dyn SecretStore> {
    open_with(json!({ "directory": root }), keys).unwrap()
}

fn make(store: &dyn SecretStore, name: &str) -> Result<String, StoreError> {
    block_on(store.create(NewSecret::generated(at(name), Recipe::new())))?;
    get(store, name)
}

fn settings(json: &Value) -> Table {
    Table::from_json(json.as_object().unwrap()).unwrap()
}

fn read_settings(store: &dyn SecretStore) -> Result<Value, StoreError> {
    let settings = block_on(store.configure(Configure::Read))?;
    Ok(Structured::Table(settings).to_json().unwrap())
}

/// Returns the text of a file in the form in which the Python plugin writes it, with `config` in place of its settings.
fn text(config: &str) -> String {
    format!(
        "[metadata]\nversion = \"1.0.0\"\ncompatibility = \">=:1.0,<:2.0\"\nauthor = \"A <a@example.org>\"\n\
         updated = 20240101\n\n[metadata.plugin]\nname = \"PassDB\"\ntype = \"Secret\"\ndescription = \"d\"\n\n\
         {config}\n[store]\na = \"x\"\n\n[stats]\nreads = 3\nwrites = 2\n"
    )
}

#[test]
fn a_new_store_lies_in_its_folder_with_all_of_its_settings() {
    let (root, keys) = (tempfile::tempdir().unwrap(), ring(5));
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    assert_eq!(files_in(root.path()), ["passdb"]);
    let text = text_of(&root.path().join("passdb/s"), &keys);
    assert!(text.contains("[config]\ndefault = {length = 20, letters = \"printable\"}\n"), "{text}");
    assert!(text.contains("name = \"PassDB\""), "{text}");
    let password = make(&*store, "a").unwrap();
    assert!(password.len() == 20 && password.bytes().all(|byte| byte.is_ascii_graphic()), "{password}");
}

#[test]
fn the_configuration_takes_settings_of_passwords_only() {
    let (root, keys) = (tempfile::tempdir().unwrap(), ring(1));
    for wrong in [
        json!({ "data": {} }),
        json!({ "default": { "length": 7 } }),
        json!({ "default": { "length": null } }),
        json!({ "default": { "letters": "hexdigits" } }),
    ] {
        let configuration = json!({ "directory": root.path(), "settings": wrong });
        assert!(
            matches!(open_with(configuration.clone(), &keys), Err(StoreError::Invalid { .. })),
            "{wrong}"
        );
        assert!(
            ConvectionPassDbPlugin.check_configuration(&configuration.clone().into()).is_err(),
            "{wrong}"
        );
    }
    let settings = json!({ "default": { "length": 8 } });
    let store = open_with(json!({ "path": root.path().join("any"), "settings": settings }), &keys).unwrap();
    block_on(store.initialize()).unwrap();
    assert_eq!(make(&*store, "a").unwrap().len(), 8);
    assert_eq!(
        read_settings(&*store).unwrap(),
        json!({ "default": { "length": 8, "letters": "printable" } })
    );
}

#[test]
fn missing_settings_are_those_of_a_new_store_and_are_not_written_by_reading() {
    let (root, keys) = (tempfile::tempdir().unwrap(), ring(1));
    let file = root.path().join("passdb/s");
    for (config, length, letters) in [
        ("[config]\n", 20, "printable"),
        ("[config.default]\n", 20, "printable"),
        ("[config.default]\nlength = 9\n", 9, "printable"),
        ("[config]\ndefault = { letters = \"digits\" }\n", 20, "digits"),
    ] {
        put_text(&file, &keys, &text(config));
        let before = fs::read(&file).unwrap();
        let store = open(root.path(), &keys);
        let in_force = json!({ "default": { "length": length, "letters": letters } });
        assert_eq!(read_settings(&*store).unwrap(), in_force, "{config}");
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(make(&*store, "b").unwrap().len(), length);
        assert_eq!(get(&*store, "a").unwrap(), "x");
    }
}

#[test]
fn settings_that_convection_would_not_read_are_damage() {
    let (root, keys) = (tempfile::tempdir().unwrap(), ring(1));
    let file = root.path().join("passdb/s");
    for config in [
        "[config]\nzzz = 1\n",
        "[config.data]\n",
        "[config.default]\nlength = \"20\"\n",
        "[config.default]\nlength = 20.0\n",
        "[config.default]\nletters = \"hexdigits\"\n",
        "[config.default]\nmore = 1\n",
    ] {
        put_text(&file, &keys, &text(config));
        let before = fs::read(&file).unwrap();
        let store = open(root.path(), &keys);
        assert!(matches!(get(&*store, "a"), Err(StoreError::Corrupt { .. })), "{config}");
        assert!(matches!(make(&*store, "b"), Err(StoreError::Corrupt { .. })), "{config}");
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[test]
fn a_length_that_no_password_has_is_no_reason_not_to_read() {
    let (root, keys) = (tempfile::tempdir().unwrap(), ring(1));
    let file = root.path().join("passdb/s");
    for length in ["0", "-3", "7", "1025", "99999999999999999999999"] {
        put_text(&file, &keys, &text(&format!("[config.default]\nlength = {length}\n")));
        let store = open(root.path(), &keys);
        assert_eq!(get(&*store, "a").unwrap(), "x");
        create(&*store, "given", "short").unwrap();
        let error = make(&*store, "b").unwrap_err();
        assert!(
            matches!(error, StoreError::Invalid { .. }) && error.to_string().contains("configure"),
            "{error}"
        );
        // A write of other values does not change the settings.
        assert!(text_of(&file, &keys).contains(&format!("length = {length}")), "{length}");
        let renewal = SecretChange::generated(Recipe::new().length(10));
        block_on(store.modify(&at("a"), renewal)).unwrap();
        assert_eq!(get(&*store, "a").unwrap().len(), 10);
    }
}

#[test]
fn settings_that_change_while_passwords_are_made_are_never_mixed() {
    let (root, keys) = (tempfile::tempdir().unwrap(), ring(2));
    block_on(open(root.path(), &keys).initialize()).unwrap();
    let digits = json!({ "default": { "length": 24, "letters": "digits" } });
    let letters = json!({ "default": { "length": 48, "letters": "ascii_letters" } });
    let store = open(root.path(), &keys);
    block_on(store.configure(Configure::Write(settings(&digits)))).unwrap();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let store = open(root.path(), &keys);
                scope.spawn(move || {
                    (0..30)
                        .map(|number| make(&*store, &format!("{writer} {number}")).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for round in 0..10 {
            let (settings, length) =
                if round % 2 == 0 { (settings(&letters), 48) } else { (settings(&digits), 24) };
            block_on(open(root.path(), &keys).configure(Configure::Write(settings))).unwrap();
            assert_eq!(make(&*store, &format!("after {round}")).unwrap().len(), length);
        }
        for password in writers.into_iter().flat_map(|writer| writer.join().unwrap()) {
            let whole = (password.len() == 24 && password.bytes().all(|byte| byte.is_ascii_digit()))
                || (password.len() == 48 && password.bytes().all(|byte| byte.is_ascii_alphabetic()));
            assert!(whole, "{password}");
        }
    });
}
