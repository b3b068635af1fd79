//! Reads which process ids the system has given out.

use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

use rustix::io::Errno;

use super::status::errno;

/// Returns the ids given out after `than`, if they form a range.
pub(super) fn younger(than: i32, last: Option<i32>) -> Option<RangeInclusive<i32>> {
    let last = last.filter(|last| *last >= than)?;
    Some(than + 1..=last)
}

/// Returns the id given out last, to a process or a thread. Returns `None` if the system does not tell it, or if
/// another file is mounted over the system's.
pub(super) fn last_process() -> Option<i32> {
    // Opened once, because opening takes longer than reading.
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let file = File::open("/proc/loadavg").ok()?;
        // Containers mount files of their own here, which are not up to date.
        let system = rustix::fs::fstatfs(&file).ok()?;
        (system.f_type == rustix::fs::PROC_SUPER_MAGIC).then_some(file)
    });
    let mut text = [0; 128];
    let length = file.as_ref()?.read_at(&mut text, 0).ok()?;
    let last = str::from_utf8(&text[..length]).ok()?.split_ascii_whitespace().nth(4)?;
    last.parse().ok().filter(|last| *last > 0)
}

/// Lists the ids of all processes.
pub(super) fn all_processes() -> Result<Vec<i32>, Errno> {
    let entries = fs::read_dir("/proc").map_err(|error| errno(&error))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{last_process, younger};

    #[test]
    fn the_system_gives_the_youngest_process() {
        let Some(before) = last_process() else { panic!("/proc/loadavg is not the system's") };
        let mut child = Command::new("/bin/true").spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let after = last_process().unwrap();
        child.wait().unwrap();
        // The id of the child lies between the two readings of the last id, unless the ids started over just now.
        assert!(after < before || (before < id && id <= after), "{before} {id} {after}");
    }

    #[test]
    fn ids_that_started_over_form_no_range() {
        assert_eq!(younger(10, Some(12)), Some(11..=12));
        assert!(younger(10, Some(10)).unwrap().is_empty());
        assert_eq!(younger(10, Some(9)), None);
        assert_eq!(younger(10, None), None);
    }
}
