//! The journal of the mutants' engine: one line a commit, appended.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Is the effect of one commit: its revision, and keys with their new values; none for a removed one.
pub(super) type Block = (u64, Vec<(Vec<u8>, Option<Vec<u8>>)>);

/// Keeps the file, and how far it was read.
pub(super) struct Journal {
    file: File,
    read: u64,
    /// Blocks that were read and not yet handed out.
    found: Vec<Block>,
    unwritten: Vec<u8>,
    writes_late: bool,
}

impl Journal {
    /// Opens the journal of a folder. `reopened` changes the blocks that it has; with `writes_late` others
    /// are written only when it is closed.
    pub(super) fn open(folder: &Path, writes_late: bool, reopened: fn(&mut Vec<Block>)) -> io::Result<Self> {
        let path = folder.join("journal");
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut journal = Self { file, read: 0, found: Vec::new(), unwritten: Vec::new(), writes_late };
        journal.found = journal.news()?;
        reopened(&mut journal.found);
        Ok(journal)
    }

    /// Keeps all other handles out, of other processes too.
    pub(super) fn lock(&self) -> io::Result<()> {
        self.file.lock()
    }

    pub(super) fn unlock(&self) {
        // The file is unlocked at the latest when it is closed.
        let _ = self.file.unlock();
    }

    /// Reads the blocks that were appended since the last time.
    pub(super) fn news(&mut self) -> io::Result<Vec<Block>> {
        let (mut text, mut blocks) = (String::new(), std::mem::take(&mut self.found));
        if self.file.metadata()?.len() != self.read {
            self.file.seek(SeekFrom::Start(self.read))?;
            self.file.read_to_string(&mut text)?;
        }
        // A block that was cut off by a crash was never acknowledged.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            blocks.push(serde_json::from_str(line)?);
            self.read += line.len() as u64;
        }
        Ok(blocks)
    }

    /// Appends a block. It is not synced: it has to outlive a killed process, not a lost machine.
    pub(super) fn append(&mut self, block: &Block) -> io::Result<()> {
        serde_json::to_writer(&mut self.unwritten, block)?;
        self.unwritten.push(b'\n');
        if self.writes_late { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.write_all(&self.unwritten)?;
        self.read += self.unwritten.len() as u64;
        self.unwritten.clear();
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // An error has no reader here: the engine that writes late is broken anyway.
        let _ = self.write();
    }
}
