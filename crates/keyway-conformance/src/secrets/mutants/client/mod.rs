//! Client mutants: each is `keyway_client::Secrets` over a correct store, with one fault.

mod files;
mod lists;
mod maker;
mod reads;
mod told;
mod writes;

// Imports for the files of this folder.
use super::{Mutant, SecretStoreSubject, mutants};
use maker::{ClientNotes, ClientResult, MutatedClient, client_mutant};

pub(super) fn all() -> Vec<Mutant<SecretStoreSubject>> {
    [reads::MUTANTS, writes::MUTANTS, lists::MUTANTS, told::MUTANTS, files::MUTANTS].concat()
}
