//! The rules, one file a topic.

mod batches;
mod callers;
mod durability;
mod futures;
mod limits;
mod model;
mod pages;
mod records;
mod revisions;
mod threads;

use super::StorageSubject;
use crate::Rule;

/// The check of a rule: an async function of its trial.
macro_rules! check {
    ($function:path) => {
        |trial| Box::pin($function(trial))
    };
}
use check;

/// What a rule runs in.
type Trial<'a> = crate::Trial<'a, StorageSubject>;

/// All rules, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<StorageSubject>> {
    let mut rules: Vec<_> = [
        records::RULES,
        batches::RULES,
        limits::RULES,
        revisions::RULES,
        pages::RULES,
        callers::RULES,
        futures::RULES,
        durability::RULES,
        model::RULES,
    ]
    .into_iter()
    .flatten()
    .collect();
    rules.sort_by_key(|rule| rule.id);
    rules
}
