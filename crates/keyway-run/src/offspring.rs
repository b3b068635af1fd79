//! The descendants of the helper.
//!
//! The helper is a subreaper: a process that loses its parent becomes the helper's own child. So no process
//! can leave this tree, and killing the children until there are none kills the whole tree.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, pidfd_open,
    pidfd_send_signal, wait, waitid,
};

/// The time limit for killing processes that fork as fast as they are killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Kills and reaps all children, including processes that become children during the call. Returns how many there were,
/// and whether none is left. Some are left if they fork faster than they are found, or belong to another user.
pub(crate) fn kill_all() -> (u32, bool) {
    reap();
    let mut killed = 0;
    let until = Instant::now() + PATIENCE;
    while has_children() && Instant::now() < until {
        let own = getpid().as_raw_pid();
        for (child, _) in parents().into_iter().filter(|(_, parent)| *parent == own) {
            // Only this process reaps the child, so the id still belongs to the child.
            if let Some(child) = Pid::from_raw(child) {
                let _ = kill_process(child, Signal::KILL);
            }
        }
        killed += reap();
        if has_children() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    (killed, !has_children())
}

/// Sends a signal to all descendants of the helper.
pub(crate) fn signal(signal: Signal) {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (process, parent) in parents() {
        children.entry(parent).or_default().push(process);
    }
    let mut next = vec![getpid().as_raw_pid()];
    while let Some(parent) = next.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            // A process id may be reused at any time, but the descriptor stays with one process. So the parent is
            // checked after the descriptor is opened: the check recognizes an id that was reused before, and a later
            // reuse does no harm, because the signal is sent through the descriptor.
            let Some(id) = Pid::from_raw(child) else { continue };
            let Ok(handle) = pidfd_open(id, PidfdFlags::empty()) else { continue };
            if parent_of(child).is_some_and(|now| now == parent || now == getpid().as_raw_pid()) {
                let _ = pidfd_send_signal(handle, signal);
                next.push(child);
            }
        }
    }
}

/// Reaps the children that have ended. Returns their number.
pub(crate) fn reap() -> u32 {
    let mut reaped = 0;
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {
        reaped += 1;
    }
    reaped
}

/// Tells whether there is a child, including a child that has ended but is not reaped.
fn has_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, options), Err(Errno::CHILD))
}

/// Returns every process with its parent.
fn parents() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let processes = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter_map(|process| Some((process, parent_of(process)?))).collect()
}

fn parent_of(process: i32) -> Option<i32> {
    parent_in(&fs::read(format!("/proc/{process}/stat")).ok()?)
}

fn parent_in(stat: &[u8]) -> Option<i32> {
    // The process name is in parentheses and may hold any bytes, including parentheses and bytes that are not UTF-8.
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parent_in;

    #[test]
    fn a_process_is_seen_whatever_its_name_is() {
        for name in ["a", "a) S 9 (b", "\u{e9}"].map(str::as_bytes).into_iter().chain([&b"\xff"[..]]) {
            assert_eq!(parent_in(&[b"7 (", name, b") S 3 7 7 0"].concat()), Some(3), "{name:?}");
        }
        assert_eq!(parent_in(b"7 (a"), None);
    }
}
