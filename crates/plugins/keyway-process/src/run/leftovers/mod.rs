//! Searches for the processes that a program left behind, also outside of its process group.
//!
//! A process is recognized by the mark that it inherited in its environment. While the program still runs, it is also
//! recognized by the chain of parents up to the program. A process escapes if it clears its environment, leaves the
//! process group, and loses its parent before a search looks at it.
//!
//! A search through all of `/proc` takes milliseconds, longer than a short run. But Linux gives out process ids in
//! order and tells the last id. So the processes that a short run started have ids after the id of the program, up to
//! the last id. Usually there are no such ids.
//!
//! Other processes cannot delay a search. A process that is older than the program, or that cannot be
//! signalled, is never read. At most a megabyte of an environment is read. If a read hangs, its thread is given
//! up. A search ends when its time is over (H64).
//!
//! Each process is signalled through a descriptor, which stays with it even if another process gets its id.
//! A program may have more processes than the host may have open files, so a search holds 64 at most. The
//! further ones get the signals of the process group. Those outside the group are killed when they are
//! found.

mod ids;
mod programs;
mod reader;
mod status;

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal};

use self::ids::{all_processes, last_process, younger};
pub(super) use self::programs::Listed;
use self::reader::{Look, Reader};
use self::status::Status;
use super::mark::RunMark;
use super::streams::wait_readable;

/// The processes to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// The processes that are younger than the program.
    Younger,
    /// All processes.
    Everywhere,
}

impl Search {
    /// The duration from which on a run counts as long: the process ids may have wrapped around in that time.
    const LONG_RUN: Duration = Duration::from_secs(1);

    /// Chooses a search for a program that ended by itself after this time.
    pub(super) fn after(ran: Duration) -> Self {
        if ran < Self::LONG_RUN { Self::Younger } else { Self::Everywhere }
    }
}

/// The processes found so far.
#[derive(Debug)]
pub(super) struct Leftovers {
    program: Pid,
    mark: Arc<RunMark>,
    /// The end of the search.
    until: Instant,
    /// The start time of the program.
    started: OnceCell<u64>,
    reader: Option<Reader>,
    /// The processes that are held.
    found: HashMap<i32, OwnedFd>,
    /// The ids of all processes found so far.
    counted: HashSet<i32>,
    /// True once the caller has killed the process group. A process that joins the group later gets no signal by it.
    group_is_killed: bool,
    gave_up: bool,
}

impl Leftovers {
    /// The number of rounds in which a search adds new processes. Because of this limit, the search ends and the
    /// processes are killed even if a program starts processes without end.
    const ROUNDS: usize = 6;
    /// The time between two checks of a process that is being loaded.
    const LOADING: Duration = Duration::from_micros(200);
    /// The largest number of processes that are held at a time.
    const MOST_HELD: usize = 64;
    /// The largest number of ids that are tried one by one.
    const MOST_CANDIDATES: i32 = 4096;

    /// Starts an empty collection. The first search must begin before the program is reaped.
    pub(super) fn of(program: Pid, mark: &Arc<RunMark>, until: Instant) -> Self {
        Self {
            program,
            mark: Arc::clone(mark),
            until,
            started: OnceCell::new(),
            reader: None,
            found: HashMap::new(),
            counted: HashSet::new(),
            group_is_killed: false,
            gave_up: false,
        }
    }

    /// Tells whether any process was not checked, because the time was over or a read hung.
    pub(super) const fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Sets another end of the search.
    pub(super) fn end_at(&mut self, until: Instant) {
        self.until = until;
    }

    /// Finds the processes with the mark, except the program itself.
    pub(super) fn find(&mut self, search: Search) {
        let mut candidates = self.candidates(search);
        if candidates.ids.is_empty() && candidates.last.is_some() {
            // If no process is younger than the program, then the program has started none.
            return;
        }
        let mut seen = candidates.last;
        for round in 1.. {
            candidates.ids.retain(|pid| self.look_at(*pid) == Look::Undecided);
            // Processes that ended during this round may have started others.
            if let Some(before) = seen.filter(|_| round <= Self::ROUNDS) {
                seen = last_process();
                candidates.ids.extend(younger(before, seen).into_iter().flatten());
            }
            if candidates.ids.is_empty() || self.is_over() {
                break;
            }
            if seen == candidates.last {
                // On a busy machine, the system may take long to load a process.
                std::thread::sleep(Self::LOADING);
            }
            candidates.last = seen;
        }
    }

