//! The conformance kit: proves that a plugin keeps its contract.

mod candidate;
mod exclusion;
mod formats;
pub mod front;
mod matrix;
pub mod metadata;
mod report;
mod rule;
pub mod secrets;
pub mod storage;
mod suite;
mod trial;
mod verdict;

pub use candidate::{Candidate, RuleSummary};
pub use exclusion::Exclusion;
pub use formats::Format;
pub use matrix::{Matrix, MatrixRow, Mutant};
pub use report::{Report, Totals};
pub use rule::{Broken, Checking, Clause, Level, Need, Rule, broken, ensure};
pub use suite::{RunOptions, Subject, Suite, check_rules};
pub use trial::{History, Trial};
pub use verdict::{Failure, Outcome, Verdict};
