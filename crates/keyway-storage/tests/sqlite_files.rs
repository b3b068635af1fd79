//! Tests the SQLite engine on its own files, damaged files and foreign files.
#![cfg(feature = "sqlite")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Sqlite, Storage, StorageError};
use pollster::block_on;
use tempfile::TempDir;

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Creates a store file with small, middle and large values, closes it, and returns its content.
fn sample(folder: &Path) -> (PathBuf, Records) {
    let path = folder.join("store.db");
    let store = Sqlite::open_or_create(&path).unwrap();
    let mut records = Records::new();
    for item in 0..150_u8 {
        let length = match item % 10 {
            0 => 700,
            1 => 9_000,
            _ => 60,
        };
        records.insert(vec![b'k', item.wrapping_mul(89), item], vec![item; length]);
    }
    let batch = records
        .iter()
        .fold(Batch::new(), |batch, (key, value)| batch.put(key.clone(), value.clone(), Expectation::Absent));
    assert!(matches!(block_on(store.commit(batch)), Ok(CommitOutcome::Committed(_))));
    assert_eq!(store.verify().unwrap(), 150);
    store.close();
    assert_eq!(siblings(folder), ["store.db"], "a closed store is one file");
    (path, records)
}

fn siblings(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Reads all records with `get`, `scan` and `verify`, and compares them with the expected ones. A wrong value fails the
/// test, because damage must be reported as an error.
fn reads_as(store: &Sqlite, records: &Records) -> Result<(), StorageError> {
    let mut same = true;
    for (key, value) in records {
        match block_on(store.get(key)) {
            Ok(Some(record)) => assert_eq!(&record.value, value, "a wrong value was handed out"),
            Ok(None) => same = false,
            Err(error) => return Err(error),
        }
    }
    let page = block_on(store.scan(&KeyRange::all(), None, usize::MAX))?;
    for entry in &page.entries {
        assert_eq!(Some(&entry.value), records.get(&entry.key), "a wrong record was handed out");
    }
    same &= page.entries.len() == records.len();
    let verified = store.verify();
    assert!(same || verified.is_err(), "records are missing, and no read noticed");
    verified.map(drop)
}

fn open_and_read(path: &Path, records: &Records) -> Result<(), StorageError> {
    reads_as(&Sqlite::open_or_create(path)?, records)
}

#[test]
fn a_truncated_file_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let (path, records) = sample(folder.path());
    let whole = fs::read(&path).unwrap();
    let lengths = [1, 15, 99, 100, 512, 4095, 4096, 4097, 8192, whole.len() / 2, whole.len() - 4096];
    for length in lengths.into_iter().chain([whole.len() - 1]) {
        fs::write(&path, &whole[..length]).unwrap();
        let error = open_and_read(&path, &records).unwrap_err();
        assert!(
            matches!(error, StorageError::Corrupt { .. }),
            "{length} of {} bytes: {error:?}",
            whole.len()
        );
    }
    fs::write(&path, []).unwrap();
    let error = Sqlite::open_or_create(&path).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error:?}");
    assert!(fs::read(&path).unwrap().is_empty(), "an emptied file is not taken for a new one");
    fs::write(&path, &whole).unwrap();
    open_and_read(&path, &records).unwrap();
}

#[test]
fn a_flipped_bit_gives_an_error_or_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, records) = sample(folder.path());
    let whole = fs::read(&path).unwrap();
    let (mut recognised, mut seed) = (0, 0x2545_f491_4f6c_dd1d_u64);
    let header = (0..100).map(|byte| byte * 8);
    let anywhere = (0..500).map(|_| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % (whole.len() as u64 * 8)).unwrap()
    });
    for bit in header.chain(anywhere).collect::<Vec<_>>() {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, damaged).unwrap();
        match open_and_read(&path, &records) {
            Ok(()) => {}
            Err(StorageError::Corrupt { .. }) => recognised += 1,
            // Some bits of the file header tell which program the file belongs to, and which version of its schema it
            // has.
            Err(StorageError::Foreign { .. } | StorageError::Newer { .. }) if bit / 8 < 100 => {}
            // The bytes 18 and 19 tell which versions of SQLite may write and read the file.
            Err(StorageError::Engine { .. }) if (18..20).contains(&(bit / 8)) => {}
            Err(error) => panic!("bit {bit}: {error:?}"),
        }
    }
    assert!(recognised > 300, "only {recognised} flips were recognised");
}

