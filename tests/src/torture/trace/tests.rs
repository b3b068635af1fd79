use super::{Event, Trace, Which};
use crate::torture::line::Line;

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| format!("{text}\\x{byte:02x}"))
}

fn events(text: &str) -> Vec<Event> {
    Trace::parse(text).unwrap().events.into_iter().map(|(_, event)| event).collect()
}

#[test]
fn calls_that_are_cut_in_two_are_put_together() {
    let said = escaped("acknowledged 3\n");
    let text = format!(
        "7 openat(AT_FDCWD, \"{}\", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 5\n\
         7 pwrite64(5, \"{}\", 2, 4096 <unfinished ...>\n\
         8 fsync(5 <unfinished ...>\n\
         7 <... pwrite64 resumed>) = 2\n\
         7 write(1, \"{said}\", 15 <unfinished ...>\n\
         8 <... fsync resumed>)              = 0\n\
         7 <... write resumed>) = 15\n\
         8 unlink(\"{}\") = -1 ENOENT (No such file or directory)\n\
         7 +++ exited with 0 +++\n",
        escaped("/a/b"),
        escaped("xy"),
        escaped("/c"),
    );
    assert_eq!(
        events(&text),
        [
            Event::Opened { descriptor: 5, path: "/a/b".into(), creates: Some(0o600), empties: false },
            Event::Wrote { descriptor: 5, offset: Some(4096), data: b"xy".to_vec() },
            Event::Said(Line::Acknowledged { task: 3 }),
            Event::Synced { descriptor: 5, began: 2 },
        ],
        "a line counts from its beginning, a sync from its end"
    );
}

#[test]
fn a_text_that_is_not_understood_is_no_trace() {
    for line in
        ["7 splice(3, 4) = 5", "7 write(3, \"\\x41\"..., 9) = 9", "7 <... write resumed>) = 1", "7 nonsense"]
    {
        assert!(Trace::parse(line).is_err(), "{line}");
    }
}

#[test]
fn paths_begin_in_folders_and_modes_and_owners_are_changes() {
    let text = format!(
        "7 openat(AT_FDCWD, \"{root}\", O_RDONLY|O_PATH|O_DIRECTORY) = 5\n\
         7 openat(5, \"{name}\", O_RDONLY|O_DIRECTORY) = 6\n\
         7 close(5) = 0\n\
         7 openat(6, \"{new}\", O_WRONLY|O_CREAT|O_EXCL, 0666) = 5\n\
         7 fchown(5, 12, -1) = 0\n\
         7 fchmod(5, 0640) = 0\n\
         7 renameat(6, \"{new}\", 6, \"{file}\") = 0\n\
         7 unlinkat(6, \"{new}\", 0) = -1 ENOENT (No such file or directory)\n",
        root = escaped("/"),
        name = escaped("d"),
        new = escaped(".f"),
        file = escaped("f"),
    );
    let folder = |descriptor, path: &str| Event::Opened {
        descriptor,
        path: path.into(),
        creates: None,
        empties: false,
    };
    assert_eq!(
        events(&text),
        [
            folder(5, "/"),
            folder(6, "/d"),
            Event::Closed(5),
            Event::Opened { descriptor: 5, path: "/d/.f".into(), creates: Some(0o644), empties: false },
            Event::OwnerSet(Which::Descriptor(5), Some(12), None),
            Event::ModeSet(Which::Descriptor(5), 0o640),
            Event::Renamed("/d/.f".into(), "/d/f".into()),
        ]
    );
    assert!(Trace::parse(&format!("7 unlinkat(9, \"{}\", 0) = 0", escaped("f"))).is_err());
}
