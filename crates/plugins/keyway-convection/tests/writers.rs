//! Tests several writers, and writers that are killed: no write is lost, and no write is partial.

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use keyway_core::PluginError as _;
use keyway_seal::KeyRing;
use keyway_secrets::StoreError;
use pollster::block_on;
use support::*;

/// A fixed key, because all processes of this test need the same one. It is public.
const KEY: &str = "cHVibGljLXRlc3Qta2V5LW5vdC1mb3ItcmVhbC11c2U=";

fn shared_ring() -> KeyRing {
    KeyRing::parse([KEY]).unwrap()
}

#[test]
fn handles_in_many_threads_lose_no_update() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(3);
    block_on(open(root.path(), &keys).initialize()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (root, keys) = (root.path(), &keys);
            scope.spawn(move || {
                let store = open(root, keys);
                for number in 0..15 {
                    create(&*store, &format!("{thread}-{number}"), "v").unwrap();
                    // Readers take no lock and never see a partial file.
                    assert_eq!(get(&*store, &format!("{thread}-{number}")).unwrap(), "v");
                }
            });
        }
    });
    assert_eq!(names(&*open(root.path(), &keys)).unwrap().len(), 60);
}

#[test]
fn of_those_who_initialize_at_once_one_does() {
    for _ in 0..20 {
        let root = tempfile::tempdir().unwrap();
        let keys = ring(1);
        let barrier = Barrier::new(4);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let store = open(root.path(), &keys);
                        barrier.wait();
                        block_on(store.initialize())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let others = outcomes.iter().filter(|outcome| matches!(outcome, Err(StoreError::AlreadyInitialized)));
        assert_eq!(others.count(), 3, "{outcomes:?}");
    }
}

