//! Starts a program: directly, or by a helper.

use keyway_core::Wiped;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::ending::{Alone, Ending};
use super::mark::RunMark;
#[cfg(target_os = "linux")]
use super::memory_file::memory_file;
use super::streams::Pipes;
use super::{Input, RunError};
use crate::cancel::CancelSignal;
use crate::environment::Environment;
use crate::program::Program;
#[cfg(target_os = "linux")]
use crate::supervisor::Supervisors;

/// A program to start.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: Arc<Program>,
    environment: Arc<Environment>,
    /// The helpers that can start the program. `None` if the host starts the program itself.
    #[cfg(target_os = "linux")]
    pub(crate) supervisors: Option<Arc<Supervisors>>,
}

/// A running program, its pipes, and its unwritten input.
type Started = (Ending, Pipes, Option<Wiped<Vec<u8>>>);

impl Launch {
    pub(crate) fn new(program: Program, environment: Environment) -> Self {
        Self {
            program: Arc::new(program),
            environment: Arc::new(environment),
            #[cfg(target_os = "linux")]
            supervisors: None,
        }
    }

    /// Tells whether a start may block until a helper answers.
    pub(crate) const fn needs_helper(&self) -> bool {
        #[cfg(target_os = "linux")]
        let needs = self.supervisors.is_some();
        #[cfg(not(target_os = "linux"))]
        let needs = false;
        needs
    }

    pub(super) fn start(
        &self,
        mark: RunMark,
        input: Input,
        cancel: Option<&CancelSignal>,
    ) -> Result<Started, RunError> {
        if let Input::Argument(input) = &input
            && input.len() > Input::LONGEST_ARGUMENT
        {
            return Err(RunError::ArgumentTooLong { bytes: input.len() });
        }
        #[cfg(target_os = "linux")]
        if let Some(supervisors) = &self.supervisors {
            return self.start_helped(supervisors, mark, input, cancel);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = cancel;
        self.start_alone(mark, input)
    }

    /// Starts the program in a process group of its own. Uses only what the standard library does by `posix_spawn`, so
    /// the cost does not grow with the memory of the host.
    fn start_alone(&self, mark: RunMark, input: Input) -> Result<Started, RunError> {
        let mut command = Command::new(self.program.locate(&self.environment)?);
        command.args(self.program.arguments());
        let input = match input {
            Input::Argument(input) => {
                command.arg(OsStr::from_bytes(&input)).stdin(Stdio::null());
                None
            }
            Input::Standard(input) => {
                command.stdin(Stdio::piped());
                Some(input)
            }
            #[cfg(target_os = "linux")]
            Input::MemoryFile(content) => {
                command.stdin(memory_file(&content).map_err(|source| RunError::Start { source })?);
                None
            }
        };
        command
            .env_clear()
            .envs(self.environment.iter())
            .env(Environment::RUN_MARK, mark.as_str())
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| RunError::Start { source })?;
        let pipes = Pipes::of(&mut child);
        Ok((Ending::Alone(Alone::new(child, mark)), pipes, input))
    }

    /// Starts the program by a helper.
    #[cfg(target_os = "linux")]
    fn start_helped(
        &self,
        supervisors: &Arc<Supervisors>,
        mark: RunMark,
        input: Input,
        cancel: Option<&CancelSignal>,
    ) -> Result<Started, RunError> {
        use std::os::fd::{AsFd as _, OwnedFd};

        use keyway_run::Order;

        use super::ending::Helped;

        let program = self.program.locate(&self.environment)?.as_os_str();
        let (argument, input, file) = match input {
            Input::Argument(input) => (Some(input), None, None),
            Input::Standard(input) => (None, Some(input), None),
            Input::MemoryFile(content) => {
                let file = memory_file(&content).map_err(|source| RunError::Start { source })?;
                (None, None, Some(file))
            }
        };
        let arguments = self.program.arguments().iter().map(std::ffi::OsString::as_os_str);
        let arguments = arguments.chain(argument.as_ref().map(|input| OsStr::from_bytes(input)));
        let own = (OsStr::new(Environment::RUN_MARK), OsStr::new(mark.as_str()));
        let order = Order::run(program, &arguments, &self.environment.iter().chain([own]));
        let supervisor = supervisors.take().map_err(|source| RunError::Start { source })?;
        if cancel.is_some_and(CancelSignal::is_cancelled) {
            supervisors.put_back(supervisor);
            return Err(RunError::Cancelled);
        }
        let ask = || {
            let (stdin, to_stdin) = std::io::pipe()?;
            let (from_stdout, stdout) = std::io::pipe()?;
            let (from_stderr, stderr) = std::io::pipe()?;
            let stdin = file.as_ref().map_or(stdin.as_fd(), |file| file.as_fd());
            supervisor.order(&order, [stdin, stdout.as_fd(), stderr.as_fd()])?;
            Ok(Pipes {
                // Closes the stream at once if there is no input.
                stdin: input.is_some().then(|| OwnedFd::from(to_stdin)),
                stdout: Some(from_stdout.into()),
                stderr: Some(from_stderr.into()),
            })
        };
        let pipes = ask().map_err(|source| RunError::Start { source })?;
        // A failed start is reported as the end of the run, so that no caller waits here for the start.
        let helped = Helped::new(supervisor, Arc::clone(supervisors), mark);
        Ok((Ending::Helped(helped), pipes, input))
    }
}
