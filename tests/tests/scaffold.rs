//! Tests `cargo xtask new`: the crate that it makes passes its own tests, outside this workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use keyway_tests::services::OrSkip as _;
use keyway_tests::torture::trace::strace;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Returns a cargo command without the variables that were set by the cargo that runs this test.
fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("NEXTEST")
        {
            command.env_remove(&name);
        }
    }
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn new(arguments: &[&str]) -> Output {
    cargo(&root())
        .args(["run", "--quiet", "--package", "xtask", "--", "new"])
        .args(arguments)
        .output()
        .unwrap()
}

/// Returns the workspace's profile for development. Leaves out the level of debug information if the environment sets
/// it.
fn profile_of_the_workspace() -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (mut profile, mut is_profile, mut of_all) = (String::new(), false, false);
    let is_set = std::env::var_os("CARGO_PROFILE_DEV_DEBUG").is_some();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_profile = line.starts_with("[profile.dev");
            of_all = line == "[profile.dev]";
        }
        if is_profile && !(of_all && is_set && line.starts_with("debug")) {
            profile.extend([line, "\n"]);
        }
    }
    assert!(profile.contains("opt-level"), "the workspace has a profile");
    profile
}

/// Makes a plugin, runs its tests, and returns the output.
fn made_and_tested(kind: &str, name: &str, folder: &Path) -> String {
    let path = folder.to_str().unwrap();
    let made = new(&[kind, name, "--path", path]);
    assert!(made.status.success(), "{}", said(&made));

    // The plugin uses the lock file, the target folder and the profile of the workspace, so that cargo compiles again
    // only the packages whose features differ.
    let plugin = folder.join(name);
    fs::copy(root().join("Cargo.lock"), plugin.join("Cargo.lock")).unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |target| root().join(target));
    let profile = folder.join("profile.toml");
    fs::write(&profile, profile_of_the_workspace()).unwrap();
    let tested = cargo(&plugin)
        .args(["test", "--offline", "--config", profile.to_str().unwrap()])
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    let text = said(&tested);
    assert!(tested.status.success(), "{text}");

    // The command does not overwrite an existing crate.
    let again = new(&[kind, name, "--path", path]);
    assert!(!again.status.success() && said(&again).contains("is there already"), "{}", said(&again));
    text
}

/// Checks that the places to fill in are marked, and that the README names each file with such a place.
#[track_caller]
fn marks_what_to_fill_in(plugin: &Path, files: &[&str]) {
    let readme = fs::read_to_string(plugin.join("README.md")).unwrap();
    for file in files {
        assert!(fs::read_to_string(plugin.join(file)).unwrap().contains("FILL IN"), "{file}");
        assert!(readme.contains(&format!("`{file}`")), "{file}");
    }
}

/// Checks that a rule's run syncs the files with these endings, and their folder. `text` is the output of cargo, which
/// names the program of the suite.
#[track_caller]
fn syncs_what_it_writes(text: &str, rule: &str, endings: &[&str]) {
    let Some(strace) = strace().or_skip("whether a new plugin syncs what it writes") else { return };
    let program = text.lines().find_map(|line| line.split_once("Running tests/conformance.rs (")).unwrap().1;
    let log = tempfile::NamedTempFile::new().unwrap();
    let traced = Command::new(strace)
        .args(["-f", "-y", "-e", "trace=fsync,fdatasync", "-o", log.path().to_str().unwrap()])
        .args([program.trim_end_matches(')'), rule])
        .output()
        .unwrap();
    assert!(traced.status.success() && said(&traced).contains("1 passed"), "{}", said(&traced));
    let calls = fs::read_to_string(log.path()).unwrap();
    for ending in endings {
        let is_synced = |line: &str| line.contains(&format!("{ending}>")) && line.ends_with("= 0");
        assert!(calls.lines().any(is_synced), "{ending} is not synced by {rule}: {calls}");
    }
}

#[test]
fn a_new_secret_store_passes_its_suite_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = made_and_tested("secret-store", "demo-vault", folder.path());
    for rule in ["demo-vault::SEC-001", "demo-vault::MET-001"] {
        assert!(text.contains(rule), "{rule} was not run: {text}");
    }
    let files = ["Cargo.toml", "src/lib.rs", "src/plugin.rs", "src/settings.rs", "src/document.rs"];
    marks_what_to_fill_in(&folder.path().join("demo-vault"), &files);
}

#[test]
fn a_new_issuer_passes_its_suite_at_once_linked_and_as_an_executable() {
    let folder = tempfile::tempdir().unwrap();
    let text = made_and_tested("issuer", "demo-door", folder.path());
    for rule in ["demo-door::ISS-063", "demo-door::MET-001", "demo-door-executable::ISS-101"] {
        assert!(text.contains(rule), "{rule} was not run: {text}");
    }
    let files = ["Cargo.toml", "src/lib.rs", "src/plugin.rs", "src/issuer.rs", "src/tickets.rs"];
    marks_what_to_fill_in(&folder.path().join("demo-door"), &files);
}

#[test]
fn a_new_certificate_plugin_passes_its_suite_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = made_and_tested("certificate-plugin", "demo-desk", folder.path());
    for rule in ["demo-desk::CER-015", "demo-desk::CER-060", "demo-desk::MET-001"] {
        assert!(text.contains(rule), "{rule} was not run: {text}");
    }
    syncs_what_it_writes(&text, "CER-050", &[".order", ".canceled", "/orders"]);
    let files = ["Cargo.toml", "src/lib.rs", "src/plugin.rs", "src/authority.rs", "src/remote.rs"];
    marks_what_to_fill_in(&folder.path().join("demo-desk"), &files);
}

#[test]
fn a_new_credential_store_passes_its_suite_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = made_and_tested("credential-store", "demo-cabinet", folder.path());
    for rule in ["demo-cabinet::CRE-010", "demo-cabinet::CRE-053", "demo-cabinet::MET-001"] {
        assert!(text.contains(rule), "{rule} was not run: {text}");
    }
    syncs_what_it_writes(&text, "CRE-061", &[".lease", "/leases"]);
    let files = ["Cargo.toml", "src/lib.rs", "src/plugin.rs", "src/store.rs", "src/remote.rs"];
    marks_what_to_fill_in(&folder.path().join("demo-cabinet"), &files);
}

#[test]
fn a_bad_name_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for arguments in [["secret-store", "Demo"], ["issuer", "../demo"], ["cheese", "demo"]] {
        let made = new(&[arguments[0], arguments[1], "--path", path]);
        assert!(!made.status.success(), "{}", said(&made));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
