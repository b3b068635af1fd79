//! Runs one operation on files in a separate process: under strace, or as another user.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyway_convection::ConvectionPlugin;
use keyway_core::{Effect, PluginError as _, PluginMetadata, SecretValue};
use keyway_issuers::{Context, CredentialRequest, Issuer as _, IssuerError, Json, Parameters, UserInfo};
use keyway_seal::KeyRing;
use keyway_secrets::{
    NewSecret, OpenContext, SecretAddress, SecretName, SecretStore, SecretStorePlugin as _, StoreError,
    StoreName,
};
use keyway_ssh::AuthorizedKeys;
use pollster::block_on;

/// The answer of an operation that succeeds.
pub(crate) const DONE: &str = "done";

/// The key of the store file. It is not secret, and all processes of this test need the same key.
const KEY: &str = "cHVibGljLXRlc3Qta2V5LW5vdC1mb3ItcmVhbC11c2U=";
const PUBLIC_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
const ANSWER: &str = "the answer is: ";
const OPERATION: &str = "KEYWAY_TEST_OPERATION";
const FOLDER: &str = "KEYWAY_TEST_FOLDER";

/// An operation on the files in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Makes the store file `s`.
    Initialize,
    /// Changes the store file.
    Create,
    /// Seals the store file with other keys.
    Rotate,
    /// Removes the store file.
    Delete,
    /// Writes a line to `authorized_keys`.
    Authorize,
}

impl Operation {
    pub(crate) const ALL: [Self; 5] =
        [Self::Initialize, Self::Create, Self::Rotate, Self::Delete, Self::Authorize];

    /// Carries the operation out in this process. An error is returned as its kind and its full
    /// text.
    pub(crate) fn run(self, folder: &Path) -> String {
        let store = || open(folder);
        let of_store = |done: Result<(), StoreError>| match done {
            Ok(()) => DONE.to_owned(),
            Err(error) => format!("{:?}: {}", error.kind(), error.detail()),
        };
        match self {
            Self::Initialize => of_store(block_on(store().initialize())),
            Self::Create => {
                let address = SecretAddress::shared(SecretName::of_existing("a"));
                let secret = NewSecret::new(address, SecretValue::text("1"));
                of_store(block_on(store().create(secret)).map(|_| ()))
            }
            Self::Rotate => of_store(block_on(store().rotate(&keys(), &|_| {}))),
            Self::Delete => of_store(block_on(store().marked_for_delete())),
            Self::Authorize => match authorize(folder) {
                Ok(()) => DONE.to_owned(),
                Err(error) => {
                    let effect =
                        if error.effect() == Effect::None { "nothing happened" } else { "Indeterminate" };
                    format!("{effect}: {}", error.detail())
                }
            },
        }
    }

    /// Carries the operation out in a process that `command` starts. This method adds the program, its arguments and
    /// its environment.
    pub(crate) fn run_in(self, mut command: Command, program: &Path, folder: &Path) -> String {
        let output = command
            .args([program.as_os_str(), "--exact".as_ref(), "act::one_operation".as_ref()])
            .args(["--ignored", "--nocapture", "--test-threads=1"])
            .env(OPERATION, format!("{self:?}"))
            .env(FOLDER, folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let answer = text.split_once(ANSWER).and_then(|(_, after)| after.lines().next());
        answer.unwrap_or_else(|| panic!("{self:?} did not answer: {output:?}")).to_owned()
    }
}

/// Runs in a process that other tests start. It is not a test of its own.
#[test]
#[ignore = "started by other tests"]
#[allow(clippy::print_stdout)] // The parent test reads the output.
fn one_operation() {
    let (Some(operation), Some(folder)) = (std::env::var_os(OPERATION), std::env::var_os(FOLDER)) else {
        return;
    };
    let operation = Operation::ALL.into_iter().find(|known| operation == *format!("{known:?}"));
    println!("{ANSWER}{}", operation.unwrap().run(folder.as_ref()));
}

/// Copies this test program to a place where every user can run it.
pub(crate) fn program_for_all(folder: &Path) -> PathBuf {
    let program = folder.join("program");
    // `cp` writes the copy. If this process wrote it, a process that another test starts at that moment would inherit
    // the open file, and a program that is open for writing does not start.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status();
    assert!(copied.unwrap().success());
    for path in [&program, folder] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    program
}

fn keys() -> KeyRing {
    KeyRing::parse([KEY]).unwrap()
}

fn open(folder: &Path) -> std::sync::Arc<dyn SecretStore> {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Generic", "type": "Secret", "description": "d"}}"#,
    );
    let opening = OpenContext::new(StoreName::new("s").unwrap(), metadata.unwrap(), keys())
        .with_configuration(serde_json::json!({ "path": folder.join("s") }));
    ConvectionPlugin.open(&opening).unwrap()
}

fn authorize(folder: &Path) -> Result<(), IssuerError> {
    let file = Json::text(folder.join("authorized_keys").to_str().unwrap());
    let configured = [("authorized_keys_file", &file)];
    let description = block_on(AuthorizedKeys.describe())?;
    let context = Context::new(UserInfo::new("https://issuer.example.com", "joe"))
        .with_configuration(description.resolve_configuration(configured).unwrap());
    let parameters = Parameters::new().with("pub_key", PUBLIC_KEY);
    block_on(AuthorizedKeys.request(&CredentialRequest::new(context).with_parameters(parameters))).map(|_| ())
}
