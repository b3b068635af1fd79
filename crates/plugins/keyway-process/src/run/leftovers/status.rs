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
    /// The address of the end of the program's code. Linux sets it as the last step of loading a program.
    end_of_code: u64,
    /// The addresses of the start and the end of the environment.
    pub(super) environment: (u64, u64),
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
        let end_of_code = fields.nth(4)?.parse().ok()?;
        let environment = (fields.nth(22)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { state, parent, group, flags, started, end_of_code, environment })
    }

    /// Tells whether the process is loading a program. Until that ends, the system has no environment for it, or
    /// tells a wrong length.
    pub(super) const fn is_loading(self) -> bool {
        self.end_of_code == 0
    }

    /// Returns the length of the environment in bytes.
    pub(super) const fn environment_length(self) -> u64 {
        let (start, end) = self.environment;
        end.saturating_sub(start)
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
        let numbers = " 0".repeat(4) + " 70" + &" 0".repeat(22) + " 90 99 0";
        let status = Status::parse((stat.clone() + &numbers).as_bytes()).unwrap();
        assert_eq!((status.state, status.parent, status.started, status.is_alive()), (b'R', 7, 5678, false));
        assert_eq!(status.group, 12);
        assert_eq!((status.end_of_code, status.environment_length()), (70, 9));
        let own = Status::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(own.parent, i32::try_from(std::os::unix::process::parent_id()).unwrap());
        assert!(own.is_alive() && own.started > 0);
        assert!(!own.is_loading() && own.environment_length() > 0);
        for wrong in ["", "12 (a", "12 (a) S", "12 (a) S x 1 1 1 1 1", "12 (R) S 7 12 12 0 -1 0", &*stat] {
            assert!(Status::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
