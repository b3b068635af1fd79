//! Mutants that handle revocations wrongly.

use keyway_issuers::IssuerError;

use super::reference::{refuse_if, refused};
use super::{IssuerSubject, issuer_mutant, mutants};
use crate::lock::locked;

mutants! {
    for IssuerSubject, by issuer_mutant;
    CannotRevoke breaks ["ISS-050"] "refuses every revocation" (revoke: |_, _| Err(refused("it stays")))
    OnlySaysThatItRevoked breaks ["ISS-051"] "answers that it revoked, and revokes nothing" (revoke: |_, _| Ok(()))
    RevokesAll breaks ["ISS-052"] "revokes all credentials in place of one"
        (revoking: |issuer, _| {
            issuer.ledger.remove_all();
            Ok(())
        })
    RevokesOnce breaks ["ISS-053"] "refuses to revoke a credential for the second time"
        (revoking: |issuer, revocation| refuse_if(!issuer.is_there(&revocation.state), "it is gone already"))
    PanicsOnUnknownStates breaks ["ISS-054"] unjudged ["ISS-054"] "panics on a state of another form"
        (revoking: |_, revocation| {
            assert!(revocation.state.as_str().starts_with("counter-"), "whose state is that?");
            Ok(())
        })
    QuotesItsConfiguration breaks ["ISS-054"] "fails on an unknown state, and tells its configuration"
        (revoking: |issuer, revocation| {
            let motto = revocation.context.configuration.text("motto").unwrap_or_default();
            let failed = || IssuerError::system("revoke", format!("the motto is {motto}"));
            if issuer.is_there(&revocation.state) { Ok(()) } else { Err(failed()) }
        })
    RemembersInMemory breaks ["ISS-055"] "revokes only what the same handle made"
        (entry: |issuer, _, entry| locked(&issuer.notes).push(entry.state.clone()),
        revoking: |issuer, revocation| {
            let is_own = locked(&issuer.notes).iter().any(|state| state == revocation.state.as_str());
            refuse_if(issuer.is_there(&revocation.state) && !is_own, "never heard of it")
        })
    RevokesByToken breaks ["ISS-055"] "refuses a revocation without the access token of the request"
        (revoking: |_, revocation| refuse_if(revocation.context.requester.access_token.is_none(), "no token"))
    TakesAnyForUnknown breaks ["ISS-057"] "revokes all credentials if it does not know the state"
        (revoking: |issuer, revocation| {
            if !issuer.is_there(&revocation.state) {
                issuer.ledger.remove_all();
            }
            Ok(())
        })
}
