//! Runs a program: starts it, writes its input, reads its output, and ends it with all processes that it started.

mod ending;
mod error_output;
mod launch;
#[cfg(target_os = "linux")]
mod leftovers;
#[cfg(not(target_os = "linux"))]
#[path = "leftovers_elsewhere.rs"]
mod leftovers;
mod mark;
#[cfg(target_os = "linux")]
mod memory_file;
mod output;
mod streams;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use keyway_core::Wiped;
use keyway_issuers::wire::Ended;

use crate::cancel::CancelSignal;
use crate::program::ProgramError;
use ending::Ending;
pub use error_output::ErrorOutput;
pub(crate) use launch::Launch;
use mark::RunMark;
use streams::{Stop, Streams};

/// The limits of a run.
///
/// See decision W7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time limit, from the start of the program to its end. Waiting for a permit does not count.
    pub deadline: Duration,
    /// The limit of the output, in bytes.
    pub output_bytes: usize,
    /// The time between `SIGTERM` and `SIGKILL`.
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

/// The input of a program. `Debug` shows its length only.
pub enum Input {
    /// The last argument. Every local user can read it (`ps`).
    Argument(Wiped<Vec<u8>>),
    /// Standard input, which is closed after these bytes.
    Standard(Wiped<Vec<u8>>),
    /// Standard input, as a file in memory, for a program that takes a secret as a file only. The program can open it
    /// by the path `/proc/self/fd/0`, repeatedly. The file has mode 0600 and no name, and is gone when the program
    /// has ended, also if the host is killed (H361).
    #[cfg(target_os = "linux")]
    MemoryFile(Wiped<Vec<u8>>),
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
            #[cfg(target_os = "linux")]
            Self::MemoryFile(input) => write!(f, "MemoryFile({} bytes)", input.len()),
        }
    }
}

/// The result of a program that ended by itself. `Debug` shows only the length of the output.
pub struct Finished {
    /// How the program ended.
    pub ended: Ended,
    /// All that the program printed. It may hold secrets.
    pub output: Wiped<Vec<u8>>,
    /// The end of its error output.
    pub errors: ErrorOutput,
    /// The number of processes that it left behind and that were killed.
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

/// The reason why a run has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The command was not found. Nothing was started.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The input does not fit into an argument. Nothing was started.
    #[error("{bytes} bytes do not fit into an argument, which holds {}", Input::LONGEST_ARGUMENT)]
    ArgumentTooLong {
        /// The length of the input.
        bytes: usize,
    },
    /// The system could not start the program. Nothing was started.
    #[error("the system could not start it")]
    Start {
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The program did not end in time, and was killed.
    #[error("it did not end within {deadline:?}, and was killed")]
    Deadline {
        /// The deadline.
        deadline: Duration,
        /// The end of its error output.
        errors: ErrorOutput,
    },
    /// The program printed too much, and was killed.
    #[error("it printed more than {limit} bytes, and was killed")]
    OutputTooLarge {
        /// The limit.
        limit: usize,
        /// The end of its error output.
        errors: ErrorOutput,
    },
    /// The caller went away, and the program was killed.
    #[error("its caller went away, and it was killed")]
    Cancelled,
    /// The system failed during the run, and the program was killed.
    #[error("the system could not {what}, so the program was killed")]
    System {
        /// The operation that failed.
        what: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl RunError {
    /// Tells whether it is certain that no program ran.
    pub const fn nothing_started(&self) -> bool {
        matches!(self, Self::Program(_) | Self::ArgumentTooLong { .. } | Self::Start { .. })
    }

    /// Returns the end of the error output, if the program ran.
    pub const fn errors(&self) -> Option<&ErrorOutput> {
        match self {
            Self::Deadline { errors, .. } | Self::OutputTooLarge { errors, .. } => Some(errors),
            _ => None,
        }
    }
}

/// A started program. Its input is written as far as the pipe takes it. Dropping a `Running` kills the program.
pub(crate) struct Running {
    ending: Ending,
    streams: Streams,
    started: Instant,
    limits: Limits,
}

impl Running {
    /// Starts a program. Blocks while the system loads it; with a helper, also until the helper is ready, or its time
    /// is over. If the run is cancelled before the program starts, the program is not started.
    pub(crate) fn start(
        launch: &Launch,
        limits: Limits,
        input: Input,
        cancel: Option<&CancelSignal>,
    ) -> Result<Self, RunError> {
        let mark = RunMark::draw().map_err(|source| RunError::Start { source })?;
        // From here on the program is ended on every path, at the latest by the destructor of `Ending`.
        let (ending, pipes, input) = launch.start(mark, input, cancel)?;
        let started = Instant::now();
        let streams = Streams::new(pipes, input, limits.output_bytes)
            .map_err(|source| RunError::System { what: "read its output", source })?;
        Ok(Self { ending, streams, started, limits })
    }

    /// Returns a descriptor and a duration. The run needs attention when the descriptor is readable or the duration is
    /// over. Returns `None` if the run must be polled, or if input is left to be written.
    pub(crate) fn next_look(&self) -> Option<(BorrowedFd<'_>, Duration)> {
        let notice = self.ending.exit_notice()?;
        let short = Streams::SHORT_RUN.min(self.limits.deadline);
        (!self.streams.has_input_left()).then_some((notice, short))
    }

    /// Waits for the end of the program, on this thread. Call it once, then drop the run.
    pub(crate) fn finish(&mut self, cancel: &CancelSignal) -> Result<Finished, RunError> {
        // A deadline that is too far in the future for the clock counts as no deadline.
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
        // The host does not decode this output, so it cannot tell which parts are secret, and treats the whole output
        // as secret.
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
