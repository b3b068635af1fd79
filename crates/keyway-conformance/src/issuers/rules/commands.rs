//! Tests that an issuer neither runs its input in a shell nor uses it as a path, for every source of input.
//!
//! A user chooses all parameters and many claims of a login. An issuer may derive the reference to a credential
//! (`state` on the wire) from parameters and claims.

use std::slice;

use keyway_issuers::{
    CredentialPart, CredentialRef, CredentialRequest, IssuerError, Json, Parameters, RequestOutcome, UserInfo,
};

use super::bait::{Bait, Trap};
use super::provoked::all_words;
use super::{Broken, Checked, Handle, IssuerFixture, PARAMETERS, rules};
use crate::polled::contained;

rules! {
    in IssuerFixture;
    "ISS-030" Must from ["WaTTS/user_info", "WaTTS/watts_userid", "W7"]
        "No claim of a login is run as a command, in requests or revocations; the claim may be refused."
        claims(Trap::commands);
    "ISS-031" Must needs PARAMETERS from ["WaTTS/params", "W7"]
        "No entered value is run as a command; the value may be refused."
        entered(Trap::commands);
    "ISS-032" Must from ["WaTTS/cred_state", "W7"]
        "No part of a state is run as a command; the state may be refused."
        states(Trap::commands);
    "ISS-033" Must from ["WaTTS/user_info", "WaTTS/watts_userid", "W7"]
        "No claim of a login is used as the path of a file that is read, written or removed; the claim may be refused."
        claims(Trap::paths);
    "ISS-034" Must needs PARAMETERS from ["WaTTS/params", "W7"]
        "No entered value is used as the path of a file that is read, written or removed; the value may be refused."
        entered(Trap::paths);
    "ISS-035" Must from ["WaTTS/cred_state", "W7"]
        "No state is used as the path of a file that is read, written or removed; the state may be refused."
        states(Trap::paths);
}

/// A function that makes the trap of a rule.
type Making = fn(&IssuerFixture<'_>) -> Result<Trap, Broken>;

/// A handle whose calls carry baits.
struct Baited<'h, 'f, 'a> {
    handle: &'h Handle<'f, 'a>,
    trap: Trap,
}

impl Baited<'_, '_, '_> {
    /// Sends a request, and revokes the credential that it made. Returns whether the request made a credential. Does
    /// not judge the answer, since other rules do.
    async fn is_answered(&self, request: &CredentialRequest, of: &str) -> Result<bool, Broken> {
        let answer = contained(self.handle.request(request)).await;
        self.trap.is_empty(of, "a request")?;
        self.trap.is_unread(&answer.as_ref().map(answered).unwrap_or_default(), of, "a request")?;
        let Some(Ok(RequestOutcome::Issued(issued))) = answer else { return Ok(false) };
        self.revoke(request, &issued.state, of).await?;
        Ok(true)
    }

    /// Revokes a credential in the context of a request. The call may fail. It must not run a command or touch a file,
    /// and its error must not show the content of a file.
    async fn revoke(&self, request: &CredentialRequest, state: &CredentialRef, of: &str) -> Checked {
        match contained(self.handle.revoke(&request.context, state)).await {
            Some(Ok(())) => self.handle.forget(state),
            Some(Err(error)) => self.trap.is_unread(&all_words(&error), of, "a revocation")?,
            None => {}
        }
        self.trap.is_empty(of, "a revocation")
    }
}

/// Collects all text of an answer.
fn answered(answer: &Result<RequestOutcome, IssuerError>) -> String {
    match answer {
        Ok(RequestOutcome::Issued(issued)) => {
            let values = issued.credential.iter().map(CredentialPart::expose_value);
            values.fold(issued.state.as_str().to_owned(), |all, value| format!("{all}\n{value}"))
        }
        Ok(RequestOutcome::LoginRequired(login)) => format!("{}\n{}", login.provider, login.message),
        Err(error) => all_words(error),
    }
}

/// Puts a bait into these claims of a user.
fn told(user: &UserInfo, claims: &[String], bait: &Bait) -> UserInfo {
    let mut all = user.claims().clone();
    for claim in claims {
        let value = bait.within(all.get(claim).unwrap_or(&Json::Null));
        all.insert(claim.clone(), value);
    }
    // The claims `iss` and `sub` must stay texts.
    UserInfo::from_claims(all).unwrap_or_else(|| user.clone())
}

/// Lists all claims except `iss`, because this claim decides which users a service accepts.
fn claims_of(user: &UserInfo) -> Vec<String> {
    user.claims().keys().filter(|name| *name != "iss").cloned().collect()
}

