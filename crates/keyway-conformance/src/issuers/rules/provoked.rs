//! Provokes errors of an issuer, so that rules can search them for secrets.

use keyway_issuers::{CredentialRef, IssuerError, Json, Parameters, RequestOutcome};

use super::{Broken, IssuerFixture};
use crate::polled::contained;
use crate::words;

/// Holds the results of calls that are likely to fail.
#[derive(Default)]
pub(super) struct Provoked {
    /// The failed calls and their errors.
    pub(super) errors: Vec<(String, IssuerError)>,
    /// The answers of the calls that succeeded.
    pub(super) outcomes: Vec<RequestOutcome>,
    /// The calls that panicked, and so have no error to search. Other rules demand that no call panics.
    pub(super) panics: Vec<String>,
    /// The secret texts: tokens, entered values, and values of credentials.
    secrets: Vec<String>,
    /// The `Debug` text of the handle after all calls.
    pub(super) handle: String,
}

/// Sends the example, requests with a canary in every parameter, the same requests without one mandatory parameter, and
/// the refused example. Then revokes a credential that never existed.
pub(super) async fn provoke(fixture: &IssuerFixture<'_>) -> Result<Provoked, Broken> {
    let handle = fixture.handle().await?;
    let mut provoked = Provoked::default();
    let token = fixture.canary("token");
    provoked.secrets.push(token.clone());
    provoked.secrets.extend(fixture.example().tokens().map(|token| token.expose().to_owned()));

    let mut requests = vec![("the example".to_owned(), handle.example_request()?)];
    for (index, set) in handle.description.parameter_sets().iter().enumerate() {
        let canaries = set.parameters().iter().map(|each| (each.key.clone(), fixture.canary("entered")));
        let all: Vec<(String, String)> = canaries.collect();
        provoked.secrets.extend(all.iter().map(|(_, canary)| canary.clone()));
        let without = |left_out: Option<&String>| {
            let kept = all.iter().filter(|(key, _)| Some(key) != left_out);
            kept.fold(Parameters::new(), |kept, (key, canary)| kept.with(key, canary.as_str()))
        };
        for left_out in set.parameters().iter().filter(|parameter| parameter.mandatory) {
            let key = &left_out.key;
            requests.push((format!("set {index} without {key}"), handle.asking(without(Some(key)))?));
        }
        if !set.is_empty() {
            requests.push((format!("set {index} with odd values"), handle.asking(without(None))?));
        }
    }
    if fixture.subject().refused.is_some() {
        let request = handle.refused_request()?;
        let entered = request.parameters.values().values().filter_map(Json::as_text);
        provoked.secrets.extend(entered.map(str::to_owned));
        requests.push(("the refused example".to_owned(), request));
    }
    for (what, mut request) in requests {
        request.context.requester.access_token.get_or_insert_with(|| token.clone().into());
        let outcome = provoked.note(what, contained(handle.request(&request)).await);
        if let Some(RequestOutcome::Issued(issued)) = &outcome {
            let values = issued.credential.iter().map(|part| part.expose_value().trim().to_owned());
            provoked.secrets.extend(values);
        }
        provoked.outcomes.extend(outcome);
    }
    let mut context = handle.context()?;
    context.requester.access_token.get_or_insert_with(|| token.into());
    let answer = contained(handle.revoke(&context, &CredentialRef::new("kit-no-such-state"))).await;
    provoked.note("revoking an unknown state".to_owned(), answer);
    // Leaves out short secrets, because they occur in many texts by chance.
    provoked.secrets.retain(|secret| secret.len() >= CredentialRef::SHORTEST_SECRET_BYTES);
    provoked.handle = format!("{:?}", handle.issuer);
    Ok(provoked)
}

impl Provoked {
    /// Returns the answer of a call that succeeded. Otherwise records the error or the panic, and returns `None`.
    fn note<T>(&mut self, what: String, answer: Option<Result<T, IssuerError>>) -> Option<T> {
        match answer {
            Some(Ok(answer)) => return Some(answer),
            Some(Err(error)) => self.errors.push((what, error)),
            None => self.panics.push(what),
        }
        None
    }

    /// Returns the secret texts: tokens, entered values, and values of credentials.
    pub(super) fn into_secrets(self) -> Vec<String> {
        self.secrets
    }

    /// Tells whether a text contains a token, an entered value, or a value of a credential.
    pub(super) fn shows(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }
}

/// Collects all texts of an error.
pub(super) fn all_words(error: &IssuerError) -> String {
    words::all_words(error, &error.user_message())
}
