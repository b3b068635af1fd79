//! Golden vectors: the observed behaviour of upstream systems, replayed against this project.
//!
//! ```text
//!   a file ──► vectors ──► for each: 1. run       what Keyway does with the input
//!                                    2. rulings   what decisions demand, from the input alone
//!                                    3. demands   what upstream did, from `expected`
//!                                    4. judge     passed, decided or failed
//! ```
//!
//! The order matters. [`Adapter::run`] and [`Adapter::rulings`] see an [`Input`], which gives no access to upstream's
//! behaviour or the vector's id: an adapter implements a rule, and cannot list vectors. Some vectors of Barbican have
//! an empty input and name the called method only in their description, so [`Input::situation`] returns the
//! description. A ruling is a decision's demand on the outcome. It comes from an oracle that is independent of the code
//! under test: from `oracle`, or from the `model` of the stores. Without a ruling, the outcome must be upstream's: the
//! same value, or an error of the same class.
//!
//! A vector is *decided* when a ruling exists, the outcome satisfies the ruling, and upstream's outcome differs.
//! Decided vectors count as passed; `tests/vectors/decided.txt` records the number of vectors that each decision
//! overrules, so that this number cannot grow unnoticed.
//!
//! A file that ends with `-fixtures.json` holds no vectors, but the texts that labels in vectors stand for. A file that
//! ends with `-ours.json` holds cases that were not recorded: upstream's behaviour in these cases is known from
//! upstream's code, and from notes on runs of upstream. Such cases have files of their own, so the recorded files stay
//! unchanged.
//!
//! # A family of vectors
//!
//! A family is a folder here, with one file for each kind, and a [`Family`] that lists its kinds. To add a family,
//! write its adapters, list it in [`families`], and copy its vectors to `tests/vectors`.

mod adapter;
mod barbican;
mod convection;
mod error_class;
mod family;
mod golden;
mod judge;
mod locker;
pub mod oracle;
mod report;
pub mod sps;
mod vector;
mod watts;

pub use adapter::{Adapter, Demand, Observed, Ruling, Step, StepOutcome, UpstreamStep};
pub use error_class::Class;
pub use family::{Family, Form, Scope, families, scope_of};
pub use golden::{decided_table, golden_path, vector_files};
pub use judge::{Verdict, assert_rulings_hold, judge};
pub use report::{KindReport, Report, replay};
pub use vector::{Expected, Input, UnreadableVectors, Vector, read, read_file};
