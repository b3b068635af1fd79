//! Writes the input of a program and reads its output at the same time, with a deadline.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Child;
use std::time::{Duration, Instant};

use keyway_core::Wiped;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

use super::ending::Ending;
use super::error_output::ErrorOutput;
use super::output::{Output, Read};
use crate::cancel::CancelSignal;

/// The reason why a wait for a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The program ended, and all its output is read.
    Ended,
    /// The deadline passed.
    Deadline,
    /// The program printed more than the limit.
    OutputTooLarge,
    /// The caller is gone.
    Cancelled,
}

/// The host's ends of the pipes to a program.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

impl Pipes {
    /// Takes the pipes of a child.
    pub(super) fn of(child: &mut Child) -> Self {
        Self {
            stdin: child.stdin.take().map(OwnedFd::from),
            stdout: child.stdout.take().map(OwnedFd::from),
            stderr: child.stderr.take().map(OwnedFd::from),
        }
    }
}

/// The three streams of a program.
pub(super) struct Streams {
    input: Option<(OwnedFd, Wiped<Vec<u8>>, usize)>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    output: Output,
    errors: ErrorOutput,
}

impl Streams {
    /// The time at the beginning of a run in which its output is not read. Most programs end within this time, and
    /// their output fits into the pipes, so the thread is woken only once, at the end of the program. A program with
    /// more output is delayed by this time at most.
    pub(super) const SHORT_RUN: Duration = Duration::from_millis(10);

    pub(super) fn new(pipes: Pipes, input: Option<Wiped<Vec<u8>>>, output_limit: usize) -> io::Result<Self> {
        let mut streams = Self {
            input: pipes.stdin.zip(input).map(|(stdin, input)| (stdin, input, 0)),
            stdout: pipes.stdout,
            stderr: pipes.stderr,
            output: Output::new(output_limit),
            errors: ErrorOutput::default(),
        };
        let input = streams.input.as_ref().map(|(stdin, ..)| stdin.as_fd());
        let stdout = streams.stdout.as_ref().map(AsFd::as_fd);
        let stderr = streams.stderr.as_ref().map(AsFd::as_fd);
        for stream in [input, stdout, stderr].into_iter().flatten() {
            ioctl_fionbio(stream, true)?;
        }
        // Most inputs fit into the pipe at once.
        streams.write()?;
        Ok(streams)
    }

    /// Tells whether input is left that the pipe did not take yet.
    pub(super) const fn has_input_left(&self) -> bool {
        self.input.is_some()
    }

    /// Takes the output, and the end of the error output.
    pub(super) fn take_printed(&mut self) -> (Wiped<Vec<u8>>, ErrorOutput) {
        (self.output.take(), std::mem::take(&mut self.errors))
    }

    /// Writes input and reads output until the program ends or must end. `short` is the remaining time of a [short
    /// run](Self::SHORT_RUN).
    ///
    /// Only the end of the program itself counts. Processes that it started may hold its streams open for ever, so
    /// after its end only the bytes that are already in the pipes are read.
    pub(super) fn pump(
        &mut self,
        ending: &Ending,
        until: Option<Instant>,
        short: Option<Duration>,
        cancel: &CancelSignal,
    ) -> io::Result<Stop> {
        let mut short = short.filter(|_| !ending.ticks());
        loop {
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                return Ok(Stop::Deadline);
            }
            let ready = self.wait(ending, until.map(|until| until - now), short.take(), cancel)?;
            if ready.cancel && cancel.is_cancelled() {
                return Ok(Stop::Cancelled);
            }
            if ready.input {
                self.write()?;
            }
            if ready.stdout {
                self.read_stdout()?;
            }
            if ready.stderr {
                self.read_stderr()?;
            }
            if self.output.is_too_large() {
                return Ok(Stop::OutputTooLarge);
            }
            // Without a notice of the end, the program is polled.
            if ready.exit || (ending.ticks() && ending.has_exited()?) {
                return self.drain();
            }
        }
    }

    /// Waits until there is something to do. With `short`, waits at most for that time, and not for output.
    fn wait(
        &self,
        ending: &Ending,
        timeout: Option<Duration>,
        short: Option<Duration>,
        cancel: &CancelSignal,
    ) -> io::Result<Ready> {
        let nothing = PollFlags::empty();
        let (stdout, stderr) = match short {
            Some(_) => (None, None),
            None => (self.stdout.as_ref(), self.stderr.as_ref()),
        };
        let mut polled: [Option<PollFd<'_>>; 5] = [
            stdout.map(|fd| PollFd::new(fd, PollFlags::IN)),
            stderr.map(|fd| PollFd::new(fd, PollFlags::IN)),
            self.input.as_ref().map(|(fd, ..)| PollFd::new(fd, PollFlags::OUT)),
            ending.exit_notice().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
            Some(PollFd::from_borrowed_fd(cancel.as_fd(), PollFlags::IN)),
        ];
        let mut fds: Vec<PollFd<'_>> = polled.iter_mut().filter_map(Option::take).collect();
        let at_most = if ending.ticks() { Some(Ending::TICK) } else { short };
        let timeout = [timeout, at_most].into_iter().flatten().min();
        // A time that is too long for the system counts as unlimited.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut revents = fds.iter().map(PollFd::revents);
        let mut next =
            |is_polled: bool| is_polled && revents.next().is_some_and(|revents| revents != nothing);
        Ok(Ready {
            stdout: next(stdout.is_some()),
            stderr: next(stderr.is_some()),
            input: next(self.input.is_some()),
            exit: next(ending.exit_notice().is_some()),
            cancel: next(true),
        })
    }

    /// Writes as much as the pipe takes. It is not an error if a program closes its input before it has read all of it.
    fn write(&mut self) -> io::Result<()> {
        while let Some((stdin, input, written)) = &mut self.input {
            if *written == input.len() {
                self.input = None;
                break;
            }
            match rustix::io::write(stdin, &input[*written..]) {
                Ok(more) => *written += more,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(Errno::PIPE) => self.input = None,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read_stdout(&mut self) -> io::Result<()> {
        if let Some(stdout) = &self.stdout
            && self.output.read(stdout)? == Read::End
        {
            self.stdout = None;
        }
        Ok(())
    }

    fn read_stderr(&mut self) -> io::Result<()> {
        if let Some(stderr) = &self.stderr
            && self.errors.read(stderr)? == Read::End
        {
            self.stderr = None;
        }
        Ok(())
    }

    /// Reads the rest of the pipes, without waiting.
    fn drain(&mut self) -> io::Result<Stop> {
        while let Some(stdout) = &self.stdout {
            if self.output.read(stdout)? != Read::Some {
                break;
            }
            if self.output.is_too_large() {
                return Ok(Stop::OutputTooLarge);
            }
        }
        // Another process may write to this pipe without end, so the loop is limited. The limit is more than a pipe
        // holds.
        for _ in 0..64 {
            match &self.stderr {
                Some(stderr) if self.errors.read(stderr)? == Read::Some => {}
                _ => break,
            }
        }
        Ok(Stop::Ended)
    }
}

/// The streams that are ready.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for one stream")]
struct Ready {
    stdout: bool,
    stderr: bool,
    input: bool,
    exit: bool,
    cancel: bool,
}

/// Waits until the descriptor can be read, for this time at most.
pub(super) fn wait_readable(fd: BorrowedFd<'_>, timeout: Duration) -> bool {
    // A time that is too long for the system counts as unlimited.
    let until = Instant::now().checked_add(timeout);
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        match poll(&mut fds, left.as_ref()) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
