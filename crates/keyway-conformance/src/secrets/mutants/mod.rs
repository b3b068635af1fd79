//! The kit's own test: stores with one thing broken, each of which a rule must catch.
//!
//! A mutant knows no rule; [`CAUGHT_BY`] says which rule has to catch which mutant, and the
//! [`matrix()`] which rules really do.

mod answers;
mod changes;
mod client;
mod declarations;
mod environments;
mod failures;
mod generation;
mod keys;
mod lifecycle;
mod lists;
mod matrix;
mod stored;
mod table;
mod values;
mod warp;

pub use matrix::{MutantMatrix, MutantOptions, MutantRow, matrix, matrix_telling};
pub use table::CAUGHT_BY;

use warp::Mutant;

/// All mutants, by name.
fn all() -> Vec<&'static Mutant> {
    let families = [
        answers::MUTANTS,
        changes::MUTANTS,
        declarations::MUTANTS,
        environments::MUTANTS,
        failures::MUTANTS,
        generation::MUTANTS,
        keys::MUTANTS,
        lifecycle::MUTANTS,
        lists::MUTANTS,
        stored::MUTANTS,
        values::MUTANTS,
    ];
    let mut all: Vec<_> = families.into_iter().chain(client::families()).flatten().collect();
    all.sort_by_key(|mutant| mutant.name);
    all
}
