//! The proof of the suite: stores with one fault each, which a rule must detect, and some stores that are unusual but
//! correct. A mutant with a defect of the upstream system names the defect: L1 to L11.

mod check_ins;
mod concealing;
mod declarations;
mod hostile;
mod late;
mod leases;
mod operation;
mod plugin;

use std::sync::Arc;

use keyway_credentials::CredentialStore;

// These imports are for the files of this folder.
use super::{CredentialSubject, suite};
use crate::notation::mutants;
use crate::{Candidate, Mutant};
use operation::operation;
use plugin::Mutated;

/// Lists the mutants, with the rules that they break.
pub fn all() -> Vec<Mutant<CredentialSubject>> {
    [declarations::MUTANTS, leases::MUTANTS, check_ins::MUTANTS, hostile::MUTANTS].concat()
}

/// Lists the mutants and the correct subjects, each with its suite, for a front end that tests one of them in a
/// separate process.
pub fn candidates() -> Vec<Candidate> {
    let mutants = all().into_iter().map(|mutant| Candidate::of_mutant(suite(), &mutant));
    mutants.chain(sound().map(Candidate::from)).collect()
}

fn sound() -> [CredentialSubject; 11] {
    [
        minimal(),
        reference(),
        plain(),
        shared(),
        repeating(),
        once(),
        renaming(),
        gateway(),
        late::waiting(),
        late::never_sure(),
        concealing::concealing(),
    ]
}

fn unchanged(mutated: Mutated) -> Arc<dyn CredentialStore> {
    Arc::new(mutated.store)
}

/// Makes a store with the minimum that is useful: it reads passwords, and gives no lease.
pub fn minimal() -> CredentialSubject {
    plugin::subject("minimal", plugin::reading, unchanged)
}

/// Makes the scripted store, with all capabilities and exclusive leases.
pub fn reference() -> CredentialSubject {
    plugin::subject("reference", plugin::full, unchanged)
}

/// Makes a store that leases passwords, and can do nothing else.
pub fn plain() -> CredentialSubject {
    plugin::subject("plain", plugin::plain, unchanged)
}

/// Makes a store whose leases are shared and have no end.
pub fn shared() -> CredentialSubject {
    plugin::subject("shared", plugin::shared, unchanged)
}

/// Makes a store at which a call may be repeated, but which cannot tell what happened.
pub fn repeating() -> CredentialSubject {
    plugin::subject("repeating", plugin::repeating, unchanged)
}

/// Makes a store at which a call must not be repeated, and which cannot tell what happened.
pub fn once() -> CredentialSubject {
    plugin::subject("once", plugin::once, unchanged)
}

/// Makes a store that gives a lease a new id whenever the lease is renewed.
pub fn renaming() -> CredentialSubject {
    plugin::subject("renaming", plugin::renaming, unchanged)
}

/// Makes a store that needs the user's login at the gateway, even for a check-in.
pub fn gateway() -> CredentialSubject {
    plugin::subject("gateway", plugin::gateway, unchanged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Matrix, RunOptions};

    #[test]
    fn odd_stores_that_are_right_pass() {
        for (subject, skipped) in sound().into_iter().zip([57, 5, 40, 9, 13, 22, 5, 5, 6, 10, 40]) {
            let report = suite().run(&Arc::new(subject), &RunOptions::default());
            assert!(report.succeeded(), "{}", report.format(Format::Table));
            assert_eq!(report.totals().skipped, skipped, "{}", report.format(Format::Table));
        }
    }

    #[test]
    fn calls_that_hang_are_judged_within_the_time_of_the_rule() {
        Matrix::assert_hanging_judged(&suite(), &all());
    }

    #[test]
    fn every_mutant_is_caught_by_the_rule_that_it_breaks() {
        Matrix::assert_caught(&suite(), &all(), &["password 0", "gateway", "canary"]);
    }
}
