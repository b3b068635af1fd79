//! Finding what a program started and left behind, also outside of its process group.
//!
//! Two things give a process away: the mark in its environment, which it inherited, and,
//! while the program still runs, the chain of parents that leads to the program. A process
//! escapes that has wiped its environment, has left the process group, and lost its parent
//! before anybody looked.
//!
//! Looking through all of `/proc` costs milliseconds, more than a short run itself. But
//! Linux gives out process ids in order and says which one it gave out last. So what a
//! short run started is among the ids from the program's own to that one, and mostly
//! there are none.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::mark::RunMark;
use super::streams::wait_readable;

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Among the processes that are younger than the program.
    Younger,
    /// Among all processes.
    Everywhere,
}

impl Search {
    /// In a run that was longer than this, the ids may have started over and come by.
    const LONG_RUN: Duration = Duration::from_secs(1);

    /// Where to look after a run of this length that ended well.
    pub(super) fn after(ran: Duration) -> Self {
        if ran < Self::LONG_RUN { Self::Younger } else { Self::Everywhere }
    }
}

/// The programs that run at the moment, each in a run of its own: no run left these behind,
/// so nobody needs to look at them.
static PROGRAMS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A program among those that run, until it is dropped, which is to be before the program's
/// id can become another's.
#[derive(Debug)]
pub(super) struct Listed(i32);

impl Listed {
    pub(super) fn new(program: Pid) -> Self {
        let id = program.as_raw_pid();
        PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Self(id)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Leftovers<'a> {
    program: Pid,
    mark: &'a RunMark,
    found: HashMap<i32, OwnedFd>,
}

impl<'a> Leftovers<'a> {
    /// How long to go on killing what starts new processes as fast as they are killed.
    const PATIENCE: Duration = Duration::from_secs(2);
    /// How often to look at what could not be decided, or is new.
    const LOOKS: usize = 6;
    /// More ids than these are not tried one by one.
    const MOST_CANDIDATES: i32 = 4096;

    pub(super) fn of(program: Pid, mark: &'a RunMark) -> Self {
        Self { program, mark, found: HashMap::new() }
    }

    /// Finds what has the mark. The program itself is not among them.
    pub(super) fn find(&mut self, search: Search) {
        let mut candidates = self.candidates(search);
        if candidates.ids.is_empty() && candidates.last.is_some() {
            // Nothing is younger than the program, so it started nothing that could start something.
            return;
        }
        let mut seen = candidates.last;
        for _ in 0..Self::LOOKS {
            candidates.ids.retain(|pid| self.look_at(*pid) == Look::Undecided);
            // Something may have been started meanwhile, by what has ended since.
            if let Some(before) = seen {
                seen = last_process();
                candidates.ids.extend(younger(before, seen).into_iter().flatten());
            }
            if candidates.ids.is_empty() {
                break;
            }
            if seen == candidates.last {
                // A program that is being loaded has no environment for a moment.
                std::thread::sleep(Duration::from_micros(200));
            }
            candidates.last = seen;
        }
    }

    /// Finds what descends from the program, which must be running.
    pub(super) fn find_descendants(&mut self) {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for pid in all_processes() {
            if let Some(status) = Status::of(pid) {
                children.entry(status.parent).or_default().push(pid);
            }
        }
        let mut family = HashSet::from([self.program.as_raw_pid()]);
        let mut next = vec![self.program.as_raw_pid()];
        while let Some(parent) = next.pop() {
            for child in children.remove(&parent).unwrap_or_default() {
                if !family.insert(child) {
                    continue;
                }
                // Once it is held by a descriptor the id cannot be another's; then its parent counts.
                let Some(handle) = open(child) else { continue };
                if Status::of(child).is_some_and(|status| status.parent == parent) {
                    self.found.entry(child).or_insert(handle);
                    next.push(child);
                }
            }
        }
    }