#[test]
fn a_large_value_that_is_lost_or_left_over_is_recognised() {
    for damage in ["DELETE FROM large_values WHERE id = 3", "INSERT INTO large_values (value) VALUES (x'00')"]
    {
        let folder = tempfile::tempdir().unwrap();
        let (path, records) = sample(folder.path());
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(damage).unwrap();
        drop(connection);
        let error = open_and_read(&path, &records).unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { .. }), "{error:?}");
    }
}

#[test]
fn a_write_to_a_record_that_lost_its_large_value_is_stored() {
    for length in [1000, 3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = Sqlite::open_or_create(&path).unwrap();
        let put = |length| block_on(store.commit(Batch::new().put("a", vec![7; length], Expectation::Any)));
        assert!(put(1200).is_ok());
        rusqlite::Connection::open(&path).unwrap().execute_batch("DELETE FROM large_values").unwrap();
        assert!(put(length).is_ok());
        assert_eq!(block_on(store.get(b"a")).unwrap().unwrap().value, vec![7; length]);
        assert_eq!(store.verify().unwrap(), 1);
    }
}

#[test]
fn large_values_come_and_go_with_their_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open_or_create(&path).unwrap();
    let large = || {
        rusqlite::Connection::open(&path)
            .unwrap()
            .query_row("SELECT count(*) FROM large_values", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let put = |length: usize| {
        assert!(block_on(store.commit(Batch::new().put("a", vec![7; length], Expectation::Any))).is_ok());
        assert_eq!(block_on(store.get(b"a")).unwrap().unwrap().value, vec![7; length]);
        assert_eq!(store.verify().unwrap(), 1);
        large()
    };
    assert_eq!([1000, 1200, 939, 940, 3, 100_000].map(put), [1, 1, 0, 1, 0, 1]);
    assert!(block_on(store.commit(Batch::new().delete("a", Expectation::Any))).is_ok());
    assert_eq!((large(), store.verify().unwrap()), (0, 0));
    let lost = Batch::new().put("b", vec![1; 1000], Expectation::Absent).put("c", "", Expectation::Absent);
    assert!(block_on(store.commit(Batch::new().put("c", "", Expectation::Any))).is_ok());
    assert_eq!(block_on(store.commit(lost)).unwrap(), CommitOutcome::Conflict { item: 1 });
    assert_eq!(large(), 0, "a batch that lost leaves nothing behind");
}

/// Opens `path`, which must be refused, and checks that nothing in the folder changed.
fn refused(folder: &TempDir, path: &Path) -> StorageError {
    let state = |path: &Path| (fs::read(path).ok(), fs::metadata(path).and_then(|data| data.modified()).ok());
    let (names, before) = (siblings(folder.path()), state(path));
    let error = Sqlite::open_or_create(path).unwrap_err();
    assert_eq!(siblings(folder.path()), names);
    assert!(state(path) == before, "the file was touched");
    error
}

#[test]
fn other_peoples_files_are_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    fs::write(&path, "just a text, but long enough that it could be a header of 100 bytes".repeat(9))
        .unwrap();
    assert!(matches!(refused(&folder, &path), StorageError::Corrupt { .. }));

    for (mode, id) in [("DELETE", 0), ("WAL", 0), ("WAL", 77)] {
        let path = folder.path().join(format!("{mode}{id}.db"));
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = {mode}; PRAGMA application_id = {id};
                 CREATE TABLE records (key, value); INSERT INTO records VALUES (1, 2);"
            ))
            .unwrap();
        drop(connection);
        match refused(&folder, &path) {
            StorageError::Foreign { application_id, path: named } => {
                assert_eq!((application_id, &named), (id, &path));
            }
            error => panic!("{error:?}"),
        }
    }
    let error = refused(&folder, folder.path());
    assert!(!matches!(error, StorageError::Foreign { .. }), "a folder: {error:?}");
}

