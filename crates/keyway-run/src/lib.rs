//! The helper program `keyway-run`, and the protocol between it and a host.
//!
//! A library must not turn the process of its host into a subreaper, so this helper is the subreaper. The helper also
//! closes the descriptors that the host opened without close-on-exec: a program that the host started directly would
//! inherit them. The helper is installed beside the host, and `keyway-process` starts it if the configuration names it
//! (H65).
//!
//! A helper runs one program after another. Every process that a program leaves behind becomes a child of the helper,
//! however often it forks, and whatever its session and environment are. If there is a cgroup for the run, it also
//! contains these processes.
//!
//! # Installing it
//!
//! `cargo install --locked --path crates/keyway-run` builds it. Name its absolute path in the configuration of each
//! service (`"helper": "/usr/local/bin/keyway-run"`).
//!
//! A host that systemd runs gets cgroups of its own by `Delegate=yes` in its unit. Name the cgroup of the unit,
//! `"cgroup": "/sys/fs/cgroup/system.slice/NAME.service"`. If no cgroup can be created in it, the helper works without
//! one, and logs that.
//!
//! # The protocol
//!
//! The helper's standard input is a stream socket. It carries frames ([`write_frame`]): four bytes of length, then the
//! content.
//!
//! | from | frame | means |
//! | --- | --- | --- |
//! | helper | [`Reply::Ready`] | the helper is ready, with or without a cgroup |
//! | host | [`Order::Run`], with three descriptors | start this program with these streams |
//! | helper | [`Reply::NotStarted`] | the program could not be started, and why |
//! | host | [`Order::Terminate`] | send `SIGTERM` to all processes of the run |
//! | host | [`Order::Kill`] | send `SIGKILL` to all processes of the run |
//! | helper | [`Reply::Ended`] | how the program ended, and how many processes it left behind. They are gone, or, in a cgroup, about to be killed together with the helper |
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
