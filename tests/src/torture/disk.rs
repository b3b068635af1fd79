//! A disk that keeps what was synced, and of the rest what chance wants.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::{fs, mem};

use super::TortureError;
use super::draw::Draw;
use super::trace::Event;

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// What survives a power cut, beside all that was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// Nothing.
    Nothing,
    /// Everything: the process was killed only.
    Everything,
    /// Any part: writes whole, not at all or torn between sectors, names changed or not.
    Anything,
}

/// A folder and all that is in it, as a process left it: durable, and not yet.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
    open: BTreeMap<i32, Open>,
}

/// A file or a folder; its place among the nodes is its identity.
#[derive(Clone, Debug)]
enum Node {
    File { durable: Vec<u8>, now: Vec<u8>, pending: Vec<(usize, Change)> },
    Folder { durable: Names, now: Names, pending: Vec<(usize, NameChange)> },
}

type Names = BTreeMap<OsString, usize>;

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Resize { length: usize },
}

#[derive(Clone, Debug)]
enum NameChange {
    Set { name: OsString, node: usize },
    Remove { name: OsString },
    Rename { from: OsString, to: OsString, node: usize },
}

#[derive(Clone, Debug)]
struct Open {
    node: usize,
    offset: usize,
}

impl Disk {
    /// An empty folder at `root`, durable.
    pub fn empty(root: &Path) -> Self {
        let folder = Node::Folder { durable: Names::new(), now: Names::new(), pending: Vec::new() };
        Self { root: root.to_owned(), nodes: vec![folder], open: BTreeMap::new() }
    }

    /// Carries out what a process did at a moment. What is done outside the folder is left out, and
    /// so are the shared indexes of SQLite's (`-shm`): they are made anew after a crash.
    ///
    /// # Errors
    /// [`TortureError::Trace`] for a file that is mapped to be written: nobody sees what is written then.
    pub fn play(&mut self, moment: usize, event: &Event) -> Result<(), TortureError> {
        match event {
            Event::Mapped(descriptor) if self.open.contains_key(descriptor) => {
                return Err(TortureError::Trace("a file was mapped to be written".to_owned()));
            }
            Event::Mapped(_) | Event::Said(_) | Event::Nothing => {}
            Event::Opened { descriptor, path, creates, empties } => {
                self.open.remove(descriptor);
                let Some(node) =
                    self.find(path).or_else(|| creates.then(|| self.make(moment, path)).flatten())
                else {
                    return Ok(());
                };
                if *empties {
                    self.change(moment, node, Change::Resize { length: 0 });
                }
                self.open.insert(*descriptor, Open { node, offset: 0 });
            }
            Event::Closed(descriptor) => {
                self.open.remove(descriptor);
            }
            Event::Wrote { descriptor, offset, data } => {
                let Some(open) = self.open.get_mut(descriptor) else { return Ok(()) };
                let at = offset.map_or(open.offset, as_size);
                if offset.is_none() {
                    open.offset += data.len();
                }
                let node = open.node;
                self.change(moment, node, Change::Write { offset: at, data: data.clone() });
            }
            Event::Sought { descriptor, offset } => {
                if let Some(open) = self.open.get_mut(descriptor) {
                    open.offset = as_size(*offset);
                }
            }
            Event::Resized { descriptor, length } => {
                if let Some(node) = self.open.get(descriptor).map(|open| open.node) {
                    self.change(moment, node, Change::Resize { length: as_size(*length) });
                }
            }
            Event::Synced { descriptor, began } => {
                if let Some(node) = self.open.get(descriptor).map(|open| open.node) {
                    self.nodes[node].sync(*began);
                }
            }
            Event::Renamed(from, to) => self.rename(moment, from, to),
            Event::Linked(from, to) => {
                if let (Some(node), Some((folder, name))) = (self.find(from), self.place(to)) {
                    self.change_names(moment, folder, NameChange::Set { name, node });
                }
            }
            Event::Unlinked(path) => {
                if let Some((folder, name)) = self.place(path) {
                    self.change_names(moment, folder, NameChange::Remove { name });
                }
            }
            Event::MadeFolder(path) => {
                if let Some((folder, name)) = self.place(path) {
                    let node = self.nodes.len();
                    self.nodes.push(Node::Folder {
                        durable: Names::new(),
                        now: Names::new(),
                        pending: Vec::new(),
                    });
                    self.change_names(moment, folder, NameChange::Set { name, node });
                }
            }
        }
        Ok(())
    }

    /// How much is not durable: writes, and changes of names.
    pub fn pending(&self) -> usize {
        self.nodes.iter().map(Node::pending).sum()
    }

