//! Tests the cache file of the plugin `locker` when its folder cannot be synced, so that a power failure may bring the
//! previous file back.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use keyway_client::Credentials;
use keyway_core::{PluginError as _, Resources, SecretValue};
use keyway_locker::double::LockerDouble;
use keyway_secrets::seal::{Key, KeyRing};
use keyway_secrets::{
    NewSecret, OpenContext, SecretAddress, SecretName, SecretStore, SecretStores, StoreName,
};
use keyway_tests::locker_sdk::PLUGINS;
use keyway_tests::services::OrSkip as _;
use keyway_tests::torture::trace::strace;
use pollster::block_on;
use serde_json::json;

const ANSWER: &str = "the answer is: ";
const DONE: &str = "done";
const BASE: &str = "KEYWAY_LOCKER_TEST_BASE";
const FOLDER: &str = "KEYWAY_LOCKER_TEST_FOLDER";
/// The access key of every double.
const ACCESS_KEY: (&str, &str) =
    ("0f8fad5b-d9cb-469f-a165-70867728950e", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

fn store(base: &str, folder: &Path) -> Arc<dyn SecretStore> {
    let credentials = Credentials::source()
        .access_key_id(ACCESS_KEY.0)
        .secret_access_key(ACCESS_KEY.1)
        .api_base(base)
        .resolve()
        .unwrap();
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>("locker").unwrap();
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let configuration = json!({"proxy": "none", "max_age_seconds": 600, "cache_folder": folder});
    let opening = OpenContext::new(StoreName::new("s").unwrap(), plugin.metadata().clone(), keys)
        .with_configuration(configuration)
        .with_resources(Resources::new().with(credentials));
    plugin.open(&opening).unwrap()
}

fn at(name: &str) -> SecretAddress {
    SecretAddress::shared(SecretName::of_existing(name))
}

fn create(store: &dyn SecretStore) -> String {
    match block_on(store.create(NewSecret::new(at("new"), SecretValue::text("v")))) {
        Ok(_) => DONE.to_owned(),
        Err(error) => error.detail(),
    }
}

/// Runs in a process that another test starts. It is not a test of its own.
#[test]
#[ignore = "started by other tests"]
#[allow(clippy::print_stdout)] // The parent test reads the output.
fn one_write() {
    let (Ok(base), Ok(folder)) = (std::env::var(BASE), std::env::var(FOLDER)) else { return };
    println!("{ANSWER}{}", create(&*store(&base, Path::new(&folder))));
}

/// Writes in another process, whose syncs from the n-th one fail with `error`.
fn write_with_failing_syncs(strace: &Path, base: &str, folder: &Path, sync: usize, error: &str) -> String {
    let output = Command::new(strace)
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"])
        .arg(format!("inject=fsync,fdatasync:error={error}:when={sync}+"))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "one_write", "--ignored", "--nocapture", "--test-threads=1"])
        .env(BASE, base)
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let answer = text.split_once(ANSWER).and_then(|(_, after)| after.lines().next());
    answer.unwrap_or_else(|| panic!("no answer: {output:?}")).to_owned()
}

#[test]
fn nothing_is_written_while_a_power_failure_may_bring_kept_answers_back() {
    let Some(strace) = strace().or_skip("cache files of Locker whose folder cannot be synced") else {
        return;
    };
    // A replacement of the file syncs the new file, and then the folder. The first one is before the write, the second
    // one is after it.
    for (sync, error, is_written) in
        [(1, "EIO", false), (2, "EIO", false), (3, "EIO", true), (4, "EIO", true), (2, "EINVAL", true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let double = LockerDouble::start().unwrap();
        double.put_secret("A", None, "old", "");
        let reader = store(&double.base(), folder.path());
        block_on(reader.get(&at("A"))).unwrap();
        let answer = write_with_failing_syncs(&strace, &double.base(), folder.path(), sync, error);
        assert_eq!(answer == DONE, is_written, "{sync} {error}: {answer}");
        assert_eq!(double.secrets().len() == 2, is_written, "{sync} {error}");
        assert!(is_written || answer.contains("s.locker"), "{answer}");
    }
}
