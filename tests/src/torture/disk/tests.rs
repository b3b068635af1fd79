use super::{Disk, Survives};
use crate::torture::draw::Draw;
use crate::torture::trace::{Event, Which};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn opened(descriptor: i32, path: &str) -> Event {
    Event::Opened { descriptor, path: path.into(), creates: Some(0o600), empties: false }
}

fn wrote(descriptor: i32, data: &[u8]) -> Event {
    Event::Wrote { descriptor, offset: None, data: data.to_vec() }
}

fn disk(events: &[Event]) -> Disk {
    let mut disk = Disk::empty(Path::new("/d"));
    for (moment, event) in events.iter().enumerate() {
        disk.play(moment, event).unwrap();
    }
    disk
}

fn left(disk: &Disk, survives: Survives, seed: u64) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    disk.after_power_cut(survives, &mut Draw::new(seed), folder.path()).unwrap();
    let files = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

fn sync(descriptor: i32, began: usize) -> Event {
    Event::Synced { descriptor, began }
}

#[test]
fn a_file_needs_a_sync_of_its_own_and_one_of_its_folder() {
    let mut events = vec![opened(3, "/d/a"), wrote(3, b"text")];
    assert!(left(&disk(&events), Survives::Nothing, 1).is_empty());
    assert_eq!(left(&disk(&events), Survives::Everything, 1)["a"], b"text");
    events.push(sync(3, 2));
    assert!(left(&disk(&events), Survives::Nothing, 1).is_empty(), "the file's name is not durable");
    events.extend([opened(4, "/d"), sync(4, 4)]);
    assert_eq!(left(&disk(&events), Survives::Nothing, 1)["a"], b"text");
    assert_eq!(disk(&events).pending(), 0);
}

#[test]
fn a_name_without_its_content_is_an_empty_file() {
    let events = [opened(3, "/d/a"), wrote(3, b"text"), opened(4, "/d"), sync(4, 3)];
    assert_eq!(left(&disk(&events), Survives::Nothing, 1)["a"], b"");
}

#[test]
fn a_file_that_is_mapped_to_be_written_is_no_use() {
    let mut disk = disk(&[opened(3, "/d/a"), opened(4, "/d/a-shm")]);
    assert!(disk.play(2, &Event::Mapped(4)).is_ok());
    assert!(disk.play(3, &Event::Mapped(3)).is_err());
}

#[test]
fn a_sync_covers_what_was_done_before_it_began() {
    let events =
        [opened(3, "/d/a"), opened(4, "/d"), sync(4, 2), wrote(3, b"one"), wrote(3, b"two"), sync(3, 4)];
    assert_eq!(left(&disk(&events), Survives::Nothing, 1)["a"], b"one");
}

#[test]
fn a_rename_that_is_not_synced_happened_or_not() {
    let events = [
        opened(3, "/d/a"),
        wrote(3, b"old"),
        sync(3, 2),
        opened(4, "/d/.a"),
        wrote(4, b"new"),
        sync(4, 5),
        opened(5, "/d"),
        sync(5, 7),
        Event::Renamed("/d/.a".into(), "/d/a".into()),
    ];
    let disk = disk(&events);
    assert_eq!(left(&disk, Survives::Nothing, 1)["a"], b"old");
    assert_eq!(
        left(&disk, Survives::Everything, 1).into_iter().collect::<Vec<_>>(),
        [("a".into(), b"new".to_vec())]
    );
    let seen: BTreeSet<Vec<u8>> =
        (0..30).map(|seed| left(&disk, Survives::Anything, seed)["a"].clone()).collect();
    assert_eq!(seen, [b"old".to_vec(), b"new".to_vec()].into());
}

#[test]
fn a_write_that_is_not_synced_may_be_torn_between_sectors() {
    let events = [opened(3, "/d/a"), opened(4, "/d"), sync(4, 2), wrote(3, &[1; 2000])];
    let disk = disk(&events);
    let mut torn = 0;
    for seed in 0..50 {
        let content = &left(&disk, Survives::Anything, seed)["a"];
        for sector in content.chunks(512) {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is written as a whole");
        }
        torn += u32::from(content.contains(&0) && content.contains(&1));
    }
    assert!(torn > 3, "{torn}");
}

#[test]
fn mode_and_owner_are_durable_when_the_file_is_synced() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut events = vec![
        opened(3, "/d/a"),
        opened(4, "/d"),
        sync(4, 2),
        Event::ModeSet(Which::Descriptor(3), 0o644),
        Event::OwnerSet(Which::Path("/d/a".into()), None, None),
    ];
    let mode = |events: &[Event], survives| {
        let folder = tempfile::tempdir().unwrap();
        disk(events).after_power_cut(survives, &mut Draw::new(1), folder.path()).unwrap();
        fs::metadata(folder.path().join("a")).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&events, Survives::Nothing), 0o600, "the mode of the creation");
    assert_eq!(mode(&events, Survives::Everything), 0o644);
    events.push(sync(3, 5));
    assert_eq!(mode(&events, Survives::Nothing), 0o644);
}
