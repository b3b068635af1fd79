//! One run of a program: started, fed, read, ended, and nothing left behind.

mod ending;
mod error_output;
mod launch;
#[cfg(target_os = "linux")]
mod leftovers;
#[cfg(not(target_os = "linux"))]
#[path = "leftovers_elsewhere.rs"]
mod leftovers;
mod mark;
mod output;
mod streams;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use keyway_issuers::wire::Ended;
use zeroize::Zeroizing;

use crate::cancel::CancelSignal;
use crate::program::ProgramError;
use ending::Ending;
pub use error_output::ErrorOutput;
pub(crate) use launch::Launch;
use mark::RunMark;
use streams::{Stop, Streams};

/// What bounds a run (decision W7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a run may take, from the start of the program to its end. Waiting for a
    /// free place is not counted.
    pub deadline: Duration,
    /// How much a program may print, in bytes.
    pub output_bytes: usize,
    /// How long a program that has to end gets between `SIGTERM` and `SIGKILL`.
    pub grace: Duration,
}

impl Limits {
    /// 30 seconds, 1 MiB, and half a second of grace.
    pub const DEFAULT: Self = Self {
        deadline: Duration::from_secs(30),
        output_bytes: 1024 * 1024,
        grace: Duration::from_millis(500),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How a program gets its input. `Debug` shows its length only.
pub enum Input {
    /// As the last argument. Every local user can read it (`ps`).
    Argument(Zeroizing<Vec<u8>>),
    /// On standard input, which then ends.
    Standard(Zeroizing<Vec<u8>>),
}

impl Input {
    /// The longest argument in bytes that Linux passes on, without the zero at its end.
    pub const LONGEST_ARGUMENT: usize = 128 * 1024 - 1;
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(input) => write!(f, "Argument({} bytes)", input.len()),
            Self::Standard(input) => write!(f, "Standard({} bytes)", input.len()),
        }
    }
}

/// A run that ended by itself. `Debug` shows only the length of the output.
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// All that the program printed until it ended. It may hold secrets.
    pub output: Zeroizing<Vec<u8>>,
    /// The end of what it wrote to its error output.
    pub errors: ErrorOutput,
    /// How many processes that it had left behind were found and killed.
    pub left_behind: usize,
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished")
            .field("ended", &self.ended)
            .field("output", &format_args!("{} bytes", self.output.len()))
            .field("errors", &self.errors)
            .field("left_behind", &self.left_behind)
            .finish()
    }
}

/// Why a run gave no output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The command was not found. Nothing was started.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The input does not fit into an argument. Nothing was started.
    #[error("{bytes} bytes do not fit into an argument, which holds {}", Input::LONGEST_ARGUMENT)]
    ArgumentTooLong {
        /// How long the input is.
        bytes: usize,
    },
    /// The system could not start it. Nothing was started.
    #[error("the system could not start it")]
    Start {
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It did not end in time, and was killed.
    #[error("it did not end within {deadline:?}, and was killed")]
    Deadline {
        /// The time it had.
        deadline: Duration,
        /// The end of what it wrote to its error output.
        errors: ErrorOutput,
    },
    /// It printed too much, and was killed.
    #[error("it printed more than {limit} bytes, and was killed")]
    OutputTooLarge {
        /// How much it may print.
        limit: usize,
        /// The end of what it wrote to its error output.
        errors: ErrorOutput,
    },
    /// The caller went away, and it was killed.
    #[error("nobody waited for it any more, and it was killed")]
    Cancelled,
    /// The system failed while it ran; it was killed.
    #[error("the system could not {what}; it was killed")]
    System {
        /// What was tried.
        what: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl RunError {
    /// Whether it is certain that no program ran.
    pub const fn nothing_started(&self) -> bool {
        matches!(self, Self::Program(_) | Self::ArgumentTooLong { .. } | Self::Start { .. })
    }

    /// The end of what the program wrote to its error output, where it got so far.
    pub const fn errors(&self) -> Option<&ErrorOutput> {
        match self {
            Self::Deadline { errors, .. } | Self::OutputTooLarge { errors, .. } => Some(errors),
            _ => None,
        }
    }
}

/// A program that was started, with its input written as far as the pipe took it. Dropping
/// it kills the program.
pub(crate) struct Running {
    ending: Ending,
    streams: Streams,
    started: Instant,
    limits: Limits,
}

impl Running {
    /// Starts a program. It waits for nothing but the system's loading of it.
    pub(crate) fn start(launch: &Launch<'_>, limits: Limits, input: Input) -> Result<Self, RunError> {
        let mark = RunMark::draw().map_err(|source| RunError::Start { source })?;
        // From here on the program is ended on every path, by `Ending`'s destructor at the latest.
        let (ending, pipes, input) = launch.start(mark, input)?;
        let started = Instant::now();
        let streams = Streams::new(pipes, input, limits.output_bytes)
            .map_err(|source| RunError::System { what: "read its output", source })?;
        Ok(Self { ending, streams, started, limits })
    }

    /// When there is something to do about it next: when this can be read, or after this time.
    /// `None` where somebody has to look from time to time, or there is input left to be written.
    pub(crate) fn next_look(&self) -> Option<(BorrowedFd<'_>, Duration)> {
        let notice = self.ending.exit_notice()?;
        let short = Streams::SHORT_RUN.min(self.limits.deadline);
        (!self.streams.has_input_left()).then_some((notice, short))
    }

    /// Waits for its end, on this thread. There is nothing left to do afterwards but to drop it.
    pub(crate) fn finish(&mut self, cancel: &CancelSignal) -> Result<Finished, RunError> {
        // A deadline too far away to be a time is none.
        let until = self.started.checked_add(self.limits.deadline);
        let short = Streams::SHORT_RUN.checked_sub(self.started.elapsed());
        let stop = self.streams.pump(&self.ending, until, short, cancel);
        if let Ok(Stop::Ended) = stop {
            let (status, left_behind) =
                self.ending.after_exit(self.started.elapsed(), self.limits.deadline)?;
            let (output, errors) = self.streams.take_printed();
            return Ok(Finished { ended: ended(status), output, errors, left_behind });
        }
        self.ending.kill(self.limits.grace);
        let (output, mut errors) = self.streams.take_printed();
        // No answer was read from the output, so its secrets are unknown.
        errors.hide_output(&output);
        Err(match stop {
            Ok(Stop::Deadline) => RunError::Deadline { deadline: self.limits.deadline, errors },
            Ok(Stop::OutputTooLarge) => RunError::OutputTooLarge { limit: self.limits.output_bytes, errors },
            Ok(Stop::Cancelled | Stop::Ended) => RunError::Cancelled,
            Err(source) => RunError::System { what: "wait for its output", source },
        })
    }
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Status(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    }
}
