//! Golden vectors: what upstream systems were observed to do, replayed against this project.
//!
//! ```text
//!   a file ──► vectors ──► for each: 1. run       what Keyway does with the input
//!                                    2. rulings   what decisions demand, from the input alone
//!                                    3. demands   what upstream did, from `expected`
//!                                    4. judge     passed, decided or failed
//! ```
//!
//! The order is the point. [`Adapter::run`] and [`Adapter::rulings`] see an [`Input`], which has no
//! way to what upstream did, nor to the vector's id: an adapter implements a rule, it cannot
//! list vectors. A ruling comes from an oracle that is written apart from the code under test
//! (`oracle`, and `model` of the stores), and says what a decision demands of the outcome. Where no
//! decision rules, the outcome must be what upstream did: the value itself, or an error of that
//! class.
//!
//! A vector is *decided* when a decision rules, our outcome is what the decision demands, and
//! upstream's was another. Decided vectors count as passed; how many each decision overrules is
//! kept in `tests/vectors/decided.txt`, so that a decision cannot silently grow.
//!
//! Files that end with `-ours.json` hold cases that were not recorded: what upstream does there is
//! told by its code and by notes on runs of it. They stand beside the recorded ones, which stay as they
//! are.
//!
//! # A family of vectors
//!
//! is a folder here, with a file a kind, and a [`Family`] that lists its kinds. To add one, write
//! its adapters, list it in [`families`], and copy its vectors to `tests/vectors`.

mod adapter;
mod convection;
mod error_class;
mod family;
mod golden;
mod judge;
mod locker;
pub mod oracle;
mod report;
mod vector;
mod watts;

pub use adapter::{Adapter, Demand, Observed, Ruling, Step, StepOutcome, UpstreamStep};
pub use error_class::Class;
pub use family::{Family, Form, Scope, families, scope_of};
pub use golden::{decided_table, golden_path, vector_files};
pub use judge::{Verdict, assert_rulings_hold, judge};
pub use report::{KindReport, Report, replay};
pub use vector::{Expected, Input, UnreadableVectors, Vector, read, read_file};
