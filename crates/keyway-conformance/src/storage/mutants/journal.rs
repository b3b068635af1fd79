//! The journal of the mutants' engine. Each commit appends one line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The effect of one commit: its revision, and the changed keys with their new values; `None` for a removed record.
pub(super) type Block = (u64, Vec<(Vec<u8>, Option<Vec<u8>>)>);

/// The file of the journal, and the position up to which it was read.
pub(super) struct Journal {
    file: File,
    read: u64,
    /// The blocks that were read when the journal was opened, and that `news` has not returned yet.
    found: Vec<Block>,
    unwritten: Vec<u8>,
    writes_late: bool,
}

impl Journal {
    /// Opens the journal in a folder. `reopened` changes the existing blocks. With `writes_late`, new blocks are
    /// written only when the journal is closed.
    pub(super) fn open(folder: &Path, writes_late: bool, reopened: fn(&mut Vec<Block>)) -> io::Result<Self> {
        let path = folder.join("journal");
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut journal = Self { file, read: 0, found: Vec::new(), unwritten: Vec::new(), writes_late };
        journal.found = journal.news()?;
        reopened(&mut journal.found);
        Ok(journal)
    }

    /// Locks the journal against all other handles, including those of other processes.
    pub(super) fn lock(&self) -> io::Result<()> {
        self.file.lock()
    }

    pub(super) fn unlock(&self) {
        // An error does not matter, since closing the file unlocks it too.
        let _ = self.file.unlock();
    }

    /// Returns the blocks that this handle has not seen yet: at the first call those that the journal already had, and
    /// later those that other handles appended.
    pub(super) fn news(&mut self) -> io::Result<Vec<Block>> {
        let (mut text, mut blocks) = (String::new(), std::mem::take(&mut self.found));
        if self.file.metadata()?.len() != self.read {
            self.file.seek(SeekFrom::Start(self.read))?;
            self.file.read_to_string(&mut text)?;
        }
        // Ignores an incomplete last line: a crash cut it off, so its commit was never acknowledged.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            blocks.push(serde_json::from_str(line)?);
            self.read += line.len() as u64;
        }
        Ok(blocks)
    }

    /// Appends a block. Does not sync the file, since a block must survive a killed process, but not a crash of the
    /// machine.
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
        // An error does not matter. Blocks are left only in an engine that writes late, which is faulty anyway, or
        // after a write that failed, which was reported.
        let _ = self.write();
    }
}
