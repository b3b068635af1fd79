//! The helper program `keyway-run`, and how a host speaks to it.
//!
//! A host library must not make its host a subreaper, and the standard library hands every
//! descriptor without close-on-exec on to each program. This helper is a subreaper, and closes
//! such descriptors. It is installed beside the host, and `keyway-process` starts it where its
//! configuration names it (H65).
//!
//! One helper serves one run at a time, and the next one after that. What the program of a run
//! leaves behind becomes the helper's own child, however often it forks, whatever session it is
//! in and whatever its environment says. In a cgroup of its own it is also held by that.
//!
//! # Installing it
//!
//! `cargo install --locked --path crates/keyway-run` builds it. Name its absolute path in the
//! configuration of each service (`"helper": "/usr/local/bin/keyway-run"`).
//!
//! A host that systemd runs gets cgroups of its own by `Delegate=yes` in its unit. Name the cgroup of
//! the unit, `"cgroup": "/sys/fs/cgroup/system.slice/NAME.service"`. Where no cgroup can be made in
//! it, the helper works without, and the log says so.
//!
//! # The conversation
//!
//! The helper's standard input is a stream socket. Everything on it is a frame ([`write_frame`]):
//! four bytes of length, then what is in it.
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
//! When the host is gone, the socket is at its end, and the helper kills the run and ends.

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
