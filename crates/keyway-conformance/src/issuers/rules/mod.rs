//! The rules, one file a topic.

mod boundary;
mod commands;
mod concurrency;
mod credentials;
mod description;
mod errors;
mod intents;
mod logins;
mod provoked;
mod requests;
mod revocation;

use super::IssuerSubject;
use super::place::Place;
use crate::{Broken, Checking, Rule};

/// Rules, each in a place of its own: id, level, capability, clauses, sentence, function.
macro_rules! rules {
    ($($id:literal $level:ident $(needs $need:ident)? from [$($clause:literal),+] $sentence:literal $function:ident;)+) => {
        pub(super) static RULES: &[crate::Rule<crate::issuers::IssuerSubject>] = &[$(crate::Rule {
            id: $id,
            level: crate::Level::$level,
            sentence: $sentence,
            clauses: &[$($clause),+],
            needs: super::need!($($need)?),
            check: |trial| Box::pin(super::in_place(trial, |place| Box::pin($function(place)))),
        }),+];
    };
}
use rules;

macro_rules! need {
    () => {
        None
    };
    ($need:ident) => {
        Some(crate::issuers::subject::$need)
    };
}
use need;

/// What a rule runs in.
type Trial<'a> = crate::Trial<'a, IssuerSubject>;

/// Runs a check in a fresh place, and revokes what it left.
async fn in_place(trial: &Trial<'_>, check: for<'p> fn(&'p Place<'p>) -> Checking<'p>) -> Result<(), Broken> {
    let place = Place::new(trial)?;
    let result = check(&place).await;
    place.clean_up().await;
    result
}

/// All rules, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<IssuerSubject>> {
    let mut rules: Vec<_> = [
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
    ]
    .into_iter()
    .flatten()
    .collect();
    rules.sort_by_key(|rule| rule.id);
    rules
}
