//! The check of the files after a power cut.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::list::revoked;
use super::write::use_again;
use super::{FOREIGN, KEYS, LIST, MODE, NEW, OLD, OWNER, RECORD};
use crate::torture::line::{Line, State};

/// Reports the content of the files in a folder.
pub fn look(folder: &Path) -> Vec<Line> {
    let mut lines = Vec::new();
    match look_at_all(folder, &mut lines) {
        Ok(()) => lines.push(Line::Complete),
        Err(fault) => lines.push(Line::Corrupt(fault)),
    }
    lines
}

fn look_at_all(folder: &Path, lines: &mut Vec<Line>) -> Result<(), String> {
    let own = fs::metadata(folder).map_err(|error| error.to_string())?;
    let own = (own.uid(), own.gid());
    // Only root can give a file to another user. Without root, the file belongs to the user that created it.
    let given = if own.0 == 0 { (OWNER, OWNER) } else { own };
    if let Some(content) = read(folder, OLD, MODE, given)? {
        let ours =
            content.strip_prefix(FOREIGN.as_bytes()).ok_or("what others wrote is not there any more")?;
        // The text that the issuer appends begins with a line end, because the last foreign line has none.
        let ours =
            if ours.is_empty() { ours } else { ours.strip_prefix(b"\n").ok_or("their last line grew")? };
        observe_keys(OLD, ours, lines)?;
    }
    if let Some(content) = read(folder, NEW, 0o600, own)? {
        observe_keys(NEW, &content, lines)?;
    }
    fit(folder, own)?;
    if let Some(content) = read(folder, LIST, 0o644, own)? {
        lines.push(observed(LIST, "file"));
        for key_id in revoked(&content)? {
            let number = key_id.strip_prefix("KEYWAY_").ok_or("a foreign key id is revoked")?;
            lines.push(observed(&format!("{LIST}/{number}"), "revoked"));
        }
    }
    Ok(())
}

/// Checks that the record, which is written first, has the number of the list or the next number. If the record is
/// ahead of the list, the next call of the issuer must repair the list.
fn fit(folder: &Path, own: (u32, u32)) -> Result<(), String> {
    let number_of_list = || -> Result<Option<u64>, String> {
        let Some(list) = read(folder, LIST, 0o644, own)? else { return Ok(None) };
        let number = list.get(12..).and_then(|rest| rest.first_chunk()).ok_or("the list is cut off")?;
        Ok(Some(u64::from_be_bytes(*number)))
    };
    let number_of_record = || -> Result<Option<u64>, String> {
        let Some(record) = read(folder, RECORD, 0o644, own)? else { return Ok(None) };
        let record = String::from_utf8(record).map_err(|_| "the record is not a text")?;
        let number = record.lines().find_map(|line| line.strip_prefix("number "));
        Ok(Some(number.and_then(|number| number.parse().ok()).ok_or("the record has no number")?))
    };
    match (number_of_list()?, number_of_record()?) {
        (None, None | Some(0)) => Ok(()),
        (Some(list), Some(record)) if list == record => Ok(()),
        (Some(list), Some(record)) if list + 1 == record => {
            use_again(folder)?;
            match number_of_list()? {
                Some(list) if list == record => Ok(()),
                list => Err(format!("the list is {list:?} and stays behind its record, {record}")),
            }
        }
        (list, record) => Err(format!("the list is {list:?} and its record {record:?}")),
    }
}

/// Returns the content of a file that must have this mode and owner, or `None` if it does not
/// exist.
fn read(folder: &Path, name: &str, mode: u32, owner: (u32, u32)) -> Result<Option<Vec<u8>>, String> {
    let path = folder.join(name);
    let metadata = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| error.to_string())?,
    };
    let found = (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
    if found != (mode, owner) {
        return Err(format!(
            "{name} has mode {:o} and owner {:?}, not {mode:o} and {owner:?}",
            found.0, found.1
        ));
    }
    fs::read(path).map(Some).map_err(|error| error.to_string())
}

/// Reports the lines of a file. Every line must be a complete key that was requested.
fn observe_keys(name: &str, content: &[u8], lines: &mut Vec<Line>) -> Result<(), String> {
    lines.push(observed(name, "file"));
    let content = std::str::from_utf8(content).map_err(|_| format!("{name} is not a text"))?;
    if !content.is_empty() && !content.ends_with('\n') {
        return Err(format!("the last line of {name} is cut off"));
    }
    // The note of a revocation is no key.
    let is_note = |line: &&str| line.starts_with("# keyway: KEYWAY_k") && line.ends_with(" was revoked");
    for line in content.lines().filter(|line| !is_note(line)) {
        let known = KEYS.iter().find_map(|(label, key)| {
            let number = line.strip_prefix(key)?.strip_prefix(" KEYWAY_")?;
            Some((*label, number))
        });
        let (label, number) =
            known.ok_or_else(|| format!("{name} has a line that was never requested: {line}"))?;
        lines.push(observed(&format!("{name}/{number}"), label));
    }
    Ok(())
}

fn observed(cell: &str, token: &str) -> Line {
    Line::Observed { cell: cell.to_owned(), state: State::of(token) }
}
