//! The guard between the engines and plugins of every kind: a deadline, contained panics, quarantine of
//! plugins that hang, concurrency permits (decisions R1 and R4).

mod abandoned;
mod contained;
mod instance;
mod pace;
mod permit;
mod running;

pub use pace::Isolation;

pub(crate) use contained::contain;
pub(crate) use instance::{Factory, Guard, LaneGuard};
pub(crate) use pace::Pace;
pub(crate) use permit::{Permit, Permits};
pub(crate) use running::Calls;