#[test]
fn deleting_and_making_again_goes_well_with_others_who_write() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let until = Instant::now() + Duration::from_millis(500);
    std::thread::scope(|scope| {
        let (root, keys) = (root.path(), &keys);
        scope.spawn(move || {
            while Instant::now() < until {
                // Each round needs a new handle, because a handle that has deleted the store never uses a store that is
                // made later.
                let _ = block_on(open(root, keys).initialize());
                block_on(open(root, keys).marked_for_delete()).unwrap();
            }
        });
        for thread in 0..3 {
            scope.spawn(move || {
                let store = open(root, keys);
                let mut number = 0;
                while Instant::now() < until {
                    number += 1;
                    let name = format!("{thread}-{number}");
                    match create(&*store, &name, "v") {
                        Ok(()) | Err(StoreError::NotInitialized) => {}
                        other => panic!("{other:?}"),
                    }
                    match block_on(store.initialize()) {
                        Ok(()) | Err(StoreError::AlreadyInitialized) => {}
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    let left = files_in(&root.path().join("secrets"));
    assert!(!left.iter().any(|name| name == ".s.keyway-new"), "{left:?}");
}

#[test]
fn files_of_a_dead_writer_are_swept_away() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    let folder = root.path().join("secrets");
    fs::write(folder.join(".s.keyway-new"), "half a tok").unwrap();
    assert_eq!(names(&*store).unwrap(), Vec::<String>::new());
    create(&*store, "a", "1").unwrap();
    assert_eq!(files_in(&folder), [".s.keyway-lock", "s"]);
    fs::write(folder.join(".s.keyway-new"), "half a tok").unwrap();
    block_on(store.marked_for_delete()).unwrap();
    assert!(files_in(&folder).is_empty());
}

/// Runs in the process that the next test kills, and is not a test of its own. The process ends after a minute, in case
/// the next test dies before it can kill the process.
#[test]
#[ignore = "started by another test"]
fn write_until_killed() {
    let Some(root) = std::env::var_os("KEYWAY_TEST_ROOT") else { return };
    let store = open(root.as_ref(), &shared_ring());
    let started = Instant::now();
    for number in 0_u64.. {
        if started.elapsed() > Duration::from_secs(60) {
            return;
        }
        let name = format!("{}-{number}", std::process::id());
        create(&*store, &name, &"v".repeat(2000)).unwrap();
        block_on(store.destroy(&at(&name), None)).unwrap();
    }
}

#[test]
fn writers_killed_at_any_moment_leave_a_whole_file() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), &shared_ring());
    block_on(store.initialize()).unwrap();
    create(&*store, "keep", "1").unwrap();
    for round in 0..15_u64 {
        let mut writers: Vec<_> = (0..2)
            .map(|_| {
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "write_until_killed", "--ignored", "--quiet"])
                    .env("KEYWAY_TEST_ROOT", root.path())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        std::thread::sleep(Duration::from_millis(60 + 7 * round));
        for writer in &mut writers {
            assert!(writer.try_wait().unwrap().is_none(), "it wrote until it was killed");
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        assert_eq!(get(&*store, "keep").unwrap(), "1");
        // A killed writer may have held the lock. The system has released the lock, so another writer can take it.
        create(&*store, &format!("after {round}"), "2").unwrap();
    }
    let kept = names(&*store).unwrap();
    assert!(kept.len() >= 16 && kept[0] == "keep", "{kept:?}");
    assert!(block_on(store.info()).unwrap().writes > 40, "the writers did write");
}

#[test]
#[cfg(unix)]
fn a_write_that_fails_leaves_the_file_and_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    create(&*store, "a", "1").unwrap();
    let folder = root.path().join("secrets");
    let before = fs::read(folder.join("s")).unwrap();
    // A folder in place of the temporary file stops every writer, even root.
    fs::create_dir(folder.join(".s.keyway-new")).unwrap();
    fs::write(folder.join(".s.keyway-new/x"), "").unwrap();
    assert!(matches!(create(&*store, "b", "2"), Err(StoreError::System { .. })));
    assert!(matches!(block_on(store.rotate(&ring(1), &|_| {})), Err(StoreError::System { .. })));
    assert_eq!(fs::read(folder.join("s")).unwrap(), before);
    fs::remove_dir_all(folder.join(".s.keyway-new")).unwrap();
    create(&*store, "b", "2").unwrap();
    assert_eq!(names(&*open(root.path(), &keys)).unwrap(), ["a", "b"]);
    // After a write only the owner may read the file, whatever its mode was before.
    fs::set_permissions(folder.join("s"), fs::Permissions::from_mode(0o644)).unwrap();
    create(&*store, "c", "3").unwrap();
    assert_eq!(fs::metadata(folder.join("s")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
#[cfg(unix)]
fn a_link_stays_a_link_and_other_things_are_no_files() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let real = root.path().join("real");
    let link = root.path().join("link");
    let at_path = |path: &std::path::Path| open_with(serde_json::json!({ "path": path }), &keys);
    block_on(at_path(&real).initialize()).unwrap();
    std::os::unix::fs::symlink("real", &link).unwrap();
    create(&*at_path(&link), "a", "1").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(get(&*at_path(&real), "a").unwrap(), "1");
    assert_eq!(files_in(root.path()), [".real.keyway-lock", "link", "real"]);

    let folder = root.path().join("folder");
    fs::create_dir(&folder).unwrap();
    assert!(matches!(names(&*at_path(&folder)), Err(StoreError::NotReady { .. })));
    assert!(matches!(block_on(at_path(&folder).initialize()), Err(StoreError::NotReady { .. })));
}

/// Tests a lock file that is a symbolic link, which the host must refuse. With such a link, the owner of the folder
/// could make a more privileged host create or lock another file.
#[test]
#[cfg(unix)]
fn a_lock_that_is_a_link_is_refused_and_what_it_leads_to_untouched() {
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    let lock = root.path().join("secrets/.s.keyway-lock");
    let victim = root.path().join("victim");
    for victim_is_there in [false, true] {
        if victim_is_there {
            fs::write(&victim, "").unwrap();
        }
        fs::remove_file(&lock).unwrap();
        std::os::unix::fs::symlink(&victim, &lock).unwrap();
        // If the link were followed, this lock on its target would stop every writer.
        let held = victim_is_there.then(|| {
            let victim = fs::File::open(&victim).unwrap();
            victim.lock().unwrap();
            victim
        });
        let error = create(&*store, "a", "1").unwrap_err();
        assert!(matches!(error, StoreError::NotReady { .. }), "{error:?}");
        assert!(error.detail().contains("symbolic link"), "{}", error.detail());
        assert_eq!(victim.exists(), victim_is_there);
        drop(held);
    }
    fs::remove_file(&lock).unwrap();
    create(&*store, "a", "1").unwrap();
}

/// Tests that a write by root, who may write every file, does not change the owner of the files.
#[test]
#[cfg(unix)]
fn a_file_keeps_its_owner() {
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt, chown};
    const SERVICE: u32 = 54321;
    let root = tempfile::tempdir().unwrap();
    let keys = ring(1);
    let store = open(root.path(), &keys);
    block_on(store.initialize()).unwrap();
    let folder = root.path().join("secrets");
    let files = [folder.join("s"), folder.join(".s.keyway-lock")];
    if [&folder, &files[0], &files[1]].iter().any(|file| chown(file, Some(SERVICE), Some(SERVICE)).is_err()) {
        // Reports the skip to `cargo xtask test`.
        if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
            let mut report = fs::File::options().create(true).append(true).open(report).unwrap();
            report.write_all(b"root\tstore files of others\tonly root gives files away\n").unwrap();
        }
        return;
    }
    // The writer must keep the owner of the lock file, and must also give a new lock file to the owner of the folder.
    for lock_is_there in [true, false] {
        if !lock_is_there {
            fs::remove_file(&files[1]).unwrap();
        }
        create(&*store, &format!("{lock_is_there}"), "1").unwrap();
        for file in &files {
            let found = fs::metadata(file).unwrap();
            assert_eq!((found.uid(), found.gid()), (SERVICE, SERVICE), "{}", file.display());
            assert_eq!(found.mode() & 0o777, 0o600);
        }
    }
}
