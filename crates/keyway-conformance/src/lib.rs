//! The conformance kit: proves that a plugin keeps its contract.
//!
//! # Tutorial
//!
//! A [`Rule`] is one demand of a contract, as data: an id that never changes, a level, one sentence, the clauses that
//! it comes from, the capability that it needs, and a check. A [`Suite`] runs rules on a subject. Each rule has its own
//! thread and a time limit, and a panic breaks only that rule. The result is a [`Report`] with one outcome for each
//! rule. It can be written as a table, JSON, `JUnit` XML or Markdown.
//!
//! ```
//! use std::sync::Arc;
//! use keyway_conformance::storage::StorageSubject;
//! use keyway_conformance::{Candidate, Format, RunOptions};
//! use keyway_storage::Memory;
//!
//! // The subject: a name, and how to open it.
//! let memory = StorageSubject::new("memory", |_folder| Ok(Arc::new(Memory::new())));
//!
//! // A subject with its suite, run with the seed 7; here only some of the rules.
//! let options = RunOptions::default().seed(7).only("STO-00");
//! let report = Candidate::from(memory).run(&options);
//!
//! // No rule may be broken, and at least one must have been run.
//! assert!(report.succeeded(), "{}", report.format(Format::Table));
//! assert_eq!(report.totals().passed, 9);
//! ```
//!
//! In your own crate one line makes a test for each rule: [`conformance_main!`]. If you cannot set `harness = false`,
//! use [`conformance_test!`].
//!
//! # The suites
//!
//! | suite | subject | rules |
//! | --- | --- | --- |
//! | [`metadata`] | a registered plugin of any kind | `MET-` |
//! | [`secrets`] | a plugin for secret stores | `SEC-` |
//! | [`certificates`] | a plugin for certificate authorities | `CER-` |
//! | [`credentials`] | a plugin for credential stores | `CRE-` |
//! | [`issuers`] | a plugin for issuers, or any WaTTS executable (feature `executables`) | `ISS-` |
//! | [`storage`] | a storage engine | `STO-` |
//!
//! Each suite except [`metadata`] has a cargo feature of the same name. The rules about clients of stores have the
//! feature `client`. These features are on by default; the author of a plugin can select a single suite. The feature
//! `executables` is off by default.
//!
//! # How the kit is tested
//!
//! Each suite has mutants: subjects with one fault on purpose, at least one for each rule. A [`Matrix`] shows which
//! rule caught which mutant; `cargo xtask conformance --mutants` prints it, and fails if a mutant survives the rule
//! that it breaks. Subjects that are unusual but correct reveal rules that are too strict.

#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
mod asked;
mod call_times;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "storage"))]
mod callers;
mod candidate;
#[cfg(feature = "certificates")]
pub mod certificates;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
mod child;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "secrets"))]
mod clock;
#[cfg(feature = "credentials")]
pub mod credentials;
mod exclusion;
mod formats;
pub mod front;
#[cfg(feature = "issuers")]
pub mod issuers;
mod lock;
mod matrix;
pub mod metadata;
#[cfg(any(feature = "certificates", feature = "credentials"))]
mod mutated;
mod notation;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
mod path_trap;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers"))]
mod patience;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
mod plugin_subject;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
mod polled;
#[cfg(any(feature = "secrets", feature = "storage"))]
mod races;
#[cfg(any(feature = "secrets", feature = "storage"))]
mod random_cases;
mod report;
mod rule;
mod runtime;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
mod scratch;
#[cfg(any(feature = "certificates", feature = "credentials"))]
mod scripted;
#[cfg(feature = "secrets")]
pub mod secrets;
mod shell_words;
#[cfg(feature = "storage")]
pub mod storage;
#[cfg(any(feature = "certificates", feature = "credentials"))]
mod stored_object;
mod suite;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
mod trace_capture;
mod trial;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers"))]
mod unique;
mod verdict;
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers"))]
mod words;

pub use call_times::{CallTimes, Times};
pub use candidate::{Candidate, RuleSummary};
pub use exclusion::Exclusion;
pub use formats::Format;
pub use matrix::{Matrix, MatrixRow, Mutant};
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
pub use plugin_subject::{PluginSubject, TestedContract};
pub use report::{Report, Totals};
pub use rule::{Broken, Checking, Clause, Level, Need, Rule, broken, ensure};
#[cfg(any(feature = "certificates", feature = "credentials"))]
pub use scripted::{Fault, Step};
pub use suite::{RunOptions, Subject, Suite, check_rules};
pub use trial::{History, Trial};
pub use verdict::{Ending, Failure, RuleOutcome, Verdict};
