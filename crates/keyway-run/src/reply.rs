//! The messages of the helper to its host.

/// A message of the helper to its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The helper is ready.
    Ready {
        /// True if the helper is in the cgroup that its arguments name.
        in_cgroup: bool,
    },
    /// The program could not be started.
    NotStarted {
        /// The error of the system.
        error: i32,
    },
    /// The program has ended.
    Ended {
        /// Its status, as the system writes it.
        status: i32,
        /// The number of processes that it left behind.
        left_behind: u32,
        /// False if some of these processes could not be killed. The helper must not run another program then.
        all_killed: bool,
    },
}

impl Reply {
    /// Writes the frame.
    pub fn to_frame(self) -> [u8; 9] {
        let (kind, number, count) = match self {
            Self::Ready { in_cgroup } => (b'U', i32::from(in_cgroup), 0),
            Self::NotStarted { error } => (b'F', error, 0),
            Self::Ended { status, left_behind, all_killed } => {
                (if all_killed { b'E' } else { b'L' }, status, left_behind)
            }
        };
        let mut frame = [kind; 9];
        frame[1..5].copy_from_slice(&number.to_le_bytes());
        frame[5..].copy_from_slice(&count.to_le_bytes());
        frame
    }

    /// Reads a frame. Returns `None` if it is not a reply.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let (kind, rest) = frame.split_first()?;
        let (number, rest) = rest.split_first_chunk()?;
        let number = i32::from_le_bytes(*number);
        let left_behind = u32::from_le_bytes(rest.try_into().ok()?);
        match kind {
            b'U' => Some(Self::Ready { in_cgroup: number != 0 }),
            b'F' => Some(Self::NotStarted { error: number }),
            b'E' | b'L' => Some(Self::Ended { status: number, left_behind, all_killed: *kind == b'E' }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;

    #[test]
    fn a_reply_is_read_as_it_was_written() {
        for reply in [
            Reply::Ready { in_cgroup: true },
            Reply::Ready { in_cgroup: false },
            Reply::NotStarted { error: 2 },
            Reply::Ended { status: -1, left_behind: u32::MAX, all_killed: true },
            Reply::Ended { status: 0, left_behind: 1, all_killed: false },
        ] {
            let frame = reply.to_frame();
            assert_eq!(Reply::read(&frame), Some(reply));
            assert_eq!(Reply::read(&frame[..8]), None);
        }
        assert_eq!(Reply::read(b"?12345678"), None);
    }
}
