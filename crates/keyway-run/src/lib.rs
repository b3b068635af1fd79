//! The helper program `keyway-run`, and the protocol between it and a host.
//!
//! A host library must not make its host a subreaper, and the standard library hands every
//! descriptor without close-on-exec on to each program. This helper is a subreaper, and closes
//! such descriptors. It is installed beside the host, and `keyway-process` starts it where its
//! configuration names it (H65).
//!
//! A helper serves one run after the other. Every process that a program leaves behind becomes a child of
//! the helper, however often it forks, in whatever session, and with whatever environment. A cgroup for
//! the run, where there is one, holds these processes too.
//!
//! # Installing it
//!
//! `cargo install --locked --path crates/keyway-run` builds it. Name its absolute path in the
//! configuration of each service (`"helper": "/usr/local/bin/keyway-run"`).
//!
//! A host that systemd runs gets cgroups of its own by `Delegate=yes` in its unit. Name the cgroup of
//! the unit, `"cgroup": "/sys/fs/cgroup/system.slice/NAME.service"`. Where no cgroup can be created in
//! it, the helper works without one, and the log says so.
//!
//! # The protocol
//!
//! The helper's standard input is a stream socket. Everything on it is a frame ([`write_frame`]):
//! four bytes of length, then the content.
//!
//! | from | frame | means |
//! | --- | --- | --- |
//! | helper | [`Reply::Ready`] | it is up; whether it is in the cgroup |
//! | host | [`Order::Run`], with three descriptors | start this program with these streams |
//! | helper | [`Reply::NotStarted`] | it could not be started, and why |
//! | host | [`Order::Terminate`] | send `SIGTERM` to all of the run |
//! | host | [`Order::Kill`] | send `SIGKILL` to all of the run |
//! | helper | [`Reply::Ended`] | how the program ended, and how many it left behind. They are gone, or, in a cgroup, about to be killed together with the helper |
//!
//! When the host ends, the socket closes; the helper then kills the run and ends.

#[cfg(target_os = "linux")]
mod descriptors;
mod frame;
mod order;
mod reply;

#[cfg(target_os = "linux")]
pub use descriptors::{Received, receive_frame, send_frame};
pub use frame::{MOST_BYTES, read_frame, write_frame};
pub use order::{Order, Run};
pub use reply::Reply;