    /// Writes what is left after a power cut into an empty folder.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn after_power_cut(&self, survives: Survives, draw: &mut Draw, into: &Path) -> io::Result<()> {
        // A file that has two names is one file, so each node survives in one way.
        let left: Vec<Node> = self.nodes.iter().map(|node| node.survive(survives, draw)).collect();
        let mut seen = BTreeSet::new();
        write_folder(&left, 0, into, &mut seen)
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let mut node = 0;
        for part in self.parts(path)? {
            let Node::Folder { now, .. } = &self.nodes[node] else { return None };
            node = *now.get(&part)?;
        }
        Some(node)
    }

    /// The folder of a path, and the name in it.
    fn place(&self, path: &Path) -> Option<(usize, OsString)> {
        let name = path.file_name()?;
        if is_index(name) {
            return None;
        }
        Some((self.find(path.parent()?)?, name.to_owned()))
    }

    fn parts(&self, path: &Path) -> Option<Vec<OsString>> {
        let below = path.strip_prefix(&self.root).ok()?;
        Some(below.components().map(|part| part.as_os_str().to_owned()).collect())
    }

    fn make(&mut self, moment: usize, path: &Path) -> Option<usize> {
        let (folder, name) = self.place(path)?;
        let node = self.nodes.len();
        self.nodes.push(Node::File { durable: Vec::new(), now: Vec::new(), pending: Vec::new() });
        self.change_names(moment, folder, NameChange::Set { name, node });
        Some(node)
    }

    fn rename(&mut self, moment: usize, from: &Path, to: &Path) {
        let (Some(node), Some((source, from)), Some((target, to))) =
            (self.find(from), self.place(from), self.place(to))
        else {
            return;
        };
        if source == target {
            self.change_names(moment, source, NameChange::Rename { from, to, node });
        } else {
            self.change_names(moment, target, NameChange::Set { name: to, node });
            self.change_names(moment, source, NameChange::Remove { name: from });
        }
    }

    fn change(&mut self, moment: usize, node: usize, change: Change) {
        if let Node::File { now, pending, .. } = &mut self.nodes[node] {
            change.apply(now);
            pending.push((moment, change));
        }
    }

    fn change_names(&mut self, moment: usize, folder: usize, change: NameChange) {
        if let Node::Folder { now, pending, .. } = &mut self.nodes[folder] {
            change.apply(now);
            pending.push((moment, change));
        }
    }
}

impl Node {
    fn pending(&self) -> usize {
        match self {
            Self::File { pending, .. } => pending.len(),
            Self::Folder { pending, .. } => pending.len(),
        }
    }

    /// Makes durable what was done before `began`.
    fn sync(&mut self, began: usize) {
        match self {
            Self::File { durable, pending, .. } => {
                for (moment, change) in mem::take(pending) {
                    if moment < began {
                        change.apply(durable);
                    } else {
                        pending.push((moment, change));
                    }
                }
            }
            Self::Folder { durable, pending, .. } => {
                for (moment, change) in mem::take(pending) {
                    if moment < began {
                        change.apply(durable);
                    } else {
                        pending.push((moment, change));
                    }
                }
            }
        }
    }

    /// What is left of it, all of it durable.
    fn survive(&self, survives: Survives, draw: &mut Draw) -> Self {
        match self {
            Self::File { durable, now, pending } => {
                let mut left = durable.clone();
                match survives {
                    Survives::Nothing => {}
                    Survives::Everything => left.clone_from(now),
                    Survives::Anything => {
                        for (_, change) in pending {
                            change.apply_in_part(&mut left, draw);
                        }
                    }
                }
                Self::File { durable: left, now: Vec::new(), pending: Vec::new() }
            }
            Self::Folder { durable, now, pending } => {
                let mut left = durable.clone();
                match survives {
                    Survives::Nothing => {}
                    Survives::Everything => left.clone_from(now),
                    Survives::Anything => {
                        for (_, change) in pending {
                            if draw.chance(50) {
                                change.apply(&mut left);
                            }
                        }
                    }
                }
                Self::Folder { durable: left, now: Names::new(), pending: Vec::new() }
            }
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => write_at(content, *offset, data),
            Self::Resize { length } => content.resize(*length, 0),
        }
    }

    /// As a disk may: all of it, nothing, or some of the sectors.
    fn apply_in_part(&self, content: &mut Vec<u8>, draw: &mut Draw) {
        match (self, draw.below(3)) {
            (_, 0) => {}
            (Self::Write { offset, data }, 1) => {
                let mut at = 0;
                while at < data.len() {
                    let sector_end = ((offset + at) / SECTOR + 1) * SECTOR - offset;
                    let end = sector_end.min(data.len());
                    if draw.chance(50) {
                        write_at(content, offset + at, &data[at..end]);
                    }
                    at = end;
                }
            }
            _ => self.apply(content),
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Set { name, node } => {
                names.insert(name.clone(), *node);
            }
            Self::Remove { name } => {
                names.remove(name);
            }
            Self::Rename { from, to, node } => {
                // The name that goes may belong to another file by now, if changes before were left out.
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                names.insert(to.clone(), *node);
            }
        }
    }
}

fn write_at(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

fn write_folder(nodes: &[Node], at: usize, into: &Path, seen: &mut BTreeSet<usize>) -> io::Result<()> {
    let Node::Folder { durable, .. } = &nodes[at] else { return Ok(()) };
    for (name, node) in durable {
        let path = into.join(name);
        match &nodes[*node] {
            Node::File { durable, .. } => fs::write(path, durable)?,
            // Folders are never renamed here, so each has one name.
            Node::Folder { .. } if seen.insert(*node) => {
                fs::create_dir_all(&path)?;
                write_folder(nodes, *node, &path, seen)?;
            }
            Node::Folder { .. } => {}
        }
    }
    Ok(())
}

fn is_index(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b"-shm")
}

fn as_size(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Disk, Survives};
    use crate::torture::draw::Draw;
    use crate::torture::trace::Event;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    fn opened(descriptor: i32, path: &str) -> Event {
        Event::Opened { descriptor, path: path.into(), creates: true, empties: false }
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
        assert!(left(&disk(&events), Survives::Nothing, 1).is_empty(), "its name is not durable");
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
}
