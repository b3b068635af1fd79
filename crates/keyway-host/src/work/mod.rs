//! Does the work of every engine. Each step of a pure machine is stored before its command is carried out, and workers
//! carry out due work.

mod damage;
mod health;
mod hold;
#[cfg(test)]
pub(crate) mod laws;
mod limits;
mod pass;
mod report;
mod retry;
mod rhythm;
mod seen_claims;
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
pub(crate) use retry::{Again, stretched};
pub(crate) use rhythm::{DAILY, Rhythm};
pub(crate) use submit::{Failed, FailedBecause, Submitted};
pub(crate) use worker::{Claimed, Run, Stopped, Worker, Working};
pub(crate) use workflow::{Carried, Lane, Machine, Standing, Step, Workflow};
