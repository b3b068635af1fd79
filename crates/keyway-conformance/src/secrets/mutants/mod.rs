//! Tests the suite itself: a rule must catch each store or client that has one fault on purpose.

mod answers;
mod bulk;
mod changes;
#[cfg(feature = "client")]
mod client;
mod declarations;
mod environments;
mod failures;
mod files;
mod generation;
mod keys;
mod lifecycle;
mod lists;
mod operation;
mod paths;
mod plugin;
mod stored;
mod values;

// Imports for the files of this folder.
use super::SecretStoreSubject;
use crate::Mutant;
use crate::notation::mutants;
use operation::operation;
use plugin::{StoreResult, store_mutant};

/// Lists the mutants of stores, each with the rules that it breaks. Test them with [`suite`](super::suite).
pub fn of_stores() -> Vec<Mutant<SecretStoreSubject>> {
    let families = [
        answers::MUTANTS,
        bulk::MUTANTS,
        changes::MUTANTS,
        declarations::MUTANTS,
        environments::MUTANTS,
        failures::MUTANTS,
        files::MUTANTS,
        generation::MUTANTS,
        keys::MUTANTS,
        lifecycle::MUTANTS,
        lists::MUTANTS,
        paths::MUTANTS,
        stored::MUTANTS,
        values::MUTANTS,
    ];
    families.concat()
}

/// Lists the mutants of stores and the correct stores, each with its suite, for a front end that tests one of them in a
/// separate process.
pub fn candidates() -> Vec<crate::Candidate> {
    let mutants = of_stores().into_iter().map(|mutant| crate::Candidate::of_mutant(super::suite(), &mutant));
    mutants
        .chain(
            [
                super::minimal(),
                super::reference(),
                super::strange(),
                super::foreign(),
                super::cached(),
                super::limitless(),
                files::sound(),
            ]
            .map(crate::Candidate::from),
        )
        .collect()
}

/// Lists the mutants of clients, each with the rules that it breaks. Test them with
/// [`client::suite`](super::client::suite), since the store below them is correct.
#[cfg(feature = "client")]
pub fn of_clients() -> Vec<Mutant<SecretStoreSubject>> {
    client::all()
}
