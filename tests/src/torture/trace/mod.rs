//! A trace of a process's file operations, by strace.
//!
//! The process is slower under strace, and otherwise the same: no special file system and no test
//! code is between the store and the system.

mod call;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::TortureError;
use super::line::Line;
use crate::services::{Skip, program};
use call::event;

/// The calls that change files or names, sync them, or print lines.
const CALLS: &str = "openat,open,creat,close,write,writev,pwrite64,pwritev,pwritev2,lseek,ftruncate,truncate,\
    fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
    mkdir,mkdirat,rmdir,dup,dup2,dup3,copy_file_range,sendfile,mmap,chmod,fchmod,fchmodat,?fchmodat2,\
    chown,lchown,fchown,fchownat";

/// An event of a process. The order of events is that of their effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Opened a file, and created or emptied it on request.
    Opened {
        /// The descriptor.
        descriptor: i32,
        /// The path.
        path: PathBuf,
        /// The mode of the file if it was created.
        creates: Option<u32>,
        /// True if its content was discarded.
        empties: bool,
    },
    /// Closed a descriptor.
    Closed(i32),
    /// Wrote.
    Wrote {
        /// The descriptor.
        descriptor: i32,
        /// The position in the file. `None` means the current position of the descriptor.
        offset: Option<u64>,
        /// The data.
        data: Vec<u8>,
    },
    /// Moved the position of a descriptor.
    Sought {
        /// The descriptor.
        descriptor: i32,
        /// The new position.
        offset: u64,
    },
    /// Cut or extended a file.
    Resized {
        /// The descriptor.
        descriptor: i32,
        /// The new length.
        length: u64,
    },
    /// Made a file or a folder durable, with all changes that were made before the call began.
    Synced {
        /// The descriptor.
        descriptor: i32,
        /// The moment at which the call began.
        began: usize,
    },
    /// Changed the mode of a file.
    ModeSet(Which, u32),
    /// Changed user and group of a file, if they are given.
    OwnerSet(Which, Option<u32>, Option<u32>),
    /// Renamed a file, and replaced the one with the new name.
    Renamed(PathBuf, PathBuf),
    /// Added a name to a file.
    Linked(PathBuf, PathBuf),
    /// Removed a name.
    Unlinked(PathBuf),
    /// Created a folder.
    MadeFolder(PathBuf),
    /// No effect: the call failed, or changes no file.
    Nothing,
    /// Mapped a file so that it can be written without a call.
    Mapped(i32),
    /// Printed a line to standard output.
    Said(Line),
}

/// A file of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The file of this descriptor.
    Descriptor(i32),
    /// The file at this path.
    Path(PathBuf),
}

/// All events of a process, each with its moment.
#[derive(Debug)]
pub struct Trace {
    /// The events. An effect has the moment at which its call ended, and a line has the moment at which its call began.
    pub events: Vec<(usize, Event)>,
}

/// Returns the path of strace, if it can trace processes on this machine.
///
/// # Errors
/// A [`Skip`] when strace is missing, or is not permitted to trace.
pub fn strace() -> Result<PathBuf, Skip> {
    let strace = program("strace")?;
    let traced = Command::new(&strace)
        .args(["-f", "-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match traced {
        Ok(status) if status.success() => Ok(strace),
        _ => Err(Skip::new("strace", "it is there, but may not trace processes on this system")),
    }
}

impl Trace {
    /// Runs `program` to its end under strace, and records its events.
    ///
    /// # Errors
    /// When it does not start or fails, or when strace prints an unknown event: a missed effect
    /// would make the verdict wrong.
    pub fn of(strace: &Path, program: &Path, arguments: &[String]) -> Result<Self, TortureError> {
        let system = |action| move |source| TortureError::System { action, source };
        let folder = tempfile::tempdir().map_err(system("make a folder"))?;
        let log = folder.path().join("trace");
        let status = Command::new(strace)
            .args(["-f", "-xx", "-s", "16777216", "-e"])
            .arg(format!("trace={CALLS}"))
            .args(["-e", "signal=none", "-o"])
            .arg(&log)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .map_err(|source| TortureError::Start { program: "strace".to_owned(), source })?;
        if !status.success() {
            return Err(TortureError::Trace(format!("the traced process ended with {status}")));
        }
        Self::parse(&fs::read_to_string(&log).map_err(system("read a trace"))?)
    }

    /// Reads the output of `strace -f -xx`.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn parse(text: &str) -> Result<Self, TortureError> {
        let mut unfinished: BTreeMap<&str, (usize, String)> = BTreeMap::new();
        // A descriptor is a number, which the system uses again after the descriptor was closed. Then it has a new
        // path.
        let mut paths: BTreeMap<i32, PathBuf> = BTreeMap::new();
        let mut events = Vec::new();
        for (moment, line) in text.lines().enumerate() {
            let (process, rest) = line.split_once(' ').unwrap_or((line, ""));
            let rest = rest.trim_start();
            if rest.starts_with("+++") || rest.starts_with("---") || rest.is_empty() {
                continue;
            }
            let (began, call) = if let Some(call) = rest.strip_suffix("<unfinished ...>") {
                unfinished.insert(process, (moment, call.trim_end().to_owned()));
                continue;
            } else if let Some((_, end)) =
                rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"))
            {
                let Some((began, first_half)) = unfinished.remove(process) else {
                    return Err(not_understood(line));
                };
                (began, first_half + end)
            } else {
                (moment, rest.to_owned())
            };
            let event = event(&call, began, &paths).ok_or_else(|| not_understood(&call))?;
            if let Event::Opened { descriptor, path, .. } = &event {
                paths.insert(*descriptor, path.clone());
            }
            if event != Event::Nothing {
                // A descriptor is free as soon as its closing begins. A line counts from the moment at which the parent
                // may have read it.
                let is_early = matches!(event, Event::Closed(_) | Event::Said(_));
                events.push((if is_early { began } else { moment }, event));
            }
        }
        events.sort_by_key(|(moment, _)| *moment);
        Ok(Self { events })
    }
}

fn not_understood(line: &str) -> TortureError {
    TortureError::Trace(format!(
        "strace printed an unknown line: {}",
        line.chars().take(200).collect::<String>()
    ))
}

#[cfg(test)]
mod tests;