#[test]
fn a_newer_or_altered_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = sample(folder.path());
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    match refused(&folder, &path) {
        StorageError::Newer { found: 2, known: 1, .. } => {}
        error => panic!("{error:?}"),
    }
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 1; ALTER TABLE records RENAME COLUMN value TO worth")
        .unwrap();
    let error = Sqlite::open_or_create(&path).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_log_without_its_store_is_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(folder.path().join("store.db-wal"), [0; 32]).unwrap();
    assert!(matches!(refused(&folder, &path), StorageError::Corrupt { .. }));
    assert!(!path.exists());
}

/// Tests that opening does not replace a deleted database by an empty one, and that creating does not replace an
/// existing database.
#[test]
fn opening_makes_no_store_and_creating_opens_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let missing = Sqlite::open(&path).unwrap_err();
    assert!(matches!(&missing, StorageError::NoFile { path: named } if *named == path), "{missing:?}");
    assert!(
        missing.to_string().contains("store.db") && missing.to_string().contains("`create`"),
        "{missing}"
    );
    assert!(!path.exists());
    drop(Sqlite::create(&path).unwrap());
    let before = fs::read(&path).unwrap();
    let there = Sqlite::create(&path).unwrap_err();
    assert!(matches!(&there, StorageError::FileExists { path: named } if *named == path), "{there:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
    Sqlite::open(&path).unwrap();
}

#[test]
fn a_missing_folder_is_an_error_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let error = Sqlite::open_or_create(folder.path().join("missing").join("store.db")).unwrap_err();
    assert!(matches!(error, StorageError::Engine { .. }), "{error:?}");
}

#[test]
fn odd_names_are_only_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b?mode=memory#x%41.db", "ü&immutable=1.db", "file:x.db"] {
        let path = folder.path().join(name);
        let store = Sqlite::open_or_create(&path).unwrap();
        assert!(block_on(store.commit(Batch::new().put("a", "1", Expectation::Any))).is_ok());
        drop(store);
        assert!(block_on(Sqlite::open_or_create(&path).unwrap().get(b"a")).unwrap().is_some());
        assert!(siblings(folder.path()).contains(&name.to_owned()));
    }
    assert_eq!(siblings(folder.path()).len(), 3);
}

#[cfg(unix)]
#[test]
fn a_path_with_two_slashes_in_front_is_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = PathBuf::from(format!("/{}", folder.path().join("store.db").display()));
    let store = Sqlite::open_or_create(&path).unwrap();
    assert!(block_on(store.commit(Batch::new().put("a", "1", Expectation::Any))).is_ok());
    assert_eq!(store.verify().unwrap(), 1);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open_or_create(folder.path().join("store.db")).unwrap();
    assert!(block_on(store.commit(Batch::new().put("a", "1", Expectation::Any))).is_ok());
    assert_eq!(siblings(folder.path()), ["store.db", "store.db-shm", "store.db-wal"]);
    for name in siblings(folder.path()) {
        let mode = fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Tests that the log stays short, because a long log makes commits slow.
#[test]
fn the_log_of_small_commits_does_not_grow_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open_or_create(folder.path().join("store.db")).unwrap();
    let mut longest = 0;
    for commit in 0..120_u32 {
        let batch = (0..40_u32).fold(Batch::new(), |batch, item| {
            // The keys are in no order, so every commit changes many pages of the B-tree.
            let key = (commit * 40 + item).wrapping_mul(2_654_435_761).to_be_bytes();
            batch.put(key, vec![7; 500], Expectation::Absent)
        });
        assert!(matches!(block_on(store.commit(batch)), Ok(CommitOutcome::Committed(_))));
        longest = longest.max(fs::metadata(folder.path().join("store.db-wal")).unwrap().len());
    }
    assert!((1 << 20..5 << 20).contains(&longest), "{longest} bytes");
}

