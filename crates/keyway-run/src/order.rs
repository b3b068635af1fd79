//! The messages of a host to the helper.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use zeroize::Zeroizing;

/// A message of a host to the helper.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Starts a program. Its three streams come with the frame.
    Run(Run),
    /// Sends `SIGTERM` to all processes of the run.
    Terminate,
    /// Sends `SIGKILL` to all processes of the run.
    Kill,
}

/// A program to be started. `Debug` shows the numbers of arguments and variables only, because an argument may
/// hold a token.
#[derive(Default, PartialEq, Eq)]
pub struct Run {
    /// The executable file.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// All of its environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Run({}, {} arguments, {} variables)",
            self.program.display(),
            self.arguments.len(),
            self.environment.len()
        )
    }
}

const RUN: u8 = b'R';

impl Order {
    /// The frame of [`Terminate`](Self::Terminate).
    pub const TERMINATE: &[u8] = b"T";
    /// The frame of [`Kill`](Self::Kill).
    pub const KILL: &[u8] = b"K";

    /// Writes the frame of a [`Run`](Self::Run).
    pub fn run<'a>(
        program: &'a OsStr,
        arguments: &(impl Iterator<Item = &'a OsStr> + Clone),
        environment: &(impl Iterator<Item = (&'a OsStr, &'a OsStr)> + Clone),
    ) -> Zeroizing<Vec<u8>> {
        let variables = || environment.clone().flat_map(|(name, value)| [name, value]);
        let all = || std::iter::once(program).chain(arguments.clone()).chain(variables());
        // The frame is allocated at its full size, because growing would leave a copy in memory.
        let room = 5 + all().map(|text| text.len() + 4).sum::<usize>();
        let mut frame = Zeroizing::new(Vec::with_capacity(room));
        frame.push(RUN);
        put_number(&mut frame, arguments.clone().count());
        for text in all() {
            put_number(&mut frame, text.len());
            frame.extend_from_slice(text.as_bytes());
        }
        frame
    }

    /// Reads a frame. Returns `None` if it is not an order.
    pub fn read(frame: &[u8]) -> Option<Self> {
        match frame {
            Self::TERMINATE => return Some(Self::Terminate),
            Self::KILL => return Some(Self::Kill),
            _ => {}
        }
        let mut rest = frame.strip_prefix(&[RUN])?;
        let arguments = number(&mut rest)?;
        let program = text(&mut rest)?;
        let mut run = Run { program, ..Run::default() };
        for _ in 0..arguments {
            run.arguments.push(text(&mut rest)?);
        }
        while !rest.is_empty() {
            run.environment.push((text(&mut rest)?, text(&mut rest)?));
        }
        Some(Self::Run(run))
    }
}

fn put_number(frame: &mut Vec<u8>, number: usize) {
    // A number that does not fit into 32 bits counts more bytes or arguments than a frame can hold. `send_frame` then
    // refuses the whole frame.
    frame.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

fn text(rest: &mut &[u8]) -> Option<OsString> {
    let length = number(rest)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(OsStr::from_bytes(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let arguments = ["-c", "", "a\nb"].map(OsStr::new);
        let environment =
            [("A", "b=c"), ("Z", "")].map(|(name, value)| (OsStr::new(name), OsStr::new(value)));
        let frame = Order::run(OsStr::new("/bin/sh"), &arguments.into_iter(), &environment.into_iter());
        assert_eq!(frame.len(), frame.capacity());
        let run = Run {
            program: "/bin/sh".into(),
            arguments: arguments.map(OsStr::to_owned).to_vec(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        };
        assert_eq!(format!("{run:?}"), "Run(/bin/sh, 3 arguments, 2 variables)");
        assert_eq!(Order::read(&frame), Some(Order::Run(run)));
        for cut in 0..frame.len() {
            let cut = Order::read(&frame[..cut]);
            // A frame that is cut between two variables is a valid frame with fewer variables.
            assert!(
                !matches!(cut, Some(Order::Run(run)) if run.environment.len() != 1 && !run.environment.is_empty())
            );
        }
        assert_eq!(Order::read(Order::TERMINATE), Some(Order::Terminate));
        assert_eq!(Order::read(Order::KILL), Some(Order::Kill));
        assert_eq!(Order::read(b""), None);
        assert_eq!(Order::read(b"R\xff\xff\xff\xff\0\0\0\0"), None);
    }
}
