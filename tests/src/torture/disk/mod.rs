//! A simulated disk that keeps all synced data, and a random part of the unsynced data.

mod left;
mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::TortureError;
use super::draw::Draw;
use super::trace::{Event, Which};
use left::write_folder;
use node::{Change, NameChange, Node};

/// The unsynced data that survive the end of the process. All synced data survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// No unsynced data.
    Nothing,
    /// All unsynced data, because only the process was killed.
    Everything,
    /// Any part of the unsynced data. A write survives as a whole, not at all, or torn between sectors; a change of a
    /// name survives or does not.
    Anything,
}

/// A folder with its content as a process left it: the durable state and the pending changes.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
    open: BTreeMap<i32, Open>,
}

#[derive(Clone, Debug)]
struct Open {
    node: usize,
    offset: usize,
}

impl Disk {
    /// Creates the disk of an empty, durable folder at `root`.
    pub fn empty(root: &Path) -> Self {
        Self { root: root.to_owned(), nodes: vec![Node::folder()], open: BTreeMap::new() }
    }

    /// Applies an event of a process.
    ///
    /// Events outside the folder are ignored, and so are SQLite's shared indexes (`-shm`), which
    /// are created again after a crash.
    ///
    /// # Errors
    /// [`TortureError::Trace`] for a file that is mapped for writing: writes to it are invisible.
    pub fn play(&mut self, moment: usize, event: &Event) -> Result<(), TortureError> {
        match event {
            Event::Mapped(descriptor) if self.open.contains_key(descriptor) => {
                return Err(TortureError::Trace("a file was mapped to be written".to_owned()));
            }
            Event::Mapped(_) | Event::Said(_) | Event::Nothing => {}
            Event::Opened { descriptor, path, creates, empties } => {
                self.open.remove(descriptor);
                let Some(node) =
                    self.find(path).or_else(|| creates.and_then(|mode| self.make(moment, path, mode)))
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
            Event::ModeSet(which, mode) => {
                if let Some(node) = self.node_of(which) {
                    self.change(moment, node, Change::Mode(*mode));
                }
            }
            Event::OwnerSet(which, user, group) => {
                if let Some(node) = self.node_of(which) {
                    self.change(moment, node, Change::Owner(*user, *group));
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
                    self.nodes.push(Node::folder());
                    self.change_names(moment, folder, NameChange::Set { name, node });
                }
            }
        }
        Ok(())
    }

    /// Returns the number of pending changes: writes and changes of names.
    pub fn pending(&self) -> usize {
        self.nodes.iter().map(Node::pending).sum()
    }

    /// Writes the state after a power cut into an empty folder.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn after_power_cut(&self, survives: Survives, draw: &mut Draw, into: &Path) -> io::Result<()> {
        // A file with two names is one node, so both names show the same surviving content.
        let left: Vec<Node> = self.nodes.iter().map(|node| node.survive(survives, draw)).collect();
        let mut seen = BTreeSet::new();
        write_folder(&left, 0, into, &mut seen)
    }

    fn node_of(&self, which: &Which) -> Option<usize> {
        match which {
            Which::Descriptor(descriptor) => self.open.get(descriptor).map(|open| open.node),
            Which::Path(path) => self.find(path),
        }
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let mut node = 0;
        for part in self.parts(path)? {
            let Node::Folder { now, .. } = &self.nodes[node] else { return None };
            node = *now.get(&part)?;
        }
        Some(node)
    }

    /// Returns the folder that holds a path, and the last part of the path. Returns `None` if the folder is not on this
    /// disk, or if the path is a shared index of SQLite.
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

    fn make(&mut self, moment: usize, path: &Path, mode: u32) -> Option<usize> {
        let (folder, name) = self.place(path)?;
        let node = self.nodes.len();
        self.nodes.push(Node::file(mode));
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

fn is_index(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b"-shm")
}

fn as_size(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
