//! Compares the plugin `convection-passdb` with Convection's PassDB plugin, passwords and settings
//! included.

use keyway_core::{ErrorKind, PluginError as _, SecretValue, Structured, Table};
use keyway_seal::KeyRing;
use keyway_secrets::{Configure, ListQuery, NewSecret, Recipe, SecretChange, SecretStore, StoreError};
use pollster::block_on;
use serde_json::{Value, json};

use crate::shared::{NEW, OLD, Shared, at, opened_by};

fn get(store: &dyn SecretStore, name: &str) -> String {
    block_on(store.get(&at(name))).unwrap().value.expose_text().unwrap().to_owned()
}

fn make(store: &dyn SecretStore, name: &str, recipe: Recipe) -> Result<String, StoreError> {
    block_on(store.create(NewSecret::generated(at(name), recipe)))?;
    Ok(get(store, name))
}

fn settings(json: &Value) -> Table {
    Table::from_json(json.as_object().unwrap()).unwrap()
}

fn read_settings(store: &dyn SecretStore) -> Value {
    Structured::Table(block_on(store.configure(Configure::Read)).unwrap()).to_json().unwrap()
}

fn write_settings(store: &dyn SecretStore, json: &Value) -> Result<Value, StoreError> {
    let written = block_on(store.configure(Configure::Write(settings(json))))?;
    Ok(Structured::Table(written).to_json().unwrap())
}

fn names(store: &dyn SecretStore) -> Vec<String> {
    let page = block_on(store.list(&ListQuery::all().limit(1000))).unwrap();
    assert!(page.next.is_none());
    page.secrets.into_iter().map(|secret| secret.header.address.name.as_str().to_owned()).collect()
}

