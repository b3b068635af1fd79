//! Pairs a subject of any kind with its suite, for front ends to run.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::shell_words::shell_words;
use crate::{Exclusion, Level, Report, RunOptions, Subject, Suite};

/// A subject and the suite that it must pass, as one value for the front ends:
/// [`conformance_main!`](crate::conformance_main), [`conformance_test!`](crate::conformance_test)
/// and `cargo xtask conformance`.
///
/// Make one from a subject of this crate with `From`, or from your own suite with
/// [`new`](Self::new).
///
/// ```
/// use std::sync::Arc;
/// use keyway_conformance::storage::StorageSubject;
/// use keyway_conformance::{Candidate, RunOptions};
/// use keyway_storage::Memory;
///
/// let memory = StorageSubject::new("memory", |_folder| Ok(Arc::new(Memory::new())));
/// let report = Candidate::from(memory).run(&RunOptions::default().only("STO-001"));
/// assert!(report.succeeded());
/// ```
pub struct Candidate {
    runner: Box<dyn Runner>,
    exclusions: Vec<Exclusion>,
    chosen_by: Option<String>,
}

/// A rule of a candidate, for lists of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleSummary {
    /// The id.
    pub id: &'static str,
    /// How binding the rule is.
    pub level: Level,
    /// The sentence of the rule.
    pub sentence: &'static str,
    /// The ids of the clauses from which the rule follows.
    pub clauses: &'static [&'static str],
    /// The capability that the rule needs and the subject does not declare, if there is one.
    pub missing: Option<&'static str>,
}

trait Runner: Send + Sync {
    fn kind(&self) -> &'static str;
    fn name(&self) -> String;
    fn rules(&self) -> Vec<RuleSummary>;
    fn run(&self, options: &RunOptions) -> Report;
}

struct Pair<S: ?Sized + 'static> {
    suite: Suite<S>,
    subject: Arc<S>,
}

impl<S: Subject + ?Sized> Runner for Pair<S> {
    fn kind(&self) -> &'static str {
        self.suite.kind
    }

    fn name(&self) -> String {
        self.subject.name()
    }

    fn rules(&self) -> Vec<RuleSummary> {
        // A rule counts as applicable if the subject panics when it is asked for its capabilities. The rule then runs,
        // and reports the panic.
        let declares = |need: &crate::Need<S>| {
            catch_unwind(AssertUnwindSafe(|| (need.declared)(&self.subject))).unwrap_or(true)
        };
        let summary = |rule: &&'static crate::Rule<S>| RuleSummary {
            id: rule.id,
            level: rule.level,
            sentence: rule.sentence,
            clauses: rule.clauses,
            missing: rule.needs.filter(|need| !declares(need)).map(|need| need.capability),
        };
        self.suite.rules.iter().map(summary).collect()
    }

    fn run(&self, options: &RunOptions) -> Report {
        self.suite.run(&self.subject, options)
    }
}

impl Candidate {
    /// Pairs a subject with its suite.
    pub fn new<S: Subject + ?Sized>(suite: Suite<S>, subject: Arc<S>) -> Self {
        Self { runner: Box::new(Pair { suite, subject }), exclusions: Vec::new(), chosen_by: None }
    }

    /// Accepts that a rule is broken, until the exclusion is removed.
    #[must_use]
    pub fn exclude(mut self, exclusion: Exclusion) -> Self {
        self.exclusions.push(exclusion);
        self
    }

    /// Sets the arguments by which `cargo xtask conformance` selects this candidate. A failure prints the complete
    /// command, so that one rule can be repeated on this candidate.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use keyway_conformance::{Candidate, RunOptions, storage::StorageSubject};
    /// # use keyway_storage::Memory;
    /// # let memory = StorageSubject::new("memory", |_folder| Ok(Arc::new(Memory::new())));
    /// let candidate = Candidate::from(memory).chosen_by(["--exec", "/opt/my plugins/info"]);
    /// let report = candidate.run(&RunOptions::default().only("STO-001"));
    /// assert_eq!(
    ///     report.outcomes()[0].repeat,
    ///     "cargo xtask conformance --exec '/opt/my plugins/info' --rule STO-001 --seed 1"
    /// );
    /// ```
    #[must_use]
    pub fn chosen_by(mut self, arguments: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.chosen_by = Some(shell_words(arguments));
        self
    }

    #[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
    pub(crate) fn of_mutant<S: Subject + ?Sized>(suite: Suite<S>, mutant: &crate::Mutant<S>) -> Self {
        Self::new(suite, (mutant.subject)())
    }

    /// Returns the kind of subject: `secret`, `credential`, `storage`.
    pub fn kind(&self) -> &'static str {
        self.runner.kind()
    }

    /// Returns the name of the subject in reports.
    pub fn name(&self) -> String {
        self.runner.name()
    }

    /// Lists the rules of the suite, sorted by id.
    pub fn rules(&self) -> Vec<RuleSummary> {
        self.runner.rules()
    }

    /// Lists the exclusions that were added.
    pub fn exclusions(&self) -> &[Exclusion] {
        &self.exclusions
    }

    /// Runs the rules that `options` selects. Blocks until they end.
    pub fn run(&self, options: &RunOptions) -> Report {
        let mut options = options.clone();
        options.exclusions.extend(self.exclusions.iter().cloned());
        let report = self.runner.run(&options);
        match &self.chosen_by {
            Some(arguments) => report.repeated_by(|outcome| {
                format!("cargo xtask conformance {arguments} --rule {} --seed {}", outcome.rule, outcome.seed)
            }),
            None => report,
        }
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({} {})", self.kind(), self.name())
    }
}
