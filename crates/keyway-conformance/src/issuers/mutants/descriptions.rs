//! Mutants with faults in their descriptions.

use keyway_issuers::{IssuerError, ParameterDescriptor};

use super::reference::{FULL, described, hint, phrase};
use super::{IssuerSubject, issuer_mutant, mutants};

mutants! {
    for IssuerSubject, by issuer_mutant;
    DescribesNothing breaks ["ISS-001"] "fails whenever it is to describe itself"
        (describe: |_| Err(IssuerError::system("describe itself", "it is shy")))
    HasNoVersion breaks ["ISS-005"] "describes itself with an empty version"
        (describe: |_| described("", "", &[&[phrase(), hint()]]))
    HidesWhatItIsFor breaks ["ISS-006"] "describes a parameter without saying what it is for"
        (describe: |_| described("1.0.0", "", &[&[ParameterDescriptor { description: String::new(), ..phrase() }]]))
    DescribesByTheClock breaks ["ISS-007"] "has another version each time it is asked"
        (describe: |issuer| {
            issuer.slots.forget_permits(1);
            let version = format!("1.0.{}", issuer.slots.available_permits());
            described(&version, "", &[&[phrase(), hint()]])
        })
    DescribesWhatItMade breaks ["ISS-007"] "changes a default as soon as it has made a credential"
        (describe: |issuer| {
            let motto = if issuer.ledger.entries().is_empty() { "" } else { "made" };
            described("1.0.0", motto, &[&[phrase(), hint()]])
        })
    OffersASetTwice breaks ["ISS-008"] "offers the same parameters in two sets"
        (describe: |_| described("1.0.0", "", &[&[phrase(), hint()], &[hint(), phrase()]]))
    DeclaresByWhatItMade breaks ["ISS-009"] "declares that it blocks until it has made a credential"
        (capabilities: |issuer| FULL.blocking(issuer.ledger.entries().is_empty()))
}
