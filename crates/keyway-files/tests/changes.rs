//! Tests changes of a shared file while programs without a lock write to it.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Duration;

use keyway_files::{FileError, Found, Rights, SharedFile};

const MAX_BYTES: usize = 64 * 1024;

fn file() -> (tempfile::TempDir, SharedFile) {
    let folder = tempfile::tempdir().unwrap();
    let file = SharedFile::resolve(&folder.path().join("f"), Rights::Private, MAX_BYTES).unwrap();
    (folder, file)
}

/// Appends a line. Calls `meanwhile` between reading the file and writing it.
fn append(file: &SharedFile, mut meanwhile: impl FnMut(usize)) -> Result<usize, FileError> {
    let mut asked = 0;
    let changed = file.change(Duration::from_secs(10), |content| {
        asked += 1;
        meanwhile(asked);
        Ok::<_, ()>((Some([content.unwrap_or_default(), b"ours\n"].concat()), asked))
    });
    changed.map(|edited| edited.unwrap())
}

fn names(folder: &tempfile::TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_line_written_meanwhile_is_not_lost() {
    let (_folder, file) = file();
    let write = |text: &str| {
        let mut file = File::options().append(true).create(true).open(file.path()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    // In each of the first four attempts, another program creates, extends, replaces or removes the file.
    let asked = append(&file, |asked| match asked {
        1 => write("first\n"),
        2 => write("second\n"),
        3 => {
            let other = file.path().with_file_name("other");
            fs::write(&other, "third\n").unwrap();
            fs::rename(other, file.path()).unwrap();
        }
        4 => fs::remove_file(file.path()).unwrap(),
        _ => {}
    });
    assert_eq!(asked.unwrap(), 5);
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "ours\n");
    let asked = append(&file, |asked| {
        if asked == 1 {
            write("theirs\n");
        }
    });
    assert_eq!(asked.unwrap(), 2);
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "ours\ntheirs\nours\n");
}

/// Tests two changes with the same time stamp: file times are as coarse as the ticks of the system's clock.
#[test]
fn a_line_of_the_same_length_written_in_the_same_moment_is_not_lost() {
    let (_folder, file) = file();
    for _ in 0..50 {
        fs::write(file.path(), "theirs, 1\n").unwrap();
        append(&file, |asked| {
            if asked == 1 {
                let mut there = File::options().write(true).open(file.path()).unwrap();
                there.write_all(b"theirs, 2\n").unwrap();
            }
        })
        .unwrap();
        assert_eq!(fs::read_to_string(file.path()).unwrap(), "theirs, 2\nours\n");
    }
}

#[test]
fn a_file_that_changes_all_the_time_is_busy_and_nothing_is_left_behind() {
    let (folder, file) = file();
    let error = append(&file, |asked| fs::write(file.path(), "x".repeat(asked)).unwrap()).unwrap_err();
    assert!(matches!(error, FileError::Busy(_)), "{error:?}");
    assert!(error.leaves_no_effect());
    assert!(fs::read_to_string(file.path()).unwrap().starts_with('x'));
    assert_eq!(names(&folder), [".f.keyway-lock", "f"]);
}

#[test]
fn a_file_that_is_too_long_is_neither_read_nor_written() {
    let (_folder, file) = file();
    let write = |length: usize| {
        let changed = file.change(Duration::ZERO, |content| {
            Ok::<_, ()>((Some(vec![b'x'; length]), content.map(<[u8]>::len)))
        });
        changed.map(|edited| edited.unwrap())
    };
    assert_eq!(write(MAX_BYTES).unwrap(), None);
    assert!(matches!(write(MAX_BYTES + 1), Err(FileError::TooLong { limit: MAX_BYTES, .. })));
    assert_eq!(write(1).unwrap(), Some(MAX_BYTES));
    File::create(file.path()).unwrap().set_len(MAX_BYTES as u64 + 1).unwrap();
    for outcome in [
        write(1).map(|_| ()),
        file.read().map(|_| ()),
        keyway_files::read(&file.path(), MAX_BYTES).map(|_| ()),
        keyway_files::read_private(&file.path(), MAX_BYTES).map(|_| ()),
    ] {
        assert!(matches!(outcome, Err(FileError::TooLong { .. } | FileError::Exposed { .. })), "{outcome:?}");
    }
}

/// Tests a file whose content is longer than its reported length: files of `/proc` report zero, and other files may
/// grow.
#[test]
#[cfg(target_os = "linux")]
fn a_file_longer_than_its_reported_length_is_read_within_the_bound() {
    let path = std::path::Path::new("/proc/version");
    let whole = fs::read(path).unwrap();
    assert_eq!(fs::metadata(path).unwrap().len(), 0);
    assert!(whole.len() > 16);
    assert_eq!(keyway_files::read(path, 1 << 20).unwrap().unwrap(), whole);
    assert_eq!(keyway_files::read(path, whole.len()).unwrap().unwrap(), whole);
    let error = keyway_files::read(path, 16).unwrap_err();
    assert!(matches!(error, FileError::TooLong { limit: 16, .. }), "{error:?}");
}

#[test]
fn an_error_of_the_editor_changes_nothing() {
    let (_folder, file) = file();
    fs::write(file.path(), "theirs").unwrap();
    let refused = file.change(Duration::ZERO, |_| Err::<(Option<Vec<u8>>, ()), _>("no"));
    assert!(matches!(refused, Ok(Err("no"))));
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "theirs");
}

#[test]
fn a_removed_file_leaves_nothing_behind() {
    let (folder, file) = file();
    append(&file, |_| {}).unwrap();
    let lock = file.lock(Duration::ZERO).unwrap();
    fs::write(folder.path().join(".f.keyway-new"), "half").unwrap();
    file.remove(lock).unwrap();
    assert!(names(&folder).is_empty());
    assert!(file.read().unwrap().is_none());
}

#[test]
fn debug_output_does_not_show_the_content() {
    let (_folder, file) = file();
    append(&file, |_| {}).unwrap();
    let found: Found = file.read().unwrap().unwrap();
    assert_eq!(format!("{found:?}"), "Found { bytes: 5, .. }");
}
