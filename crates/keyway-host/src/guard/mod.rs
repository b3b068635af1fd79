//! What stands between the engines and plugins of every kind: a deadline, contained panics,
//! quarantine of what hangs (decisions R1 and R4).

mod abandoned;
mod contained;
mod instance;
mod running;

pub use instance::Isolation;

pub(crate) use contained::Panicked;
#[cfg(feature = "issuers")]
pub(crate) use contained::contain;
pub(crate) use instance::{Allowed, Guard, Make, Mishap, NOT_MADE};
pub(crate) use running::{NoRuntime, Running};