fn of_user(mut request: CredentialRequest, user: &UserInfo) -> CredentialRequest {
    request.context.requester.user = user.user_id();
    request.context.requester.user_info = user.clone();
    request
}

/// Puts a bait into all claims of a request's other logins.
fn of_logins(mut request: CredentialRequest, bait: &Bait) -> CredentialRequest {
    for login in &mut request.context.requester.additional_logins {
        login.user_info = told(&login.user_info, &claims_of(&login.user_info), bait);
    }
    request
}

async fn claims(fixture: &IssuerFixture<'_>, trap: Making) -> Checked {
    let handle = &fixture.handle().await?;
    let baited = Baited { handle, trap: trap(fixture)? };
    let user = &fixture.example().user;
    let mut names = claims_of(user);
    if !names.iter().any(|name| name == "groups") {
        names.push("groups".to_owned());
    }
    let mut all_answered = true;
    for bait in baited.trap.baits() {
        let what = format!("the claims, with {},", bait.form);
        let request = of_logins(of_user(handle.example_request()?, &told(user, &names, &bait)), &bait);
        all_answered &= baited.is_answered(&request, &what).await?;
    }
    if all_answered {
        return Ok(());
    }
    // Tries each claim alone, since an issuer that refuses one claim may not read the others.
    for bait in baited.trap.few_baits() {
        for name in &names {
            let what = format!("the claim `{name}`, with {},", bait.form);
            let one = told(user, slice::from_ref(name), &bait);
            baited.is_answered(&of_user(handle.example_request()?, &one), &what).await?;
        }
        if !fixture.example().logins.is_empty() {
            let what = format!("the claims of another login, with {},", bait.form);
            baited.is_answered(&of_logins(handle.example_request()?, &bait), &what).await?;
        }
        // The issuer gets the claims in a revocation, too.
        if let Some(Ok((context, issued))) = contained(handle.made()).await {
            let all = of_user(CredentialRequest::new(context), &told(user, &names, &bait));
            let what = format!("the claims, with {},", bait.form);
            baited.revoke(&of_logins(all, &bait), &issued.state, &what).await?;
        }
    }
    Ok(())
}

async fn entered(fixture: &IssuerFixture<'_>, trap: Making) -> Checked {
    let handle = &fixture.handle().await?;
    let baited = Baited { handle, trap: trap(fixture)? };
    for set in handle.description.parameter_sets().iter().filter(|set| !set.is_empty()) {
        let usual = fixture.example().entered(set, |_| true);
        let all: Vec<_> = set.parameters().iter().map(|parameter| parameter.key.as_str()).collect();
        let is_answered = async |keys: &[&str], bait: &Bait| {
            let what = format!("{}, with {},", keys.join(", "), bait.form);
            baited.is_answered(&handle.asking(hidden(&usual, keys, bait))?, &what).await
        };
        let mut all_answered = true;
        for bait in baited.trap.baits() {
            all_answered &= is_answered(&all, &bait).await?;
        }
        if all_answered || all.len() == 1 {
            continue;
        }
        // Tries each value alone, since an issuer that refuses one value may not read the others.
        for bait in baited.trap.few_baits() {
            for key in &all {
                is_answered(&[key], &bait).await?;
            }
        }
    }
    Ok(())
}

/// Puts a bait into some of the usual parameters.
fn hidden(usual: &Parameters, keys: &[&str], bait: &Bait) -> Parameters {
    let mut values = usual.values().clone();
    for (_, value) in values.iter_mut().filter(|(key, _)| keys.contains(&key.as_str())) {
        *value = bait.within(value);
    }
    values.into()
}

async fn states(fixture: &IssuerFixture<'_>, trap: Making) -> Checked {
    let handle = &fixture.handle().await?;
    let baited = Baited { handle, trap: trap(fixture)? };
    let request = CredentialRequest::new(handle.context()?);
    // Sends each bait alone, and also appended to the reference (`state`) to a real credential, since the issuer may
    // check how a reference begins.
    let made = contained(handle.made()).await.and_then(Result::ok);
    let state = made.map(|(_, issued)| issued.state);
    for bait in baited.trap.baits() {
        let behind = state.as_ref().map(|state| bait.behind(state.as_str()));
        for state in behind.into_iter().chain([bait.behind("")]) {
            let what = format!("a state, with {},", bait.form);
            baited.revoke(&request, &CredentialRef::new(state), &what).await?;
        }
    }
    Ok(())
}
