//! The work of every engine: steps of a pure machine, each stored before its command is carried out,
//! and workers that take up what is due.

mod health;
mod hold;
#[cfg(test)]
pub(crate) mod laws;
mod limits;
mod pass;
mod report;
mod retry;
mod sightings;
mod submit;
mod worker;
mod workflow;

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;

pub use health::{EngineHealth, LaneHealth};
pub use limits::Limits;
pub use report::{WorkOutcome, WorkReport};
pub use retry::Retries;

pub(crate) use pass::{Engine, Pass};
pub(crate) use retry::Again;
pub(crate) use submit::{Failed, FailedBecause, Submitted};
pub(crate) use worker::{Claimed, Run, Worker};
pub(crate) use workflow::{Carried, Lane, Standing, Step, Workflow};
