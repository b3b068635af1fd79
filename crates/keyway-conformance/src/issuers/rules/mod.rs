//! The rules for issuers. Each file holds one group of rules.

mod bait;
mod boundary;
mod commands;
mod concurrency;
mod credentials;
mod description;
mod errors;
mod intents;
mod logins;
mod provoked;
mod quotes;
mod requests;
mod revocation;

use keyway_issuers::wire::Profile;
use keyway_issuers::{IssuerError, Violation};

// Imports for the files of this folder.
use super::IssuerSubject;
use super::fixture::IssuerFixture;
use super::handle::Handle;
use crate::notation::{needs, rules};
use crate::{Broken, Rule, broken, ensure};

type Checked = Result<(), Broken>;

needs! {
    of IssuerSubject;
    LISTING "listing" |subject| subject.listing.is_some();
    REFUSED "refused example" |subject| subject.refused.is_some();
    LOGIN "login" |subject| !subject.example.logins.is_empty();
    IDEMPOTENT "idempotent" |subject| subject.capabilities().idempotent;
    RECONCILES "reconciles" |subject| subject.capabilities().reconciles;
    CANNOT_RECONCILE "no reconcile" |subject| !subject.capabilities().reconciles;
    LINKED "linked into the program" |subject| subject.executable.is_none();
    NOT_BLOCKING "the absence of blocking" |subject| !subject.capabilities().blocking;
    PROMPT "prompt" |subject| subject.capabilities().prompt;
    PARAMETERS "a parameter of a request" |subject| subject.describes(|_| true);
    OPTIONAL "a parameter that may be left out" |subject| subject.describes(|parameter| !parameter.mandatory);
    MANDATORY "a mandatory parameter" |subject| subject.describes(|parameter| parameter.mandatory);
    STRICT "executable of the strict profile"
        |subject| subject.executable.is_some() && subject.profile != Profile::Lenient;
    RUNNER "plugin that runs executables" |subject| subject.runner.is_some();
    EXECUTABLE "executable" |subject| subject.executable.is_some();
    ANY_HOST "executable for more hosts than the seed describes"
        |subject| subject.executable.is_some() && !subject.follows_seed;
    STANDARD_INPUT "executable that reads standard input"
        |subject| subject.executable.is_some() && !subject.follows_seed && subject.features().stdin;
}

/// Lists the rules, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<IssuerSubject>> {
    let families = [
        description::RULES,
        requests::RULES,
        credentials::RULES,
        commands::RULES,
        errors::RULES,
        revocation::RULES,
        intents::RULES,
        logins::RULES,
        concurrency::RULES,
        boundary::RULES,
        quotes::RULES,
    ];
    let mut rules: Vec<_> = families.into_iter().flatten().collect();
    rules.sort_by_key(|rule| rule.id);
    rules
}

/// Returns an answer, or the violations of an invalid answer. Any error that is not a contract violation breaks the
/// rule.
fn judged<T>(
    fixture: &IssuerFixture<'_>,
    call: &str,
    answer: Result<T, IssuerError>,
) -> Result<Result<T, Vec<Violation>>, Broken> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error @ IssuerError::ContractViolation(_)) => Ok(Err(error.violations().to_vec())),
        Err(error) => Err(fixture.unexpected(call, &error)),
    }
}

/// Demands that there is no violation of this kind.
fn none(violations: &[Violation], sort: impl Fn(&Violation) -> bool, expected: &str) -> Checked {
    let found: Vec<_> = violations.iter().filter(|each| sort(each)).map(ToString::to_string).collect();
    ensure(found.is_empty(), expected, found.join("; "))
}
