//! The file of the mutants' engine: one block a commit, appended.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use keyway_storage::Revision;

/// What one commit did.
pub(super) struct Block {
    pub(super) revision: Revision,
    /// Keys with their new values; none for those that were removed.
    pub(super) changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The journal, and how far it was read.
pub(super) struct Journal {
    file: File,
    read: u64,
}

impl Journal {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("journal");
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        Ok(Self { file, read: 0 })
    }

    /// Keeps all other handles out, of other processes too.
    pub(super) fn lock(&self) -> io::Result<()> {
        self.file.lock()
    }

    pub(super) fn unlock(&self) {
        // What cannot be unlocked now is when the file is closed.
        let _ = self.file.unlock();
    }

    /// The blocks that were appended since the last time.
    pub(super) fn news(&mut self) -> io::Result<Vec<Block>> {
        if self.file.metadata()?.len() == self.read {
            return Ok(Vec::new());
        }
        self.file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        let (mut rest, mut blocks) = (bytes.as_slice(), Vec::new());
        // A block that was cut off by a crash was never acknowledged.
        while let Some((block, behind)) = read_block(rest) {
            blocks.push(block);
            rest = behind;
        }
        self.read += (bytes.len() - rest.len()) as u64;
        Ok(blocks)
    }

    /// Appends a block. It is not synced: a killed process is what it has to outlive, not a
    /// lost machine.
    pub(super) fn append(&mut self, block: &Block) -> io::Result<()> {
        let mut body = block.revision.to_bits().to_le_bytes().to_vec();
        for (key, value) in &block.changes {
            body.push(u8::from(value.is_some()));
            for part in [key, value.as_ref().unwrap_or(&Vec::new())] {
                body.extend((part.len() as u64).to_le_bytes());
                body.extend(part);
            }
        }
        let mut bytes = (body.len() as u64).to_le_bytes().to_vec();
        bytes.extend(body);
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.write_all(&bytes)?;
        self.read += bytes.len() as u64;
        Ok(())
    }
}

fn read_block(bytes: &[u8]) -> Option<(Block, &[u8])> {
    let (length, rest) = number(bytes)?;
    let (body, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (revision, mut body) = number(body)?;
    let mut changes = Vec::new();
    while let Some((&put, rest)) = body.split_first() {
        let (key, rest) = part(rest)?;
        let (value, rest) = part(rest)?;
        changes.push((key, (put == 1).then_some(value)));
        body = rest;
    }
    Some((Block { revision: Revision::from_bits(revision), changes }, behind))
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

fn part(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (length, rest) = number(bytes)?;
    let (part, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((part.to_vec(), rest))
}
