//! The rules for storage engines. Each file holds one group of rules.

mod batches;
mod callers;
mod durability;
mod futures;
mod limits;
mod model;
mod pages;
mod records;
mod revisions;

// Imports for the files of this folder.
use super::StorageSubject;
use super::fixture::{StorageFixture, text, unchanged};
use super::subject::{COPYABLE, PERSISTENT, SHARED};
use crate::notation::rules;
use crate::{Broken, Rule, broken, ensure};

type Checked = Result<(), Broken>;

/// Lists the rules, sorted by id.
pub(super) fn all() -> Vec<&'static Rule<StorageSubject>> {
    let topics = [
        records::RULES,
        batches::RULES,
        limits::RULES,
        revisions::RULES,
        pages::RULES,
        callers::RULES,
        futures::RULES,
        durability::RULES,
        model::RULES,
    ];
    let mut all: Vec<_> = topics.into_iter().flatten().collect();
    all.sort_by_key(|rule| rule.id);
    all
}