    /// Finds the descendants of the program, which must be running.
    pub(super) fn find_descendants(&mut self) {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for pid in self.all_processes() {
            if self.is_over() {
                return;
            }
            if let Ok(status) = Status::of(pid).inspect_err(|error| self.gave_up |= is_shortage(*error)) {
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
                // The parent is read after the descriptor is open: the check recognizes an id that was reused before,
                // and a later reuse does no harm, because signals are sent through the descriptor.
                let Ok(handle) = open(child).inspect_err(|error| self.gave_up |= is_shortage(*error)) else {
                    continue;
                };
                if let Some(status) = Status::of(child).ok().filter(|status| status.parent == parent) {
                    self.hold(child, handle, status);
                    next.push(child);
                }
            }
        }
    }

    /// Sends a signal to the processes that are held.
    pub(super) fn signal(&self, signal: Signal) {
        for handle in self.found.values() {
            // An error means that the process is gone already.
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    /// Kills all processes found, and searches again until none is left, or the time is over. The caller has killed the
    /// process group before. Returns the number of processes found.
    pub(super) fn kill_all(&mut self, search: Search) -> usize {
        self.group_is_killed = true;
        while !self.found.is_empty() {
            self.signal(Signal::KILL);
            for (_, handle) in self.found.drain() {
                wait_readable(handle.as_fd(), self.until.saturating_duration_since(Instant::now()));
            }
            if self.is_over() {
                break;
            }
            // Finds the processes that were started before their parent was killed, and those that were not held.
            self.find(search);
        }
        self.counted.len()
    }

    /// Tells whether the time is over. Then the remaining processes are not checked.
    fn is_over(&mut self) -> bool {
        let is_over = Instant::now() >= self.until;
        self.gave_up |= is_over;
        is_over
    }

    /// Remembers a process if it has the mark.
    fn look_at(&mut self, pid: i32) -> Look {
        if pid == self.program.as_raw_pid() || self.found.contains_key(&pid) || self.is_over() {
            return Look::Another;
        }
        let status = match Status::of(pid) {
            Ok(status) if status.is_alive() && status.started >= self.started() => status,
            Ok(_) => return Look::Another,
            Err(error) => return Look::after(error),
        };
        // Only a host that is root can signal a process that changed to another user.
        let user = geteuid();
        if !user.is_root() && owner(pid) != Some(user.as_raw()) {
            return Look::Another;
        }
        // A signal through the descriptor never reaches another process with the same id. A thread has no such
        // descriptor.
        let handle = match open(pid) {
            Ok(handle) => handle,
            Err(error) => return Look::after(error),
        };
        if self.is_full() && self.is_reached_by_group(status) {
            self.counted.insert(pid);
            return Look::Another;
        }
        let look = self.marked(pid);
        if look == Look::Marked {
            self.hold(pid, handle, status);
        }
        look
    }

    fn is_full(&self) -> bool {
        self.found.len() >= Self::MOST_HELD
    }

    /// Tells whether a process gets the signals of the process group.
    fn is_reached_by_group(&self, status: Status) -> bool {
        !self.group_is_killed && status.group == self.program.as_raw_pid()
    }

    /// Holds a process that was found. If no more may be held, the process is killed, unless the signals of the
    /// process group reach it.
    fn hold(&mut self, pid: i32, handle: OwnedFd, status: Status) {
        self.counted.insert(pid);
        if !self.is_full() {
            self.found.entry(pid).or_insert(handle);
        } else if !self.is_reached_by_group(status) {
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
    }

    fn marked(&mut self, pid: i32) -> Look {
        if self.reader.is_none() {
            let mark = Arc::clone(&self.mark);
            self.reader = Reader::start(move |pid| reader::look(pid, &mark));
        }
        let look = self.reader.as_ref().and_then(|reader| reader.look(pid, self.until));
        look.unwrap_or_else(|| {
            self.reader = None;
            self.gave_up = true;
            Look::Another
        })
    }

    /// Returns the start time of the program, or zero if the system does not tell it.
    fn started(&self) -> u64 {
        *self.started.get_or_init(|| Status::of(self.program.as_raw_pid()).map_or(0, |status| status.started))
    }

    fn all_processes(&mut self) -> Vec<i32> {
        all_processes().unwrap_or_else(|error| {
            self.gave_up |= is_shortage(error);
            Vec::new()
        })
    }

    fn candidates(&mut self, search: Search) -> Candidates {
        if search == Search::Younger {
            let last = last_process();
            if let Some(ids) = younger(self.program.as_raw_pid(), last)
                && ids.end() - ids.start() < Self::MOST_CANDIDATES
            {
                return Candidates { ids: programs::without_programs(ids), last };
            }
        }
        Candidates { ids: self.all_processes(), last: None }
    }
}

/// The ids of the processes to look at in one search.
#[derive(Debug)]
struct Candidates {
    ids: Vec<i32>,
    /// The id given out last, if only younger processes are searched.
    last: Option<i32>,
}

fn open(pid: i32) -> Result<OwnedFd, Errno> {
    pidfd_open(Pid::from_raw(pid).ok_or(Errno::SRCH)?, PidfdFlags::empty())
}

/// Tells whether the host, or the system, has no descriptor or no memory left.
const fn is_shortage(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}

/// Returns the owner of a process. This is root if the process forbids reading.
fn owner(pid: i32) -> Option<u32> {
    rustix::fs::stat(format!("/proc/{pid}")).ok().map(|stat| stat.st_uid)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::{Arc, Duration, Instant, Leftovers, Look, Pid, Reader, RunMark, Search};
    use crate::environment::Environment;

    #[test]
    fn a_process_that_is_loaded_slowly_is_found() {
        let mut program = Command::new("/bin/true").spawn().unwrap();
        let mut child = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let mark = Arc::new(RunMark::draw().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        for search in [Search::Younger, Search::Everywhere] {
            let mut leftovers = Leftovers::of(Pid::from_child(&program), &mark, until);
            let mut looks = 0;
            leftovers.reader = Reader::start(move |pid| {
                looks += usize::from(pid == id);
                match (pid == id, looks) {
                    (false, _) => Look::Another,
                    (true, ..=50) => Look::Undecided,
                    (true, _) => Look::Marked,
                }
            });
            leftovers.find(search);
            assert_eq!(leftovers.found.keys().collect::<Vec<_>>(), [&id], "{search:?}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        program.wait().unwrap();
    }

    #[test]
    fn a_process_is_found_once_the_host_has_a_descriptor_again() {
        const AGAIN: &str = "KEYWAY_TEST_WITHOUT_DESCRIPTORS";
        if std::env::var_os(AGAIN).is_none() {
            // The test runs again in a process of its own, because the limit of descriptors holds for a whole process.
            let name = "run::leftovers::tests::a_process_is_found_once_the_host_has_a_descriptor_again";
            let mut again = Command::new(std::env::current_exe().unwrap());
            let output = again.args(["--exact", name, "--nocapture"]).env(AGAIN, "1").output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        let mark = Arc::new(RunMark::draw().unwrap());
        let mut program = Command::new("/bin/true").spawn().unwrap();
        let mut child = Command::new("/bin/sleep");
        let mut child = child.arg("1000").env(Environment::RUN_MARK, mark.as_str()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let mut leftovers = Leftovers::of(Pid::from_child(&program), &mark, until);
        let id = i32::try_from(child.id()).unwrap();

        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum: limit.maximum }).unwrap();
        let look = leftovers.look_at(id);
        leftovers.find(Search::Everywhere);
        setrlimit(Resource::Nofile, limit).unwrap();
        assert_eq!((look, leftovers.gave_up()), (Look::Undecided, true));

        leftovers.find(Search::Everywhere);
        assert_eq!(leftovers.found.keys().collect::<Vec<_>>(), [&id]);
        assert_eq!(leftovers.kill_all(Search::Everywhere), 1);
        child.wait().unwrap();
        program.wait().unwrap();
    }
}
