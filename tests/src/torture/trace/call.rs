//! The reader of one call of a trace.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Event, Which};

/// Returns the effect of a call, or `None` for an unknown call. `paths` has the paths of the descriptors.
pub(super) fn event(call: &str, began: usize, paths: &BTreeMap<i32, PathBuf>) -> Option<Event> {
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
    let octal = |at: usize| u32::from_str_radix(arguments.get(at)?, 8).ok();
    let path = |at: usize| text(arguments.get(at)?).map(|bytes| path_of(&bytes));
    // The argument before a relative path may be its folder.
    let path_in = |folder: usize, at: usize| {
        let path = path(at)?;
        if path.is_absolute() || arguments.get(folder)? == "AT_FDCWD" {
            return Some(path);
        }
        Some(paths.get(&arguments.get(folder)?.parse().ok()?)?.join(path))
    };
    // A value of -1 means no change.
    let owner = |at: usize| match arguments.get(at)?.as_str() {
        "-1" => Some(None),
        id => id.parse().ok().map(Some),
    };
    let whole = |data: Vec<u8>| (data.len().to_string() == result).then_some(data);
    Some(match name {
        "openat" | "open" => {
            let from = usize::from(name == "openat");
            let path = if from == 1 { path_in(0, 1)? } else { path(0)? };
            let flags = arguments.get(from + 1)?;
            Event::Opened {
                descriptor: result.parse().ok()?,
                path,
                // The process's umask clears these bits.
                creates: flags
                    .contains("O_CREAT")
                    .then(|| octal(from + 2))
                    .flatten()
                    .map(|mode| mode & !0o022),
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
        "renameat" | "renameat2" => Event::Renamed(path_in(0, 1)?, path_in(2, 3)?),
        "link" => Event::Linked(path(0)?, path(1)?),
        "linkat" => Event::Linked(path_in(0, 1)?, path_in(2, 3)?),
        "unlink" => Event::Unlinked(path(0)?),
        "unlinkat" => Event::Unlinked(path_in(0, 1)?),
        "mkdir" => Event::MadeFolder(path(0)?),
        "mkdirat" => Event::MadeFolder(path_in(0, 1)?),
        "fchmod" => Event::ModeSet(Which::Descriptor(descriptor()?), octal(1)?),
        "chmod" => Event::ModeSet(Which::Path(path(0)?), octal(1)?),
        "fchmodat" | "fchmodat2" => Event::ModeSet(Which::Path(path_in(0, 1)?), octal(2)?),
        "fchown" => Event::OwnerSet(Which::Descriptor(descriptor()?), owner(1)?, owner(2)?),
        "chown" | "lchown" => Event::OwnerSet(Which::Path(path(0)?), owner(1)?, owner(2)?),
        "fchownat" => Event::OwnerSet(Which::Path(path_in(0, 1)?), owner(2)?, owner(3)?),
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

/// Returns the arguments of a call.
///
/// Strings contain only escapes, so a comma always ends an argument.
fn split(arguments: &str) -> Vec<String> {
    arguments.split(", ").map(|argument| argument.trim().to_owned()).collect()
}

/// Decodes a string of escapes.
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