    /// Sends a signal to all that were found.
    pub(super) fn signal(&self, signal: Signal) {
        for handle in self.found.values() {
            // One that is gone meanwhile is what is wanted.
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    /// Kills all that were found, and looks again until nothing is left. Says how many there were.
    pub(super) fn kill_all(&mut self, search: Search) -> usize {
        let mut killed = 0;
        let until = Instant::now() + Self::PATIENCE;
        while !self.found.is_empty() {
            self.signal(Signal::KILL);
            for (_, handle) in self.found.drain() {
                killed += 1;
                wait_readable(handle.as_fd(), until.saturating_duration_since(Instant::now()));
            }
            if Instant::now() >= until {
                break;
            }
            // What was started before its parent was killed.
            self.find(search);
        }
        killed
    }

    /// Remembers a process if it has the mark.
    fn look_at(&mut self, pid: i32) -> Look {
        if pid == self.program.as_raw_pid() || self.found.contains_key(&pid) {
            return Look::Another;
        }
        match self.marked(pid) {
            Look::Marked => {}
            other => return other,
        }
        // Held by a descriptor the id cannot be another's, so a second look decides.
        let Some(handle) = open(pid) else { return Look::Another };
        let look = self.marked(pid);
        if look == Look::Marked {
            self.found.insert(pid, handle);
        }
        look
    }

    fn marked(&self, pid: i32) -> Look {
        let mut environ = Vec::new();
        // What belongs to somebody else cannot be read: no process of ours is among them,
        // unless it took on another's rights, and then it could not be killed either.
        let Ok(mut file) = File::open(format!("/proc/{pid}/environ")) else { return Look::Another };
        match file.read_to_end(&mut environ) {
            Ok(1..) if self.mark.is_in(&environ) => Look::Marked,
            Ok(0) if Status::of(pid).is_some_and(Status::is_alive) => Look::Undecided,
            _ => Look::Another,
        }
    }

    fn candidates(&self, search: Search) -> Candidates {
        if search == Search::Younger {
            let last = last_process();
            if let Some(ids) = younger(self.program.as_raw_pid(), last)
                && ids.end() - ids.start() < Self::MOST_CANDIDATES
            {
                let programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
                return Candidates { ids: ids.filter(|id| !programs.contains(id)).collect(), last };
            }
        }
        Candidates { ids: all_processes(), last: None }
    }
}

/// Whom to look at.
#[derive(Debug)]
struct Candidates {
    ids: Vec<i32>,
    /// The id that was the last one given out before, where only younger ones count.
    last: Option<i32>,
}

/// What a look at a process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Marked,
    /// It has no environment, at least for the moment.
    Undecided,
    Another,
}

/// The ids that were given out after this one, if that is a range.
fn younger(than: i32, last: Option<i32>) -> Option<RangeInclusive<i32>> {
    let last = last.filter(|last| *last >= than)?;
    Some(than + 1..=last)
}

/// The id that was given out last, to a process or a thread. `None` where the system does
/// not say, or something else than the system says it.
fn last_process() -> Option<i32> {
    // Opened once, because that takes longer than to read it.
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let file = File::open("/proc/loadavg").ok()?;
        // Containers put files of their own in this place, which are not up to date.
        let system = rustix::fs::fstatfs(&file).ok()?;
        (system.f_type == rustix::fs::PROC_SUPER_MAGIC).then_some(file)
    });
    let mut text = [0; 128];
    let length = file.as_ref()?.read_at(&mut text, 0).ok()?;
    let last = str::from_utf8(&text[..length]).ok()?.split_ascii_whitespace().nth(4)?;
    last.parse().ok().filter(|last| *last > 0)
}

fn all_processes() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn open(pid: i32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
}

/// What `/proc/ID/stat` says.
#[derive(Clone, Copy, Debug)]
struct Status {
    state: u8,
    parent: i32,
    flags: u32,
}

impl Status {
    /// The flag of a thread of the kernel, which has no environment.
    const KERNEL: u32 = 0x0020_0000;

    fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        // The name stands in parentheses and may hold anything, parentheses too.
        let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
        let mut fields = str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let parent = fields.next()?.parse().ok()?;
        let flags = fields.nth(4)?.parse().ok()?;
        Some(Self { state, parent, flags })
    }

    const fn is_alive(self) -> bool {
        !matches!(self.state, b'Z' | b'X') && self.flags & Self::KERNEL == 0
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Status, last_process, younger};

    #[test]
    fn the_system_says_which_process_is_the_youngest() {
        let Some(before) = last_process() else { panic!("/proc/loadavg is not the system's") };
        let mut child = Command::new("/bin/true").spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let after = last_process().unwrap();
        child.wait().unwrap();
        // Unless ids started over just now.
        assert!(after < before || (before < id && id <= after), "{before} {id} {after}");
    }

    #[test]
    fn ids_that_started_over_are_no_range() {
        assert_eq!(younger(10, Some(12)), Some(11..=12));
        assert!(younger(10, Some(10)).unwrap().is_empty());
        assert_eq!(younger(10, Some(9)), None);
        assert_eq!(younger(10, None), None);
    }

    #[test]
    fn a_name_may_hold_anything() {
        let status = Status::parse(b"12 (a) S 1 (b)) R 7 12 12 0 -1 2097216 0 0").unwrap();
        assert_eq!((status.state, status.parent, status.is_alive()), (b'R', 7, false));
        let own = Status::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(own.parent, i32::try_from(std::os::unix::process::parent_id()).unwrap());
        assert!(own.is_alive());
        for wrong in ["", "12 (a", "12 (a) S", "12 (a) S x 1 1 1 1 1"] {
            assert!(Status::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