fn text(answer: &Value) -> &str {
    answer["ok"]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

fn ok(answers: &[Value]) {
    assert!(answers.iter().all(|answer| answer.get("ok").is_some()), "{answers:?}");
}

#[test]
fn a_file_that_python_writes_opens_here() {
    let Some(shared) = Shared::passdb("store files that Convection's PassDB plugin writes") else { return };
    let answers = shared.there_with(
        &json!({ "default": { "length": 12, "letters": "digits" } }),
        &[
            json!(["initialize"]),
            json!(["create", "given", { "text": "hunter2 \n ü" }]),
            json!(["create", "made", null]),
            json!(["create", "long", null, 300, "printable"]),
            json!(["create", "hex", null, 20, "hexdigits"]),
            json!(["info"]),
            json!(["get", "made"]),
            json!(["get", "long"]),
            json!(["get", "hex"]),
        ],
    );
    ok(&answers);

    let store = shared.here(&OLD);
    assert_eq!(names(&*store), ["given", "made", "long", "hex"]);
    assert_eq!(get(&*store, "given"), "hunter2 \n ü");
    for (name, answer) in [("made", &answers[6]), ("long", &answers[7]), ("hex", &answers[8])] {
        assert_eq!(get(&*store, name), text(answer), "{name}");
    }
    // Python's `printable` includes white space and control characters, which must survive.
    assert!(text(&answers[7]).bytes().any(|byte| !byte.is_ascii_graphic()), "300 characters without any");
    assert_eq!(read_settings(&*store), json!({ "default": { "length": 12, "letters": "digits" } }));

    // Python counted the read by its own `info` only in memory, so the file lacks that read. Keyway's `info` also
    // counts as one read, so the numbers are equal.
    let here = block_on(shared.here(&OLD).info()).unwrap();
    assert_eq!(json!(here.reads), answers[5]["ok"]["stats"]["reads"]);
    assert_eq!(json!(here.writes), answers[5]["ok"]["stats"]["writes"]);
    assert_eq!(json!(here.secrets.number), answers[5]["ok"]["stats"]["secret_count"]);
    assert_eq!(here.written_by.as_ref().unwrap().plugin_name, "PassDB");
}

#[test]
fn a_file_that_is_written_here_opens_in_python() {
    let Some(shared) = Shared::passdb("PassDB files that Keyway writes") else { return };
    let store = shared.here(&OLD);
    block_on(store.initialize()).unwrap();
    let given = "\0\u{1}\t\r\n\u{7f}\"\\ ''' # [x] = ünïcödé 😀";
    block_on(store.create(NewSecret::new(at("given"), SecretValue::text(given)))).unwrap();
    block_on(store.create(NewSecret::new(at("empty"), SecretValue::text("")))).unwrap();
    let mut passwords = vec![make(&*store, "as always", Recipe::new()).unwrap()];
    for (name, recipe) in [
        // These passwords use every character that Keyway puts into passwords.
        ("printable", Recipe::new().length(1024)),
        ("punctuation", Recipe::new().length(64).alphabet("punctuation")),
        ("digits", Recipe::new().alphabet("digits")),
    ] {
        passwords.push(make(&*store, name, recipe).unwrap());
    }
    let answers = shared.there(
        &OLD,
        &[
            json!(["list"]),
            json!(["get", "given"]),
            json!(["get", "empty"]),
            json!(["get", "as always"]),
            json!(["get", "printable"]),
            json!(["get", "punctuation"]),
            json!(["get", "digits"]),
            json!(["configure"]),
        ],
    );
    assert_eq!(
        answers[0]["ok"],
        json!(["given", "empty", "as always", "printable", "punctuation", "digits"])
    );
    assert_eq!((text(&answers[1]), text(&answers[2])), (given, ""));
    for (password, answer) in passwords.iter().zip(&answers[3..7]) {
        assert_eq!(password, text(answer));
    }
    assert_eq!(passwords[0].len(), 20);
    assert_eq!(answers[7]["ok"], json!({ "default": { "length": 20, "letters": "printable" } }));
}

#[test]
fn both_sides_take_turns() {
    let Some(shared) = Shared::passdb("PassDB files that Convection's plugin and Keyway write in turns")
    else {
        return;
    };
    ok(&shared.there(&OLD, &[json!(["initialize"]), json!(["create", "a", null])]));
    let mut renewed = vec![get(&*shared.here(&OLD), "a")];
    for turn in 0..3 {
        let store = shared.here(&OLD);
        let made = make(&*store, &format!("here {turn}"), Recipe::new()).unwrap();
        block_on(store.modify(&at("a"), SecretChange::generated(Recipe::new().length(30)))).unwrap();
        let from_here = get(&*store, "a");
        let there = format!("there {turn}");
        let answers = shared.there(
            &OLD,
            &[
                json!(["get", "a"]),
                json!(["get", format!("here {turn}")]),
                json!(["destroy", format!("here {turn}")]),
                json!(["create", there, null, 16, "ascii_letters"]),
                json!(["get", there]),
                json!(["modify", "a", null]),
                json!(["get", "a"]),
            ],
        );
        ok(&answers);
        assert_eq!((text(&answers[0]), text(&answers[1])), (from_here.as_str(), made.as_str()));
        let store = shared.here(&OLD);
        assert_eq!(get(&*store, &there), text(&answers[4]));
        assert_eq!(get(&*store, "a"), text(&answers[6]));
        renewed.extend([from_here, text(&answers[6]).to_owned()]);
    }
    assert_eq!(names(&*shared.here(&OLD)), ["a", "there 0", "there 1", "there 2"]);
    renewed.sort();
    renewed.dedup();
    assert_eq!(renewed.len(), 7, "each renewal made another password");
}

#[test]
fn settings_that_are_written_here_are_pythons_too_and_hold_from_the_first_password_on() {
    let Some(shared) = Shared::passdb("settings of PassDB files") else { return };
    let first = json!({ "default": { "length": 14, "letters": "ascii_letters" } });
    let store = shared.here_with_settings(&OLD, &first);
    block_on(store.initialize()).unwrap();
    let is_of_first =
        |password: &str| password.len() == 14 && password.bytes().all(|byte| byte.is_ascii_alphabetic());
    assert!(is_of_first(&make(&*store, "a", Recipe::new()).unwrap()));
    // A handle that has not read anything yet must follow the settings, too (C11).
    assert!(is_of_first(&make(&*shared.here(&OLD), "b", Recipe::new()).unwrap()));
    // Python reads the settings with its first access, and follows them from its second password
    // on.
    let steps = [json!(["list"]), json!(["configure"]), json!(["create", "c", null]), json!(["get", "c"])];
    let answers = shared.there(&OLD, &steps);
    assert_eq!(answers[1]["ok"], first);
    assert!(is_of_first(text(&answers[3])), "{}", text(&answers[3]));
    // Decision C11 exists because Python's first password follows no settings at all.
    let answers = shared.there(&OLD, &[json!(["create", "d", null]), json!(["get", "d"])]);
    assert_eq!(text(&answers[1]).chars().count(), 20);

    // `configure` writes the settings (C10): other handles and Python see the change.
    let other = shared.here(&OLD);
    assert_eq!(read_settings(&*other), first);
    let second = json!({ "default": { "length": 9, "letters": "digits" } });
    assert_eq!(write_settings(&*store, &second).unwrap(), second);
    for handle in [&store, &other, &shared.here(&OLD)] {
        assert_eq!(read_settings(&**handle), second);
        block_on(handle.modify(&at("a"), SecretChange::generated(Recipe::new()))).unwrap();
        let password = get(&**handle, "a");
        assert!(password.len() == 9 && password.bytes().all(|byte| byte.is_ascii_digit()), "{password}");
    }
    let answers = shared.there(&OLD, &[json!(["list"]), json!(["configure"])]);
    assert_eq!(answers[1]["ok"], second);

    // Settings that Python cannot read, or that allow no password, are refused without a change.
    let before = std::fs::read(shared.file()).unwrap();
    for wrong in [
        json!({ "default": { "length": 7 } }),
        json!({ "default": { "length": 1025 } }),
        json!({ "default": { "letters": "hexdigits" } }),
        json!({ "data": {} }),
    ] {
        let error = write_settings(&*store, &wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{wrong}: {error}");
    }
    assert_eq!(std::fs::read(shared.file()).unwrap(), before);
    // Omitted settings get the defaults and are written to the file, so that Python agrees.
    let third = json!({ "default": { "length": 50, "letters": "printable" } });
    assert_eq!(write_settings(&*store, &json!({ "default": { "length": 50 } })).unwrap(), third);
    assert_eq!(shared.there(&OLD, &[json!(["list"]), json!(["configure"])])[1]["ok"], third);
}

#[test]
fn a_file_with_a_length_that_no_password_has_opens_and_makes_none() {
    let Some(shared) = Shared::passdb("PassDB files with odd lengths") else { return };
    for (length, name) in [(0, "zero"), (-3, "negative"), (5, "short"), (2000, "long")] {
        let _ = std::fs::remove_file(shared.file());
        let config = json!({ "default": { "length": length } });
        let steps = [json!(["initialize"]), json!(["create", "a", null]), json!(["get", "a"])];
        let answers = shared.there_with(&config, &steps);
        ok(&answers);
        let store = shared.here(&OLD);
        assert_eq!(get(&*store, "a"), text(&answers[2]), "{name}");
        let before = std::fs::read(shared.file()).unwrap();
        let error = make(&*store, "b", Recipe::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {error}");
        assert_eq!(std::fs::read(shared.file()).unwrap(), before, "{name}");
        // While the settings are broken, a call with an explicit length works. The settings can also be repaired.
        assert_eq!(make(&*store, "c", Recipe::new().length(8)).unwrap().len(), 8);
        write_settings(&*store, &json!({ "default": {} })).unwrap();
        assert_eq!(make(&*store, "b", Recipe::new()).unwrap().len(), 20);
        let (list, expected) = (shared.there(&OLD, &[json!(["list"])]), json!(["a", "c", "b"]));
        assert_eq!(list[0]["ok"], expected, "{name}");
    }
}

#[test]
fn after_a_rotation_here_python_reads_with_the_new_keys_alone() {
    let Some(shared) = Shared::passdb("rotation of PassDB files, read by Convection's plugin") else {
        return;
    };
    let config = json!({ "default": { "length": 11, "letters": "digits" } });
    let answers = shared
        .there_with(&config, &[json!(["initialize"]), json!(["create", "a", null]), json!(["get", "a"])]);
    let keys = KeyRing::parse(NEW).unwrap();
    let store = shared.here(&OLD);
    block_on(store.rotate(&keys, &|_| {})).unwrap();
    assert_eq!(make(&*store, "b", Recipe::new()).unwrap().len(), 11);

    let steps = [json!(["list"]), json!(["get", "a"]), json!(["create", "c", null]), json!(["get", "c"])];
    let after = shared.there(&NEW, &steps);
    assert_eq!(after[0]["ok"], json!(["a", "b"]));
    assert_eq!(text(&after[1]), text(&answers[2]));
    assert_eq!(text(&after[3]).len(), 11);
    assert_eq!(shared.there(&OLD, &[json!(["list"])]), [json!({ "error": "InvalidToken" })]);
    assert!(matches!(block_on(shared.here(&OLD).info()), Err(StoreError::WrongKey { .. })));
    assert_eq!(get(&*shared.here(&NEW), "c"), text(&after[3]));

    // Python has written the file with the new keys, and Keyway can rotate the file again.
    let keys = KeyRing::parse(OLD).unwrap();
    block_on(shared.here(&NEW).rotate(&keys, &|_| {})).unwrap();
    assert_eq!(shared.there(&OLD, &[json!(["list"])])[0]["ok"], json!(["a", "b", "c"]));
}

#[test]
fn the_files_of_the_two_plugins_are_told_apart() {
    let Some(shared) = Shared::passdb("PassDB files and Generic files") else { return };
    ok(&shared.there(&OLD, &[json!(["initialize"])]));
    let generic = opened_by("convection-generic", &OLD, json!({ "path": shared.file() }));
    let error = block_on(generic.info()).unwrap_err();
    assert!(matches!(error, StoreError::Incompatible(_)), "{error}");
}
