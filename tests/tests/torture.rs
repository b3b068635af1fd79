//! Tests the torture of secret stores. The tests make a short run, and check that the torture detects faults.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Plugins, SecretValue, plugins};
use keyway_host::stores::Phase;
use keyway_host::{Host, WorkOutcome};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{NewSecret, SecretAddress, SecretName, SecretStore, StoreName};
use keyway_storage::{Fault, FaultyStorage, Memory, Storage};
use keyway_tests::torture::Options;
use keyway_tests::torture::Report;
use keyway_tests::torture::secrets::{self, Defect};
use serde_json::json;

fn torture(kills: u64, seed: u64, defect: Option<Defect>) -> Report {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_torture"));
    let report =
        secrets::run(&Options { program, kills, seed, most_findings: 20, defect }, &mut |_| {}).unwrap();
    if defect.is_some() {
        report.remove_kept();
    }
    report
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let report = torture(20, 3, None);
    assert_eq!(report.findings, [], "kept in {:?}", report.kept);
    assert!(report.kills >= 20 && report.checks >= 5, "{report:?}");
    assert!(report.acknowledged >= 8, "the writers did write: {report:?}");
}

#[test]
fn a_storage_engine_that_acknowledges_before_it_writes_is_caught() {
    let report = torture(40, 1, Some(Defect::AcknowledgesBeforeWriting));
    assert!(report.lost() > 0, "{report:?}");
}

#[test]
fn a_file_that_is_written_where_it_lies_is_caught() {
    let report = torture(40, 1, Some(Defect::WritesInPlace));
    assert!(report.corrupt() > 0, "{report:?}");
}

#[test]
fn a_batch_that_is_written_in_parts_is_caught() {
    let report = torture(40, 1, Some(Defect::SplitsBatches));
    assert!(report.corrupt() > 0, "{report:?}");
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_torture")).args(arguments).output().unwrap()
}

#[test]
fn the_program_ends_with_the_counts_and_says_how_to_repeat() {
    let output = run(&["secrets", "--kills", "3", "--power-cuts", "0", "--seed", "5"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.lines().last(), Some("lost 0, corrupt 0"), "{text}");
    assert!(text.contains("cargo xtask torture secrets --kills 3 --power-cuts 0 --seed 5"), "{text}");

    let output = run(&["secrets", "--kills", "20", "--defect", "acknowledges-before-writing"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in text.lines().filter_map(|line| line.strip_prefix("the faulty folders were kept in ")) {
        let _ = std::fs::remove_dir_all(line);
    }
}

#[test]
fn an_unknown_argument_is_reported() {
    for arguments in [&[][..], &["cheese"], &["secrets", "--kills", "x"], &["secrets", "--defect", "none"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}

/// Tests the first fault that the torture found. Convection seals with a key drawn from the ring, and during a rotation
/// a handle has a ring of new and old keys, so a write could bring an old key back.
#[tokio::test]
async fn a_handle_from_the_middle_of_a_rotation_does_not_bring_back_old_keys() {
    const PLUGINS: Plugins = plugins! { keyway_generic, keyway_convection };
    let ring = || KeyRing::new([Key::generate().unwrap()]).unwrap();
    let (host_keys, old, new) = (ring(), ring(), ring());
    let start = async |storage: &Arc<dyn Storage>| {
        let registry = PLUGINS.registry().unwrap();
        let built = Host::builder(registry, Arc::clone(storage), host_keys.clone());
        built.store_keys(new.with_retiring(&old)).takeover_after(Duration::ZERO).start().await.unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let name = StoreName::new("s").unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let host = start(&storage).await;
    let stores = host.stores();
    let settings = json!({ "directory": folder.path() });
    stores.create(&name, "convection-generic", settings, &old).await.unwrap();

    // The rotating host ends before it can record that the file is rotated.
    let dying = FaultyStorage::over(&storage).into_engine();
    dying.0.end_after(2, Fault::EndsBefore);
    let rotates = start(&(dying as Arc<dyn Storage>)).await.stores().open_with(&name, &old).await.unwrap();
    rotates.rotate(&new, &|_| {}).await.unwrap_err();
    let both = new.with_retiring(&old);
    let from_the_middle = stores.open_with(&name, &both).await.unwrap();
    assert_eq!(from_the_middle.state().await.unwrap().phase, Phase::Rotating);
    for report in start(&storage).await.recover().await.unwrap() {
        assert!(matches!(report.outcome, WorkOutcome::Settled), "{report:?}");
    }
    // If a store still drew one of two keys for each write, it would pass this check only once in 2^30 times.
    for number in 0..30 {
        let address = SecretAddress::shared(SecretName::new(format!("a{number}")).unwrap());
        from_the_middle.create(NewSecret::new(address, SecretValue::text("1"))).await.unwrap();
        stores.open_with(&name, &new).await.unwrap();
    }
}
