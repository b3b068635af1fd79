//! Tests passwords by stored settings, on an engine that persists them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use keyway_core::{Plugins, Resources, SecretValue, Structured, Table, plugins};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    Configure, NewSecret, OpenContext, Recipe, SecretAddress, SecretChange, SecretName, SecretStore,
    SecretStores, StoreError, StoreName,
};
use keyway_storage::{Sqlite, Storage};
use pollster::block_on;
use serde_json::{Value, json};

const PLUGINS: Plugins = plugins! { keyway_passdb };

fn ring() -> KeyRing {
    KeyRing::new([Key::generate().unwrap()]).unwrap()
}

fn open_with(plugin: &str, file: &Path, keys: &KeyRing, configuration: &Value) -> Arc<dyn SecretStore> {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>(plugin).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Sqlite::open_or_create(file).unwrap());
    let opening = OpenContext::new(StoreName::new("s").unwrap(), plugin.metadata().clone(), keys.clone())
        .with_configuration(configuration.clone())
        .with_resources(Resources::new().with(storage));
    plugin.open(&opening).unwrap()
}

fn open(file: &Path, keys: &KeyRing) -> Arc<dyn SecretStore> {
    open_with("passdb", file, keys, &json!({}))
}

fn at(name: &str) -> SecretAddress {
    SecretAddress::shared(SecretName::new(name).unwrap())
}

fn get(store: &dyn SecretStore, name: &str) -> String {
    block_on(store.get(&at(name))).unwrap().value.expose_text().unwrap().to_owned()
}

fn make(store: &dyn SecretStore, name: &str) -> String {
    block_on(store.create(NewSecret::generated(at(name), Recipe::new()))).unwrap();
    get(store, name)
}

fn settings(json: &Value) -> Table {
    Table::from_json(json.as_object().unwrap()).unwrap()
}

fn configure(store: &dyn SecretStore, json: &Value) -> Result<Value, StoreError> {
    let written = block_on(store.configure(Configure::Write(settings(json))))?;
    Ok(Structured::Table(written).to_json().unwrap())
}

fn is_of(password: &str, length: usize, belongs: impl Fn(&u8) -> bool) -> bool {
    password.len() == length && password.as_bytes().iter().all(belongs)
}

#[test]
fn settings_of_a_new_store_make_its_first_password_and_those_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (file, keys) = (folder.path().join("passwords.db"), ring());
    let first = json!({ "settings": { "length": 30, "alphabet": "ascii_uppercase" } });
    let store = open_with("passdb", &file, &keys, &first);
    block_on(store.initialize()).unwrap();
    assert!(is_of(&make(&*store, "a"), 30, u8::is_ascii_uppercase));
    drop(store);

    // An existing store keeps its settings, whatever the configuration holds for new stores.
    let other = json!({ "settings": { "length": 9, "alphabet": "digits" } });
    let store = open_with("passdb", &file, &keys, &other);
    assert!(is_of(&make(&*store, "b"), 30, u8::is_ascii_uppercase));
    let all = json!({ "length": 12, "alphabet": "printable", "require": ["digit", "punctuation"] });
    let given = json!({ "length": 12, "require": ["digit", "punctuation"] });
    assert_eq!(configure(&*store, &given).unwrap(), all, "an omitted setting is as in a new store");
    drop(store);

    let store = open(&file, &keys);
    let read = Structured::Table(block_on(store.configure(Configure::Read)).unwrap()).to_json().unwrap();
    assert_eq!(read, all);
    for number in 0..50 {
        let password = make(&*store, &format!("c{number}"));
        assert!(is_of(&password, 12, u8::is_ascii_graphic), "{password}");
        assert!(password.bytes().any(|byte| byte.is_ascii_digit()), "{password}");
        assert!(password.bytes().any(|byte| byte.is_ascii_punctuation()), "{password}");
    }
    assert!(configure(&*store, &json!({ "length": 12, "require": ["digits"] })).is_err());
    let read = Structured::Table(block_on(store.configure(Configure::Read)).unwrap()).to_json().unwrap();
    assert_eq!(read, all);
}

#[test]
fn settings_that_change_while_passwords_are_made_are_never_mixed() {
    const PASSWORDS: usize = 60;

    let folder = tempfile::tempdir().unwrap();
    let (file, keys) = (folder.path().join("passwords.db"), ring());
    let digits = json!({ "length": 24, "alphabet": "digits" });
    let letters = json!({ "length": 48, "alphabet": "ascii_letters" });
    let store = open_with("passdb", &file, &keys, &json!({ "settings": digits }));
    block_on(store.initialize()).unwrap();
    let made: Vec<String> = thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let store = open(&file, &keys);
                scope.spawn(move || {
                    (0..PASSWORDS)
                        .map(|number| make(&*store, &format!("{writer} {number}")))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let changer = open(&file, &keys);
        for round in 0..20 {
            let (settings, length) = if round % 2 == 0 { (&letters, 48) } else { (&digits, 24) };
            configure(&*changer, settings).unwrap();
            // From here on all passwords follow the new settings, even though other handles have read the old settings
            // before.
            assert_eq!(make(&*store, &format!("after {round}")).len(), length);
        }
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(made.len(), 3 * PASSWORDS);
    for password in &made {
        let whole = is_of(password, 24, u8::is_ascii_digit) || is_of(password, 48, u8::is_ascii_alphabetic);
        assert!(whole, "{password}");
    }
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), made.len(), "no password twice");
}

#[test]
fn a_password_shows_nowhere_but_in_get_and_lists_with_values() {
    let folder = tempfile::tempdir().unwrap();
    let (file, keys) = (folder.path().join("passwords.db"), ring());
    let store = open(&file, &keys);
    block_on(store.initialize()).unwrap();
    let long = NewSecret::generated(at("a"), Recipe::new().length(64));
    let header = block_on(store.create(long)).unwrap();
    let password = get(&*store, "a");
    let refused = block_on(store.create(NewSecret::generated(at("a"), Recipe::new()))).unwrap_err();
    for shown in [format!("{header:?}"), format!("{store:?}"), format!("{refused:?} {refused}")] {
        assert!(!shown.contains(&password), "{shown}");
    }
    drop(store);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()));
    }
}

#[test]
fn given_values_and_passwords_take_each_others_place() {
    let folder = tempfile::tempdir().unwrap();
    let (file, keys) = (folder.path().join("passwords.db"), ring());
    let store = open(&file, &keys);
    block_on(store.initialize()).unwrap();
    block_on(store.create(NewSecret::new(at("a"), SecretValue::bytes([0, 255])))).unwrap();
    let header = block_on(store.modify(&at("a"), SecretChange::generated(Recipe::new()))).unwrap();
    assert_eq!(header.version.unwrap().number(), 2);
    assert!(is_of(&get(&*store, "a"), 20, u8::is_ascii_graphic));
    block_on(store.modify(&at("a"), SecretChange::value(SecretValue::text("x")))).unwrap();
    assert_eq!(get(&*store, "a"), "x");
}

#[test]
fn stores_of_generic_and_of_passdb_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (file, keys) = (folder.path().join("passwords.db"), ring());
    block_on(open(&file, &keys).initialize()).unwrap();
    // The tests link the plugin `generic` by a dev-dependency with the feature `plugin`.
    let generic = open_with("generic", &file, &keys, &json!({}));
    assert!(matches!(block_on(generic.get(&at("a"))), Err(StoreError::Incompatible(_))));
    assert!(matches!(block_on(generic.initialize()), Err(StoreError::AlreadyInitialized)));
}
