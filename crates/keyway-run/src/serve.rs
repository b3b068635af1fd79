//! Serves a host: runs its programs, and ends all their processes.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode};

use keyway_run::{Order, Reply, Run, receive_frame, write_frame};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, set_child_subreaper};

use crate::group::Group;
use crate::offspring;

/// The argument with which the helper starts itself again, to close the inherited descriptors.
const CLEAN: &str = "--clean";

/// Serves the host until the host is gone.
pub(crate) fn serve() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.peek().is_none_or(|first| first != CLEAN) {
        // Marks every descriptor above the standard streams as close-on-exec: neither the helper nor a program may use
        // a descriptor that the host left open.
        close_fds::CloseFdsBuilder::new().cloexecfrom(3);
        // Restarting the helper closes the marked descriptors.
        let Ok(own) = std::env::current_exe() else { return ExitCode::FAILURE };
        let _ = Command::new(own).arg(CLEAN).args(arguments).exec();
        return ExitCode::FAILURE;
    }
    let group = arguments.nth(1).map(PathBuf::from);
    let served = set_up().and_then(|socket| Helper { socket, group: group.and_then(Group::enter) }.serve());
    // The error cannot be reported: the host only sees the end of the socket.
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn set_up() -> io::Result<UnixStream> {
    set_child_subreaper(Some(getpid()))?;
    // Duplicates the socket with close-on-exec, so that no program inherits it.
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

struct Helper {
    socket: UnixStream,
    group: Option<Group>,
}

impl Helper {
    fn serve(&self) -> io::Result<()> {
        self.send(Reply::Ready { in_cgroup: self.group.is_some() })?;
        while let Some((frame, streams)) = receive_frame(&self.socket)? {
            // Ignores `Terminate` and `Kill` orders that arrive after the end of a run.
            let Some(Order::Run(run)) = Order::read(&frame) else { continue };
            drop(frame);
            match start(&run, streams) {
                Ok(child) => self.watch(child)?,
                Err(error) => {
                    self.send(Reply::NotStarted { error: error.raw_os_error().unwrap_or_default() })?;
                }
            }
        }
        Ok(())
    }

    /// Executes the orders of the host until the program ends, and then ends the processes that the program left
    /// behind. If the host is gone first, kills the program, too.
    fn watch(&self, mut child: Child) -> io::Result<()> {
        let ended = match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(ended) => ended,
            Err(error) => {
                offspring::kill_all();
                return Err(error.into());
            }
        };
        let mut obeyed = Ok(());
        while obeyed.is_ok() {
            let mut watched = [PollFd::new(&ended, PollFlags::IN), PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut watched, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => obeyed = Err(error.into()),
            }
            if !watched[0].revents().is_empty() {
                return self.after(child.wait()?.into_raw());
            }
            if !watched[1].revents().is_empty() {
                obeyed = self.execute_orders();
            }
        }
        // The host is gone.
        self.group.as_ref().inspect(|group| group.kill());
        offspring::kill_all();
        obeyed
    }

    fn execute_orders(&self) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (frame, _) = receive_frame(&self.socket)?.ok_or_else(gone)?;
        match Order::read(&frame) {
            Some(Order::Terminate) => offspring::signal(Signal::TERM),
            Some(Order::Kill) => offspring::signal(Signal::KILL),
            Some(Order::Run(_)) | None => {}
        }
        Ok(())
    }

    /// Ends the processes that a program left behind, and reports how the program ended.
    fn after(&self, status: i32) -> io::Result<()> {
        offspring::reap();
        let in_group = self.group.as_ref().map_or(0, Group::others);
        // Kills all descendants, including those that moved to another cgroup.
        let (killed, all_killed) = offspring::kill_all();
        let left_behind = killed.max(in_group);
        self.send(Reply::Ended { status, left_behind, all_killed })?;
        if left_behind > 0 {
            // The helper may lack the right to signal processes that changed to another user, so they are killed
            // through the cgroup.
            self.group.as_ref().inspect(|group| group.kill());
        }
        Ok(())
    }

    fn send(&self, reply: Reply) -> io::Result<()> {
        write_frame(&self.socket, &reply.to_frame())
    }
}

fn start(run: &Run, streams: Vec<OwnedFd>) -> io::Result<Child> {
    let Ok([input, output, errors]) = <[OwnedFd; 3]>::try_from(streams) else {
        return Err(Errno::BADF.into());
    };
    Command::new(&run.program)
        .args(&run.arguments)
        .env_clear()
        .envs(run.environment.iter().map(|(name, value)| (name, value)))
        .process_group(0)
        .stdin(input)
        .stdout(output)
        .stderr(errors)
        .spawn()
}