#[test]
fn a_closed_store_says_so_and_two_handles_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (one, other) = (Sqlite::open_or_create(&path).unwrap(), Sqlite::open_or_create(&path).unwrap());
    let clone = one.clone();
    assert!(block_on(one.commit(Batch::new().put("a", "1", Expectation::Any))).is_ok());
    one.close();
    one.close();
    assert!(matches!(block_on(clone.get(b"a")), Err(StorageError::Closed)));
    assert!(matches!(block_on(clone.scan(&KeyRange::all(), None, 1)), Err(StorageError::Closed)));
    assert!(matches!(block_on(clone.commit(Batch::new())), Err(StorageError::Closed)));
    assert!(matches!(clone.verify(), Err(StorageError::Closed)));
    assert!(block_on(other.get(b"a")).unwrap().is_some());
    assert!(block_on(other.commit(Batch::new().put("a", "2", Expectation::Any))).is_ok());
}

/// Tests a schema object that was planted by an account that could once write to the file. The store refuses the file,
/// and the object has no effect.
#[test]
fn a_planted_schema_object_is_refused_and_does_nothing() {
    let undo = "CREATE TRIGGER undo AFTER UPDATE ON records BEGIN DELETE FROM records; END";
    for (what, planted) in [
        ("trigger", undo),
        ("view", "CREATE VIEW shadow AS SELECT * FROM records"),
        ("index", "CREATE INDEX by_revision ON records (revision)"),
        ("table", "CREATE TABLE shadow (key, value)"),
        ("column", "ALTER TABLE records ADD COLUMN more ANY"),
        (
            "endless view",
            "DROP TABLE records; CREATE VIEW records AS \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
             SELECT x'00' AS key, i AS revision, 0 AS checksum, x'' AS value FROM n WHERE i < 0",
        ),
        ("lost table", "DROP TABLE large_values"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (path, _) = sample(folder.path());
        let other = rusqlite::Connection::open(&path).unwrap();
        let open = Sqlite::open_or_create(&path).unwrap();
        // The connection for writing is open from the first commit on.
        assert!(block_on(open.commit(Batch::new().put("first", "1", Expectation::Any))).is_ok());
        other.execute_batch(planted).unwrap();
        let verified = open.verify();
        assert!(matches!(verified, Err(StorageError::Corrupt { .. })), "{what}: {verified:?}");
        if planted == undo {
            let key = vec![b'k', 0, 0];
            let written = block_on(open.commit(Batch::new().put(key.clone(), "new", Expectation::Any)));
            assert!(matches!(written, Ok(CommitOutcome::Committed(_))), "{written:?}");
            let read = block_on(open.get(&key)).unwrap();
            assert_eq!(read.expect("a trigger took it").value, b"new");
        }
        drop((open, other));
        let error = Sqlite::open_or_create(&path).map(drop).expect_err(what);
        assert!(matches!(error, StorageError::Corrupt { .. }), "{what}: {error:?}");
    }
}

#[cfg(unix)]
const UNWRITABLE: &str = "KEYWAY_STORAGE_TEST_UNWRITABLE";

/// Checks that opening a file is refused if the process cannot write it. Runs in a child process that the next test
/// starts, and does nothing without the environment variable.
#[cfg(unix)]
#[test]
fn child_of_another_user() {
    let Some(path) = std::env::var_os(UNWRITABLE) else { return };
    match Sqlite::open_or_create(&path) {
        Err(error @ StorageError::ReadOnly { .. }) => {
            assert!(error.to_string().contains("store.db cannot be written"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

/// Tests that a read-only file is refused. Otherwise, SQLite would create companion files that belong to the user who
/// may only read, and these files would lock out the owner.
#[cfg(unix)]
#[test]
fn a_file_that_may_only_be_read_is_refused_and_not_touched() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (path, records) = sample(folder.path());
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&path, 0o444);
    mode(folder.path(), 0o777);
    let root = fs::metadata(&path).unwrap().uid() == 0;
    // The other user may be unable to read the folder that holds this program, so the child process runs a copy.
    let program = tempfile::tempdir().unwrap();
    mode(program.path(), 0o755);
    let copy = program.path().join("child");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut child = std::process::Command::new(copy);
    child.args(["--exact", "child_of_another_user", "--nocapture"]).env(UNWRITABLE, &path);
    if root {
        child.uid(65534).gid(65534);
    }
    let output = child.current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(siblings(folder.path()), ["store.db"], "companions of another user");
    mode(&path, 0o600);
    open_and_read(&path, &records).unwrap();
}
