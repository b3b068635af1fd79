//! The conformance kit: proves that a plugin keeps its contract.

mod exclusion;
mod formats;
mod report;
mod rule;
pub mod secrets;
mod suite;
mod trial;
mod verdict;

pub use exclusion::Exclusion;
pub use formats::Format;
pub use report::{Report, Totals};
pub use rule::{Broken, Checking, Clause, Level, Need, Rule, broken, ensure};
pub use suite::{RunOptions, Subject, Suite, check_rules};
pub use trial::{History, Trial};
pub use verdict::{Failure, Outcome, Verdict};
