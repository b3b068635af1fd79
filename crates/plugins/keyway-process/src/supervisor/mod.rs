//! Starts helpers and keeps them for later runs. Each helper runs one program at a time.

mod group;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use keyway_run::{Order, Reply, read_frame, send_frame, write_frame};

use crate::helper::Helper;
use group::Group;

/// The helpers of a runner.
#[derive(Debug)]
pub(crate) struct Supervisors {
    helper: Helper,
    idle: Mutex<Vec<Supervisor>>,
    told: OnceLock<()>,
}

impl Supervisors {
    /// Creates the set, without any helper.
    pub(crate) fn new(helper: Helper) -> Arc<Self> {
        Arc::new(Self { helper, idle: Mutex::default(), told: OnceLock::new() })
    }

    /// Takes an idle helper, or starts a new one.
    pub(crate) fn take(&self) -> io::Result<Supervisor> {
        loop {
            let Some(mut idle) = self.idle().pop() else { return self.start() };
            // The system may have killed an idle helper.
            if idle.is_alive() {
                return Ok(idle);
            }
        }
    }

    /// Takes back a helper whose run is over.
    pub(crate) fn put_back(&self, supervisor: Supervisor) {
        self.idle().push(supervisor);
    }

    /// Tells whether a helper waits for its next run.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle().is_empty()
    }

    fn start(&self) -> io::Result<Supervisor> {
        let supervisor = Supervisor::start(&self.helper)?;
        self.told.get_or_init(|| {
            let helper = self.helper.path().display();
            let in_force = supervisor.containment();
            tracing::info!(%helper, in_force, "how the processes of an executable are held together");
            if let (Some(cgroup), None) = (self.helper.cgroup(), &supervisor.group) {
                tracing::warn!(cgroup = %cgroup.display(), "no cgroup could be made there; the helper works without");
            }
        });
        Ok(supervisor)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Supervisor>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running helper. Dropping it ends the helper, with all processes of its run. This blocks until the helper has
/// ended, for some seconds if it is stopped, so the drop happens on a thread of the runner.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    socket: UnixStream,
    group: Option<Group>,
}

impl Supervisor {
    /// The time limit for each read and each write on the helper's socket. It does not limit a run: while a run lasts,
    /// the host reads only when a message has arrived.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// The time limit for a helper to kill all processes, and end.
    const ENDED: Duration = Duration::from_secs(3);

    fn start(helper: &Helper) -> io::Result<Self> {
        let group = helper.cgroup().and_then(|folder| Group::make(folder).ok());
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_read_timeout(Some(Self::PATIENCE))?;
        socket.set_write_timeout(Some(Self::PATIENCE))?;
        let mut command = Command::new(helper.path());
        if let Some(group) = &group {
            command.arg(group.folder());
        }
        let child = command
            .env_clear()
            // A signal to the process group of the host, such as one from its terminal, must not end the helper, which
            // ends the program when the host is gone.
            .process_group(0)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("the helper {}: {error}", helper.path().display()))
            })?;
        let mut supervisor = Self { child, socket, group };
        match supervisor.receive()? {
            Reply::Ready { in_cgroup: true } => {}
            Reply::Ready { in_cgroup: false } => supervisor.group = None,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(supervisor)
    }

    /// Orders the start of a program. If this fails, no program is started.
    pub(crate) fn order(&self, run: &[u8], streams: [BorrowedFd<'_>; 3]) -> io::Result<()> {
        send_frame(&self.socket, run, streams)
    }

    /// Reads the next message of the helper. The socket is readable when there is one.
    pub(crate) fn receive(&self) -> io::Result<Reply> {
        let frame = read_frame(&self.socket)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Reply::read(&frame).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks all processes of the run to end.
    pub(crate) fn terminate(&self) {
        // If the helper is gone, the caller notices it when it waits for the end of the run.
        let _ = write_frame(&self.socket, Order::TERMINATE);
    }

    /// Tells the helper to kill the whole run.
    pub(crate) fn kill(&self) {
        let _ = write_frame(&self.socket, Order::KILL);
    }

    /// Tells whether the run is in a cgroup of its own.
    pub(crate) const fn is_in_cgroup(&self) -> bool {
        self.group.is_some()
    }

    const fn containment(&self) -> &'static str {
        if self.is_in_cgroup() { "cgroup" } else { "subreaper" }
    }
}

impl AsFd for Supervisor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            group.kill();
        }
        // The closed socket tells the helper that the host is gone. The helper then ends the run.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let until = Instant::now() + Self::ENDED;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= until {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}
