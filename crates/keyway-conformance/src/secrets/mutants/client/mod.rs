//! Mutants of the client: the client of this workspace over a sound store, with one thing broken.

mod files;
mod lists;
mod maker;
mod reads;
mod told;
mod writes;

use crate::Mutant;
use crate::secrets::SecretStoreSubject;

pub(super) fn all() -> Vec<Mutant<SecretStoreSubject>> {
    [reads::MUTANTS, writes::MUTANTS, lists::MUTANTS, told::MUTANTS, files::MUTANTS].concat()
}
