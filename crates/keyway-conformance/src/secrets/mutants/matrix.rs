//! Which rules catch which mutants.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::client::TwistedClient;
use super::warp::Mutant;
use super::{CAUGHT_BY, all};
use crate::secrets::reference::subject;
use crate::{RunOptions, Verdict};

/// How the mutants are run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MutantOptions {
    /// The seed of all random choices.
    pub seed: u64,
    /// Whether each mutant is tried with every rule, which shows what else fires, or only with
    /// the rules that have to catch it, which is quicker.
    pub every_rule: bool,
    /// Run only the mutants whose names begin with this.
    pub only: Option<String>,
}

impl Default for MutantOptions {
    fn default() -> Self {
        Self { seed: 1, every_rule: true, only: None }
    }
}

impl MutantOptions {
    /// Only the rules that have to catch a mutant.
    #[must_use]
    pub fn expected_rules_only(mut self) -> Self {
        self.every_rule = false;
        self
    }

    /// Only the mutants whose names begin with `prefix`.
    #[must_use]
    pub fn only(mut self, prefix: impl Into<String>) -> Self {
        self.only = Some(prefix.into());
        self
    }
}

/// One mutant, and what came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MutantRow {
    /// The name of the mutant.
    pub mutant: &'static str,
    /// What is broken in it.
    pub what: &'static str,
    /// The rules that have to catch it.
    pub expected: Vec<&'static str>,
    /// The rules that did.
    pub fired: Vec<&'static str>,
    /// The rules that waited for it until their time was up.
    pub timed_out: Vec<&'static str>,
    /// How long all its rules took.
    pub took: Duration,
}

impl MutantRow {
    /// The rules that had to catch it and did not.
    pub fn missed(&self) -> Vec<&'static str> {
        self.expected.iter().filter(|rule| !self.fired.contains(rule)).copied().collect()
    }

    /// The rules that fired without having to: worth a look.
    pub fn others(&self) -> Vec<&'static str> {
        self.fired.iter().filter(|rule| !self.expected.contains(rule)).copied().collect()
    }
}

/// What came of all mutants.
#[derive(Clone, Debug, Default)]
pub struct MutantMatrix {
    /// One row for each mutant, by name.
    pub rows: Vec<MutantRow>,
    /// What is wrong with the table itself: rules without mutants, mutants without rules,
    /// names that do not exist.
    pub faults: Vec<String>,
}

impl MutantMatrix {
    /// Whether there are mutants, each was caught by all its rules, and the table is sound.
    pub fn succeeded(&self) -> bool {
        !self.rows.is_empty() && self.faults.is_empty() && self.rows.iter().all(|row| row.missed().is_empty())
    }
}

impl fmt::Display for MutantMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let verdict = if row.missed().is_empty() { "caught" } else { "MISSED" };
            write!(f, "{verdict} {:<28} by {}", row.mutant, row.expected.join(" "))?;
            if !row.missed().is_empty() {
                write!(f, "; missed by {}", row.missed().join(" "))?;
            }
            if !row.others().is_empty() {
                write!(f, "; also {}", row.others().join(" "))?;
            }
            writeln!(f, ": {}", row.what)?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(f, "fault: {fault}"))
    }
}

/// How long a rule may take with a mutant, which may wait for ever. No mutant does so today, so a long time
/// costs nothing; with a short one, rules that only calculate would be taken for caught on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs the mutants, some at a time. It blocks until all are done.
pub fn matrix(options: &MutantOptions) -> MutantMatrix {
    matrix_telling(options, &|_| {})
}

/// As [`matrix`], and calls `each` after each mutant.
pub fn matrix_telling(options: &MutantOptions, each: &(dyn Fn(&MutantRow) + Sync)) -> MutantMatrix {
    let is_chosen =
        |mutant: &&Mutant| options.only.as_deref().is_none_or(|prefix| mutant.name.starts_with(prefix));
    let mutants: Vec<_> = all().into_iter().filter(is_chosen).collect();
    let rows = crate::matrix::side_by_side(mutants.len(), |at| {
        let row = row(mutants[at], options);
        each(&row);
        row
    });
    MutantMatrix { rows, faults: faults() }
}

fn row(mutant: &'static Mutant, options: &MutantOptions) -> MutantRow {
    let expected: Vec<_> = CAUGHT_BY
        .iter()
        .filter(|(_, mutants)| mutants.contains(&mutant.name))
        .map(|(rule, _)| *rule)
        .collect();
    let suite = crate::secrets::suite();
    let subject = subject(mutant.name, mutant.plugin);
    let subject = Arc::new(match mutant.client {
        None => subject,
        Some(twist) => subject.client(TwistedClient(twist)),
    });
    let of_clients = crate::secrets::rules::of_clients();
    let run = RunOptions::default().seed(options.seed).deadline(DEADLINE);
    let (mut fired, mut timed_out, mut took) = (Vec::new(), Vec::new(), Duration::ZERO);
    let rules = suite
        .rules
        .iter()
        .filter(|rule| options.every_rule || expected.contains(&rule.id))
        // A rule without a client cannot see what is broken in one.
        .filter(|rule| mutant.client.is_none() || of_clients.contains(&rule.id));
    for rule in rules {
        let outcome = suite.run_rule(rule, &subject, &run);
        took += outcome.took;
        if matches!(outcome.verdict, Verdict::Failed(_)) {
            fired.push(rule.id);
            timed_out.extend((outcome.took >= DEADLINE).then_some(rule.id));
        }
    }
    MutantRow { mutant: mutant.name, what: mutant.what, expected, fired, timed_out, took }
}

/// What is wrong with the table.
fn faults() -> Vec<String> {
    let (rules, mutants) = (crate::secrets::suite().rules, all());
    let mut faults = Vec::new();
    for rule in &rules {
        if CAUGHT_BY.iter().all(|(id, mutants)| *id != rule.id || mutants.is_empty()) {
            faults.push(format!("{} catches no mutant: write one that breaks it", rule.id));
        }
    }
    for (id, names) in CAUGHT_BY {
        if rules.iter().all(|rule| rule.id != *id) {
            faults.push(format!("there is no rule {id}"));
        }
        for name in *names {
            if mutants.iter().all(|mutant| mutant.name != *name) {
                faults.push(format!("there is no mutant {name}"));
            }
        }
    }
    for mutant in mutants {
        if CAUGHT_BY.iter().all(|(_, names)| !names.contains(&mutant.name)) {
            faults.push(format!("no rule has to catch {}", mutant.name));
        }
    }
    faults
}
