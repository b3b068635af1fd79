//! Starts processes, reads their lines, and kills them at chosen moments.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::TortureError;
use super::line::Line;

/// The moment at which a process is killed.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// A time after the start of the process, while it opens or creates its files.
    AfterStart(Duration),
    /// A time after the first acknowledged write.
    AfterFirstAcknowledgement(Duration),
    /// A time after the process began to write a cell whose name contains this text.
    AfterBegun(&'static str, Duration),
    /// A time after the n-th of the notes that begin with this text. The first note has the number 1.
    AfterNote(&'static str, u64, Duration),
}

/// The fate of a process: it may be stopped for a while, and then it is killed.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    stop: Option<(Moment, Duration)>,
    kill: Moment,
}

impl Fate {
    /// Kills the process at this moment.
    pub const fn killed_at(kill: Moment) -> Self {
        Self { stop: None, kill }
    }

    /// Stops the process at a moment for the time `pause`, as if its machine was suspended. Then lets it continue for
    /// the time `rest`, and kills it.
    pub const fn stopped_at(moment: Moment, pause: Duration, rest: Duration) -> Self {
        Self { stop: Some((moment, pause)), kill: Moment::AfterStart(rest) }
    }
}

/// The longest wait for a moment that may never come.
const LONGEST_WAIT: Duration = Duration::from_millis(1500);

/// A process that prints [`Line`]s, and a thread that reads them.
#[derive(Debug)]
pub struct Victim {
    child: Child,
    heard: Arc<Heard>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Heard {
    lines: Mutex<Vec<Line>>,
    more: Condvar,
}

impl Heard {
    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for(&self, mut wanted: impl FnMut(&Line) -> bool, patience: Duration) {
        let until = Instant::now() + patience;
        let (mut seen, mut lines) = (0, self.lines());
        loop {
            if lines[seen..].iter().any(&mut wanted) {
                return;
            }
            seen = lines.len();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            lines = self.more.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The end of a process, and its lines.
#[derive(Debug)]
pub struct Ended {
    /// All its lines.
    pub lines: Vec<Line>,
    /// Its exit status.
    pub status: ExitStatus,
}

impl Ended {
    /// Tells whether the process was killed before it ended by itself.
    pub fn was_killed(&self) -> bool {
        #[cfg(unix)]
        return std::os::unix::process::ExitStatusExt::signal(&self.status) == Some(9);
        #[cfg(not(unix))]
        return !self.status.success();
    }
}

impl Victim {
    /// Starts a process and reads its lines.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(command: &mut Command) -> Result<Self, TortureError> {
        let program = command.get_program().display().to_string();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| TortureError::Start { program: program.clone(), source })?;
        let heard = Arc::new(Heard::default());
        let output = child.stdout.take().ok_or(TortureError::NoOutput { program })?;
        let listener = std::thread::spawn({
            let heard = Arc::clone(&heard);
            move || listen(output, &heard)
        });
        Ok(Self { child, heard, listener })
    }

    /// Waits for the moment, and kills the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill_at(mut self, moment: Moment) -> Result<Ended, TortureError> {
        self.wait_for(moment);
        // On Unix this is SIGKILL.
        self.child.kill().map_err(|source| TortureError::System { action: "kill a process", source })?;
        self.end()
    }

    /// Stops the process for a while if its fate says so, and kills it. A stopped process does not notice the lost
    /// time.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn meet(self, fate: Fate) -> Result<Ended, TortureError> {
        if let Some((moment, pause)) = fate.stop {
            self.stop_at(moment, pause)?;
        }
        self.kill_at(fate.kill)
    }

    fn stop_at(&self, moment: Moment, pause: Duration) -> Result<(), TortureError> {
        self.wait_for(moment);
        self.signal("-STOP")?;
        std::thread::sleep(pause);
        self.signal("-CONT")
    }

    fn signal(&self, signal: &str) -> Result<(), TortureError> {
        // The child has not been waited for, so its process number is not reused. A child that has already ended is not
        // an error.
        let told = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status();
        told.map(|_| ()).map_err(|source| TortureError::System { action: "send a signal", source })
    }

    fn wait_for(&self, moment: Moment) {
        let pause = match moment {
            Moment::AfterStart(pause) => pause,
            Moment::AfterFirstAcknowledgement(pause) => {
                self.heard.wait_for(|line| matches!(line, Line::Acknowledged { .. }), LONGEST_WAIT);
                pause
            }
            Moment::AfterBegun(part, pause) => {
                let is_wanted = |line: &Line| matches!(line, Line::Begun { cell, .. } if cell.contains(part));
                self.heard.wait_for(is_wanted, LONGEST_WAIT);
                pause
            }
            Moment::AfterNote(beginning, count, pause) => {
                let mut left = count;
                let is_wanted = |line: &Line| {
                    let is_one = matches!(line, Line::Note(what) if what.starts_with(beginning));
                    left = left.saturating_sub(u64::from(is_one));
                    is_one && left == 0
                };
                self.heard.wait_for(is_wanted, LONGEST_WAIT);
                pause
            }
        };
        std::thread::sleep(pause);
    }

    /// Waits until the process ends by itself.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn end(mut self) -> Result<Ended, TortureError> {
        let status = self
            .child
            .wait()
            .map_err(|source| TortureError::System { action: "wait for a process", source })?;
        let _ = self.listener.join();
        let lines = std::mem::take(&mut *self.heard.lines());
        Ok(Ended { lines, status })
    }
}

fn listen(output: ChildStdout, heard: &Heard) {
    for text in BufReader::new(output).lines().map_while(Result::ok) {
        let line = text.parse().unwrap_or_else(|_| Line::Corrupt(format!("a process said: {text}")));
        heard.lines().push(line);
        heard.more.notify_all();
    }
}
