//! Mutants that handle requests wrongly.

use keyway_issuers::{CredentialRequest, IssuerError};

use super::reference::{admit, login_required, refuse_if, refused};
use super::{IssuerSubject, PROVIDER, issuer_mutant, mutants};
use crate::lock::locked;

fn phrase(request: &CredentialRequest) -> Option<&str> {
    request.parameters.text("pass_phrase")
}

fn has_hint(request: &CredentialRequest) -> bool {
    request.parameters.text("hint").is_some()
}

fn has_login(request: &CredentialRequest) -> bool {
    !request.context.requester.additional_logins.is_empty()
}

mutants! {
    for IssuerSubject, by issuer_mutant;
    RefusesEverybody breaks ["ISS-010"] "refuses every request"
        (before: |_, _| Err(refused("nobody gets anything")))
    NeedsASecretKey breaks ["ISS-011"] "refuses a request with all parameters of its set"
        (before: |_, request| {
            let entered = phrase(request).is_some_and(|phrase| !phrase.is_empty());
            refuse_if(entered && has_hint(request), "there is a hint")
        })
    NeedsWhatIsOptional breaks ["ISS-012"] "refuses a request without an optional parameter"
        (before: |_, request| refuse_if(phrase(request).is_some() && !has_hint(request), "there is no hint"))
    NeedsMoreThanNothing breaks ["ISS-013"] "offers the empty set of parameters, and refuses it"
        (before: |_, request| refuse_if(request.parameters.values().is_empty(), "nothing was entered"))
    TrustsTheHost breaks ["ISS-014"] unjudged ["ISS-014"] "panics if a mandatory parameter is missing"
        (before: |_, request| {
            let missing = phrase(request).is_none() && !request.parameters.values().is_empty();
            assert!(!missing, "the host promised a pass phrase");
            Ok(())
        })
    TrustsTheOperator breaks ["ISS-015"] unjudged ["ISS-015"] "panics if nothing is configured"
        (before: |_, request| {
            assert!(request.context.configuration.text("motto") != Some(""), "not configured");
            Ok(())
        })
    KnowsAllUsers breaks ["ISS-016"] unjudged ["ISS-016"] "panics if a user has no e-mail address"
        (before: |_, request| {
            request.context.requester.user_info.text("email").expect("everybody has an address");
            Ok(())
        })
    CutsBytes breaks ["ISS-017"] unjudged ["ISS-017"] "cuts a text within a character, and panics"
        (before: |_, request| refuse_if(phrase(request).is_some_and(|text| &text[..text.len().min(1)] == "\0"), "no"))
    AnswersWithoutMaking breaks ["ISS-018"] "answers with a credential that it does not make"
        (request: |issuer, request| admit(request).map(|()| issuer.answer(&issuer.entry(request))))
    BreaksOnTheBanned breaks ["ISS-019"] "fails with an unknown effect where it should refuse"
        (request: |issuer, request| {
            issuer.issue(request).map_err(|refused| IssuerError::system("look him up", refused))
        })
    MakesForTheBanned breaks ["ISS-019"] "makes a credential for a user before it refuses him"
        (request: |issuer, request| {
            let made = issuer.issue_to_anybody(request);
            admit(request).map(|()| made)
        })
    LetsEverybodyIn breaks ["ISS-019"] "answers the user whom it should refuse"
        (request: |issuer, request| Ok(issuer.issue_to_anybody(request)))
    GivesOneForEver breaks ["ISS-056"] "gives each user one credential, and none after its revocation"
        (before: |issuer, request| {
            let user = request.context.requester.user.as_str().to_owned();
            refuse_if(locked(&issuer.notes).contains(&user), "had one already")?;
            locked(&issuer.notes).push(user);
            Ok(())
        })
    AsksForNoLogin of login_subject breaks ["ISS-070"] "answers without the login that it should ask for" ()
    AsksWithoutProvider of login_subject breaks ["ISS-070"] "asks for a login without naming the provider"
        (request: |issuer, request| {
            if has_login(request) { issuer.issue(request) } else { Ok(login_required("")) }
        })
    MakesBeforeTheLogin of login_subject breaks ["ISS-070"] "makes a credential before it asks for a login"
        (request: |issuer, request| {
            let outcome = issuer.issue(request)?;
            Ok(if has_login(request) { outcome } else { login_required(PROVIDER) })
        })
    AsksForEver of login_subject breaks ["ISS-071"] "asks for a login that it already has"
        (request: |_, request| admit(request).map(|()| login_required(PROVIDER)))
}
