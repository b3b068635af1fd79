//! Tests that the text of a panic, which may hold a secret, does not reach the output of the program.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;

use keyway_core::{Plugins, plugins};
use keyway_secrets::{OpenContext, SecretStore, SecretStorePlugin, StoreError};

/// The secret in the text of the panic.
const SECRET: &str = "n33dle";

mod panicking {
    use super::*;

    #[derive(Debug)]
    struct Panicking;

    impl SecretStorePlugin for Panicking {
        fn open(&self, _: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
            panic!("the password {SECRET} is wrong");
        }
    }

    keyway_secrets::register! {
        keyway_secrets::SecretStores {
            id: "panicking",
            name: "Panicking",
            version: "1.0.0",
            author: "Ada <ada@example.org>",
            updated: 20261201,
            compatibility: ">=:1.0,<:2.0",
            description: "Panics when a store is opened",
            plugin: Panicking,
        }
    }
}

const PLUGINS: Plugins = plugins! { panicking };

/// Runs the program in a process of its own: this test binary, with a command of the program as its only argument. The
/// test harness takes the argument for a part of the name of a test, so the child runs this test again.
#[test]
fn the_command_init_shows_the_place_of_a_panic_and_hides_its_text() {
    const IS_PROGRAM: &str = "KEYWAY_TEST_IS_PROGRAM";
    if std::env::var_os(IS_PROGRAM).is_some() {
        let _ = keyway_locker_sdk::run(&PLUGINS);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keyway/locker-sdk.toml");
    fs::create_dir(folder.path().join("keyway")).unwrap();
    fs::write(&file, "[stores.web]\nplugin = 'panicking'\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    // The harness would otherwise keep what the standard hook prints.
    program.arg("init").env("RUST_TEST_NOCAPTURE", "1").env("RUST_BACKTRACE", "0");
    let output = program.env(IS_PROGRAM, "1").env("XDG_CONFIG_HOME", folder.path()).output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let place = format!("locker-sdk: panicked at {}:", file!());
    assert!(printed.contains(&place) && printed.contains("cannot be opened"), "{printed}");
    assert!(!printed.contains(SECRET), "{printed}");
}
