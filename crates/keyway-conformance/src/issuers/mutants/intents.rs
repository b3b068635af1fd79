//! Mutants that forget intents, or report a wrong outcome for an intent.

use keyway_issuers::{CredentialRef, IntendedEffect, Reconciled, RequestOutcome};

use super::ledger::Entry;
use super::odd::busy;
use super::reference::{FULL, admit};
use super::{IssuerSubject, issuer_mutant, mutants};

mutants! {
    for IssuerSubject, by issuer_mutant;
    ForgetsIntents breaks ["ISS-060"] "makes another credential when it is asked again for the same intent"
        (request: |issuer, request| {
            admit(request)?;
            let entry = issuer.entry(request);
            issuer.ledger.add(entry.clone());
            Ok(issuer.answer(&entry))
        })
    AnswersLessTheSecondTime breaks ["ISS-060"] "answers without parts when it is asked again for the same intent"
        (request: |issuer, request| {
            let again = issuer.known(request).is_some();
            let mut outcome = issuer.issue(request)?;
            if let (RequestOutcome::Issued(issued), true) = (&mut outcome, again) {
                issued.credential.clear();
            }
            Ok(outcome)
        })
    MakesAnotherForTheIntent breaks ["ISS-061"] "makes a second credential beside the one that it answers"
        (request: |issuer, request| {
            admit(request)?;
            let hidden = issuer.entry(request);
            issuer.ledger.add(Entry { intent: format!("{} again", hidden.intent), ..hidden });
            issuer.issue(request)
        })
    ForgetsWhatItMade breaks ["ISS-062"] "tells of every request that nothing happened"
        (reconcile: |issuer, question| Ok(match question.effect {
            IntendedEffect::Request => Reconciled::NothingHappened,
            IntendedEffect::Revoke(_) => issuer.tell(question),
        }))
    MakesUpWhatItMade breaks ["ISS-062"] "tells of every request that it made the same credential"
        (reconcile: |issuer, question| Ok(match question.effect {
            IntendedEffect::Request => Reconciled::Made(CredentialRef::new("counter-1")),
            IntendedEffect::Revoke(_) => issuer.tell(question),
        }))
    AlwaysAsksToWait breaks ["ISS-062"] "answers every question about a request with a temporary error"
        (reconcile: |_, _| Err(busy()))
    MakesItLate breaks ["ISS-065"] "makes a credential for a request of which it told that nothing happened"
        (request: |issuer, request| {
            admit(request)?;
            Ok(issuer.issue_to_anybody(request))
        })
    IssuesTheRevokedAgain breaks ["ISS-066"] "makes a credential again for an intent whose credential was revoked"
        (revoke: |issuer, revocation| {
            issuer.ledger.remove(revocation.state.as_str());
            Ok(())
        })
    TakesAllForDestroyed breaks ["ISS-063"] "tells of every revocation that the credential is destroyed"
        (reconcile: |issuer, question| Ok(match question.effect {
            IntendedEffect::Request => issuer.tell(question),
            IntendedEffect::Revoke(_) => Reconciled::Destroyed,
        }))
    ReconcilesSecretly breaks ["ISS-064"] "reconciles, and declares that it does not"
        (capabilities: |_| FULL.reconciles(false))
}
