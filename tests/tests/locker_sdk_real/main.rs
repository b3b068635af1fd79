//! Tests Locker's official SDK of the second generation, with `locker-sdk` as its program.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyway_tests::locker_answer::{self, Accepted};
use keyway_tests::locker_sdk::{ACCESS_KEY_IDS, SECRET_ACCESS_KEY, SdkStores};
use keyway_tests::services::{LOCKER, OrSkip as _, python_with};
use serde_json::Value;

/// Writes a program that runs `locker-sdk` and keeps each request and each answer in a folder.
fn recording_program(folder: &Path) -> PathBuf {
    let (program, records) = (folder.join("locker-cli"), folder.join("records"));
    fs::create_dir(&records).unwrap();
    let script = format!(
        "#!/bin/sh\nrecord='{records}'/$$\ncat > \"$record.request\"\n\
         '{sdk}' \"$@\" < \"$record.request\" > \"$record.answer\"\n\
         status=$?\necho $status > \"$record.status\"\ncat \"$record.answer\"\nexit $status\n",
        records = records.display(),
        sdk = env!("CARGO_BIN_EXE_locker-sdk-of-tests"),
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program
}

/// Judges every recorded answer, and returns the number of answers.
fn judge_all(folder: &Path) -> usize {
    let mut judged = 0;
    for record in fs::read_dir(folder.join("records")).unwrap() {
        let answer = record.unwrap().path();
        if answer.extension().is_none_or(|extension| extension != "answer") {
            continue;
        }
        let request: Value =
            serde_json::from_slice(&fs::read(answer.with_extension("request")).unwrap()).unwrap();
        let status: i32 =
            fs::read_to_string(answer.with_extension("status")).unwrap().trim().parse().unwrap();
        let output = fs::read(&answer).unwrap();
        let (id, method) = (request["id"].as_str().unwrap(), request["method"].as_str().unwrap());
        let accepted = locker_answer::judge(status, &output, id)
            .unwrap_or_else(|refused| panic!("{method}: {refused:?}: {}", String::from_utf8_lossy(&output)));
        if let Accepted::Result { data, .. } = accepted {
            locker_answer::judge_data(method, &data)
                .unwrap_or_else(|refused| panic!("{method}: {refused:?}: {data}"));
        }
        judged += 1;
    }
    judged
}

fn run(store: &str) {
    let Some(python) = python_with(&LOCKER).or_skip("Locker's official SDK over locker-sdk") else { return };
    let stores = SdkStores::new().unwrap();
    let program = recording_program(stores.folder());
    let id = |wanted: &str| ACCESS_KEY_IDS.iter().find(|(name, _)| *name == wanted).unwrap().1;
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python/locker_driver.py"))
        .arg(&program)
        .args([id(store), SECRET_ACCESS_KEY, id("reader"), store])
        .env("XDG_CONFIG_HOME", stores.folder())
        .env("LOCKER_LOG", "error")
        .output()
        .unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.ends_with("done\n"), "{told}\n{errors}");
    assert!(judge_all(stores.folder()) > 150);
    // The program writes its log to standard error, which the SDK does not show. No answer contains the log.
    assert!(!errors.contains(SECRET_ACCESS_KEY), "{errors}");
}

#[test]
fn the_official_sdk_reads_and_writes_records() {
    run("records");
}

#[test]
fn the_official_sdk_reads_and_writes_files_of_convection() {
    run("convection");
}
