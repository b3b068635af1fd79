//! What a process did to its files, as strace saw it.
//!
//! The process is slower under strace, and otherwise the same: no file system of our own and no
//! test code stands between the store and the system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::TortureError;
use super::line::Line;
use crate::services::{Skip, program};

/// The calls that change files or names, make them durable, or say something.
const CALLS: &str = "openat,open,creat,close,write,writev,pwrite64,pwritev,pwritev2,lseek,ftruncate,truncate,\
    fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
    mkdir,mkdirat,rmdir,dup,dup2,dup3,copy_file_range,sendfile,mmap";

/// Something that a process did, in the order in which it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Opened a file, and made or emptied it when asked to.
    Opened {
        /// The descriptor.
        descriptor: i32,
        /// Where.
        path: PathBuf,
        /// Whether the file was to be made if it was not there.
        creates: bool,
        /// Whether what it held was thrown away.
        empties: bool,
    },
    /// Closed a descriptor.
    Closed(i32),
    /// Wrote.
    Wrote {
        /// The descriptor.
        descriptor: i32,
        /// Where in the file; `None` is at the place where the descriptor stands.
        offset: Option<u64>,
        /// What.
        data: Vec<u8>,
    },
    /// Moved the place where a descriptor stands.
    Sought {
        /// The descriptor.
        descriptor: i32,
        /// Where it stands now.
        offset: u64,
    },
    /// Cut or extended a file.
    Resized {
        /// The descriptor.
        descriptor: i32,
        /// The length that it has now.
        length: u64,
    },
    /// Made a file or a folder durable: all that was done to it before the call began.
    Synced {
        /// The descriptor.
        descriptor: i32,
        /// The moment when the call began.
        began: usize,
    },
    /// Gave a file another name, in place of what had that name.
    Renamed(PathBuf, PathBuf),
    /// Gave a file one more name.
    Linked(PathBuf, PathBuf),
    /// Took a name away.
    Unlinked(PathBuf),
    /// Made a folder.
    MadeFolder(PathBuf),
    /// Nothing: the call failed, or changes no file.
    Nothing,
    /// Mapped a file so that it can be written without a call.
    Mapped(i32),
    /// Said something on the standard output.
    Said(Line),
}

/// All that a process did, each with its moment.
#[derive(Debug)]
pub struct Trace {
    /// The events. The moment of an effect is when its call came back; that of what is said, when the
    /// call began.
    pub events: Vec<(usize, Event)>,
}

/// Whether processes can be traced here.
///
/// # Errors
/// A [`Skip`] when strace is missing, or may not trace.
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
    /// Runs `program` to its end under strace, and takes down what it did.
    ///
    /// # Errors
    /// When it does not start or fails, or when strace says something that is not understood: an effect
    /// that is overlooked would make the verdict wrong.
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
            let event = event(&call, began).ok_or_else(|| not_understood(&call))?;
            if event != Event::Nothing {
                // A descriptor is free as soon as closing begins, and what is said counts from when
                // somebody may have heard it.
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
        "strace said what is not understood: {}",
        line.chars().take(200).collect::<String>()
    ))
}

/// The effect of a call; `None` for what is not understood.
fn event(call: &str, began: usize) -> Option<Event> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    let result = result.split_whitespace().next()?;
    if result.starts_with('-') || result == "?" {
        return Some(Event::Nothing);
    }
    let arguments = split(arguments);
    let descriptor = || arguments.first()?.parse::<i32>().ok();
    let number = |at: usize| arguments.get(at)?.parse::<u64>().ok();
    // With `at` the first argument may be a folder; only the current one is understood.
    let path = |at: usize| text(arguments.get(at)?).map(|bytes| path_of(&bytes));
    let here = |at: usize| arguments.get(at).is_some_and(|folder| folder == "AT_FDCWD");
    let whole = |data: Vec<u8>| (data.len().to_string() == result).then_some(data);
    Some(match name {
        "openat" | "open" => {
            let from = usize::from(name == "openat");
            let path = path(from)?;
            if from == 1 && !here(0) && path.is_relative() {
                return None;
            }
            let flags = arguments.get(from + 1)?;
            Event::Opened {
                descriptor: result.parse().ok()?,
                path,
                creates: flags.contains("O_CREAT"),
                empties: flags.contains("O_TRUNC"),
            }
        }
        "close" => Event::Closed(descriptor()?),
        "write" if descriptor()? == 1 => {
            let said = String::from_utf8(text(arguments.get(1)?)?).ok()?;
            Event::Said(said.trim_end().parse().ok()?)
        }
        "write" => {
            let data = whole(text(arguments.get(1)?)?)?;
            Event::Wrote { descriptor: descriptor()?, offset: None, data }
        }
        "pwrite64" => {
            let data = whole(text(arguments.get(1)?)?)?;
            Event::Wrote { descriptor: descriptor()?, offset: Some(number(3)?), data }
        }
        "lseek" => Event::Sought { descriptor: descriptor()?, offset: result.parse().ok()? },
        "ftruncate" => Event::Resized { descriptor: descriptor()?, length: number(1)? },
        "fsync" | "fdatasync" => Event::Synced { descriptor: descriptor()?, began },
        "rename" => Event::Renamed(path(0)?, path(1)?),
        "renameat" | "renameat2" if here(0) && here(2) => Event::Renamed(path(1)?, path(3)?),
        "link" => Event::Linked(path(0)?, path(1)?),
        "linkat" if here(0) && here(2) => Event::Linked(path(1)?, path(3)?),
        "unlink" => Event::Unlinked(path(0)?),
        "unlinkat" if here(0) => Event::Unlinked(path(1)?),
        "mkdir" => Event::MadeFolder(path(0)?),
        "mkdirat" if here(0) => Event::MadeFolder(path(1)?),
        "mmap" => {
            let (protection, flags) = (arguments.get(2)?, arguments.get(3)?);
            let writes = protection.contains("PROT_WRITE") && flags.contains("MAP_SHARED");
            if !writes || flags.contains("MAP_ANONYMOUS") {
                return Some(Event::Nothing);
            }
            Event::Mapped(arguments.get(4)?.parse().ok()?)
        }
        _ => return None,
    })
}

/// The arguments of a call. Strings hold nothing but escapes, so a comma always ends an argument.
fn split(arguments: &str) -> Vec<String> {
    arguments.split(", ").map(|argument| argument.trim().to_owned()).collect()
}

/// The bytes of a string of escapes.
fn text(argument: &str) -> Option<Vec<u8>> {
    let escapes = argument.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(escapes.len() / 4);
    for escape in escapes.as_bytes().chunks(4) {
        let digits = std::str::from_utf8(escape.strip_prefix(b"\\x")?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    Some(bytes)
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;

    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Event, Trace};
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
                Event::Opened { descriptor: 5, path: "/a/b".into(), creates: true, empties: false },
                Event::Wrote { descriptor: 5, offset: Some(4096), data: b"xy".to_vec() },
                Event::Said(Line::Acknowledged { task: 3 }),
                Event::Synced { descriptor: 5, began: 2 },
            ],
            "what is said counts from its beginning, a sync from its end"
        );
    }

    #[test]
    fn what_is_not_understood_is_no_trace() {
        for line in [
            "7 splice(3, 4) = 5",
            "7 write(3, \"\\x41\"..., 9) = 9",
            "7 <... write resumed>) = 1",
            "7 nonsense",
        ] {
            assert!(Trace::parse(line).is_err(), "{line}");
        }
    }
}
