//! Tests links and special files that take the place of regular files.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyway_files::{FileError, FilePath, Rights, SharedFile};

struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        Self { _folder: folder, path }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn strict(path: &Path) -> Result<SharedFile, FileError> {
    SharedFile::open(&FilePath::new(path.to_str().unwrap()).unwrap(), Rights::Private, 1024)
}

fn write(file: &SharedFile) -> Result<(), FileError> {
    file.change(Duration::from_millis(200), |_| Ok::<_, ()>((Some(b"new".to_vec()), ()))).map(Result::unwrap)
}

#[test]
fn a_strict_path_follows_no_link() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.at("real")).unwrap();
    symlink(fixture.at("real"), fixture.at("link")).unwrap();
    assert!(strict(&fixture.at("real/f")).is_ok());
    assert!(
        matches!(strict(&fixture.at("link/f")), Err(FileError::NotADirectory(path)) if path == fixture.at("link"))
    );
    assert!(matches!(strict(&fixture.at("none/f")), Err(FileError::NoDirectory(_))));
}

#[test]
fn a_resolved_path_leads_to_the_target_of_the_link() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.at("real")).unwrap();
    fs::write(fixture.at("real/f"), "old").unwrap();
    symlink("real/f", fixture.at("link")).unwrap();
    write(&SharedFile::resolve(&fixture.at("link"), Rights::Private, 1024).unwrap()).unwrap();
    assert!(fs::symlink_metadata(fixture.at("link")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(fixture.at("real/f")).unwrap(), "new");
    assert!(fixture.at("real/.f.keyway-lock").exists(), "all writers meet at one lock");
}

#[test]
fn a_link_leads_to_its_target_before_the_target_exists() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.at("real")).unwrap();
    symlink("real/f", fixture.at("second")).unwrap();
    symlink(fixture.at("second"), fixture.at("link")).unwrap();
    write(&SharedFile::resolve(&fixture.at("link"), Rights::Private, 1024).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(fixture.at("real/f")).unwrap(), "new");
    assert!(fs::symlink_metadata(fixture.at("link")).unwrap().is_symlink());
    symlink("circle", fixture.at("circle")).unwrap();
    assert!(SharedFile::resolve(&fixture.at("circle"), Rights::Private, 1024).is_err());
}

#[test]
fn a_link_in_place_of_file_lock_or_draft_is_not_followed() {
    for (name, refused) in [("f", true), (".f.keyway-lock", true), (".f.keyway-new", false)] {
        for victim_is_there in [true, false] {
            let fixture = Fixture::new();
            if victim_is_there {
                fs::write(fixture.at("victim"), "theirs").unwrap();
            }
            symlink(fixture.at("victim"), fixture.at(name)).unwrap();
            let outcome = write(&strict(&fixture.at("f")).unwrap());
            if refused {
                assert!(
                    matches!(&outcome, Err(FileError::NotAFile(path)) if *path == fixture.at(name)),
                    "{outcome:?}"
                );
            } else {
                outcome.unwrap();
                assert_eq!(fs::read_to_string(fixture.at("f")).unwrap(), "new");
            }
            assert_eq!(
                fs::read_to_string(fixture.at("victim")).ok().as_deref(),
                victim_is_there.then_some("theirs")
            );
        }
    }
}

fn make_pipe(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

/// Tests an attack: the owner of the folder exchanges a file for a pipe while it is opened.
#[test]
fn a_pipe_that_takes_the_place_of_a_file_meanwhile_blocks_no_read() {
    let fixture = Fixture::new();
    let [path, file, next] = ["f", "file", "next"].map(|name| fixture.at(name));
    fs::write(&file, "x").unwrap();
    fs::hard_link(&file, &path).unwrap();
    let (ended, end) = std::sync::mpsc::channel();
    let is_over = Arc::new(AtomicBool::new(false));
    let reader = (path.clone(), Arc::clone(&is_over));
    std::thread::spawn(move || {
        let (path, is_over) = reader;
        while !is_over.load(Ordering::SeqCst) {
            let read = keyway_files::read(&path, 9);
            assert!(matches!(read, Ok(Some(_)) | Err(FileError::NotAFile(_))), "{read:?}");
        }
        ended.send(()).unwrap();
    });
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(500) {
        make_pipe(&next);
        fs::rename(&next, &path).unwrap();
        fs::hard_link(&file, &next).unwrap();
        fs::rename(&next, &path).unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    end.recv_timeout(Duration::from_secs(30)).expect("a read ends");
}

/// Tests that a pipe is refused without waiting for its other end, and that a folder is refused.
#[test]
fn a_pipe_or_a_folder_is_refused() {
    for name in ["f", ".f.keyway-lock"] {
        for is_pipe in [true, false] {
            let fixture = Fixture::new();
            let path = fixture.at(name);
            if is_pipe {
                make_pipe(&path);
            } else {
                fs::create_dir(&path).unwrap();
            }
            let outcomes = [
                write(&strict(&fixture.at("f")).unwrap()),
                keyway_files::read(&path, 9).map(|_| ()),
                keyway_files::read_private(&path, 9).map(|_| ()),
            ];
            for outcome in outcomes {
                assert!(matches!(outcome, Err(FileError::NotAFile(_))), "{name}: {outcome:?}");
            }
        }
    }
}

#[test]
fn a_path_through_a_file_finds_no_file() {
    let fixture = Fixture::new();
    fs::write(fixture.at("f"), "").unwrap();
    assert!(keyway_files::read_private(&fixture.at("f/credentials"), 9).unwrap().is_none());
    assert!(keyway_files::read_private(Path::new("/dev/null/.locker/credentials"), 9).unwrap().is_none());
    assert!(keyway_files::read(&fixture.at("none"), 9).unwrap().is_none());
}
