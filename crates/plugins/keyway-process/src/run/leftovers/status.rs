//! Reads the status of a process from the system.

use std::fs;
use std::io;

use rustix::io::Errno;

/// The fields of `/proc/ID/stat` that the search needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    state: u8,
    pub(super) parent: i32,
    /// The process group.
    pub(super) group: i32,
    flags: u32,
    /// The start time, in ticks since the system started.
    pub(super) started: u64,
    /// The addresses of the start and the end of the environment. Both are zero while a program is being loaded and has
    /// no environment yet.
    environment: (u64, u64),
}

impl Status {
    /// The flag of a thread of the kernel, which has no environment.
    const KERNEL: u32 = 0x0020_0000;

    /// Reads the status of a process or a thread.
    pub(super) fn of(pid: i32) -> Result<Self, Errno> {
        let stat = fs::read(format!("/proc/{pid}/stat")).map_err(|error| errno(&error))?;
        Self::parse(&stat).ok_or(Errno::INVAL)
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        // The name is in parentheses and may hold any characters, including parentheses.
        let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
        let mut fields = str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let flags = fields.nth(3)?.parse().ok()?;
        let started = fields.nth(12)?.parse().ok()?;
        let environment = (fields.nth(27)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { state, parent, group, flags, started, environment })
    }

    /// Tells whether the environment is empty. Returns false if there is no environment yet, because its end is then
    /// unknown.
    ///
    /// A read of an environment can also return nothing because it began before the process loaded another program. So
    /// a read that returns nothing does not show that the environment is empty.
    pub(super) const fn has_empty_environment(self) -> bool {
        let (start, end) = self.environment;
        end != 0 && start == end
    }

    pub(super) const fn is_alive(self) -> bool {
        !matches!(self.state, b'Z' | b'X') && self.flags & Self::KERNEL == 0
    }
}

/// Returns the number of an error of the system.
pub(super) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn a_name_may_hold_any_characters() {
        let stat = "12 (a) S 1 (b)) R 7 12 12 0 -1 2097216 0 0 0 0 0 0 0 0 20 0 1 0 5678".to_owned();
        let status = Status::parse((stat.clone() + &" 0".repeat(27) + " 90 99 0").as_bytes()).unwrap();
        assert_eq!((status.state, status.parent, status.started, status.is_alive()), (b'R', 7, 5678, false));
        assert_eq!(status.group, 12);
        assert_eq!(status.environment, (90, 99));
        let own = Status::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(own.parent, i32::try_from(std::os::unix::process::parent_id()).unwrap());
        assert!(own.is_alive() && own.started > 0);
        assert!(!own.has_empty_environment());
        for wrong in ["", "12 (a", "12 (a) S", "12 (a) S x 1 1 1 1 1", "12 (R) S 7 12 12 0 -1 0", &*stat] {
            assert!(Status::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn only_an_environment_that_is_there_can_be_empty() {
        for (environment, is_empty) in [((0, 0), false), ((90, 99), false), ((99, 99), true)] {
            let status = Status { state: b'R', parent: 1, group: 1, flags: 0, started: 1, environment };
            assert_eq!(status.has_empty_environment(), is_empty, "{environment:?}");
        }
    }
}
