//! Files and folders as a process left them: the durable state and the pending changes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::mem;

use super::Survives;
use crate::torture::draw::Draw;

/// The unit that a disk writes as a whole.
const SECTOR: usize = 512;

/// A file or a folder. Its index among the nodes is its identity.
#[derive(Clone, Debug)]
pub(super) enum Node {
    File { durable: Content, now: Content, pending: Vec<(usize, Change)> },
    Folder { durable: Names, now: Names, pending: Vec<(usize, NameChange)> },
}

pub(super) type Names = BTreeMap<OsString, usize>;

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: usize, data: Vec<u8> },
    Resize { length: usize },
    Mode(u32),
    Owner(Option<u32>, Option<u32>),
}

/// The content, mode and owner of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
    /// The owner, or `None` for the user that created it.
    pub(super) user: Option<u32>,
    /// The group, or `None` for that of the user that created it.
    pub(super) group: Option<u32>,
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Set { name: OsString, node: usize },
    Remove { name: OsString },
    Rename { from: OsString, to: OsString, node: usize },
}

impl Node {
    pub(super) fn folder() -> Self {
        Self::Folder { durable: Names::new(), now: Names::new(), pending: Vec::new() }
    }

    /// Creates an empty file. It is created with its mode, so the mode is durable.
    pub(super) fn file(mode: u32) -> Self {
        let content = Content { mode, ..Content::default() };
        Self::File { durable: content.clone(), now: content, pending: Vec::new() }
    }

    pub(super) fn pending(&self) -> usize {
        match self {
            Self::File { pending, .. } => pending.len(),
            Self::Folder { pending, .. } => pending.len(),
        }
    }

    /// Makes changes durable: all changes that were made before the moment `began`.
    pub(super) fn sync(&mut self, began: usize) {
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

    /// Returns the node that a power cut leaves, with everything in it durable.
    pub(super) fn survive(&self, survives: Survives, draw: &mut Draw) -> Self {
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
                Self::File { durable: left, now: Content::default(), pending: Vec::new() }
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
    pub(super) fn apply(&self, content: &mut Content) {
        match self {
            Self::Write { offset, data } => write_at(&mut content.bytes, *offset, data),
            Self::Resize { length } => content.bytes.resize(*length, 0),
            Self::Mode(mode) => content.mode = *mode,
            Self::Owner(user, group) => {
                content.user = user.or(content.user);
                content.group = group.or(content.group);
            }
        }
    }

    /// Applies all, none or some of the sectors of a write, as a disk may.
    fn apply_in_part(&self, content: &mut Content, draw: &mut Draw) {
        match (self, draw.below(3)) {
            (_, 0) => {}
            (Self::Write { offset, data }, 1) => {
                let mut at = 0;
                while at < data.len() {
                    let sector_end = ((offset + at) / SECTOR + 1) * SECTOR - offset;
                    let end = sector_end.min(data.len());
                    if draw.chance(50) {
                        write_at(&mut content.bytes, offset + at, &data[at..end]);
                    }
                    at = end;
                }
            }
            _ => self.apply(content),
        }
    }
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut Names) {
        match self {
            Self::Set { name, node } => {
                names.insert(name.clone(), *node);
            }
            Self::Remove { name } => {
                names.remove(name);
            }
            Self::Rename { from, to, node } => {
                // If earlier changes were lost, the old name may belong to another file.
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
