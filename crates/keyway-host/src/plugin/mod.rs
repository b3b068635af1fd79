//! Guards calls to plugins of every kind: deadlines, contained panics, quarantine of plugins that
//! hang, concurrency permits.
//!
//! See decisions R1 and R4.

mod abandoned;
mod contained;
mod instance;
mod opened;
mod pace;
mod permit;
mod running;

pub use pace::Isolation;

pub(crate) use contained::{Contained, contain, contain_call, printable};
pub(crate) use instance::{Factory, Guard, LaneGuard};
pub(crate) use opened::{LentToPlugins, OpenFault, Opened, Opens, Source};
pub(crate) use pace::Pace;
pub(crate) use permit::Permit;
pub(crate) use running::Calls;
