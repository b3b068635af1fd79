//! Errors that an issuer can be brought to make, each with what must not show in it.

use std::error::Error;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use keyway_core::PluginError as _;
use keyway_issuers::{CredentialRef, CredentialRequest, IssuerError, Json, Parameters, RequestOutcome};

use crate::Broken;
use crate::issuers::place::{Desk, Place};

/// Calls that are likely to fail, and their secrets.
pub(super) struct Provoked {
    /// What was done, and the error that came of it.
    pub(super) errors: Vec<(String, IssuerError)>,
    /// What was answered instead.
    pub(super) outcomes: Vec<RequestOutcome>,
    /// What was done when it panicked. That is an error without words, and no more: other rules say that
    /// nothing of this may panic.
    pub(super) panics: Vec<String>,
    /// Texts that must not show anywhere.
    pub(super) secrets: Vec<String>,
    /// What `Debug` shows of the handle after all of it.
    pub(super) handle: String,
}

/// Asks with canaries: in every parameter, without what is mandatory, as the refused example
/// does, and for the revocation of what never was.
pub(super) async fn provoke(place: &Place<'_>) -> Result<Provoked, Broken> {
    let desk = place.desk().await?;
    let mut provoked = Provoked {
        errors: Vec::new(),
        outcomes: Vec::new(),
        panics: Vec::new(),
        secrets: Vec::new(),
        handle: String::new(),
    };
    let token = place.canary("token");
    provoked.secrets.push(token.clone());
    provoked.secrets.extend(place.subject().example.tokens().map(|token| token.expose().to_owned()));

    let usual = place.subject().example.usual(&desk.description);
    let mut requests = vec![("the example".to_owned(), desk.asking(usual)?)];
    for (index, set) in desk.description.parameter_sets().iter().enumerate() {
        let mut all = Parameters::new();
        for parameter in set.parameters() {
            let canary = place.canary("entered");
            provoked.secrets.push(canary.clone());
            all = all.with(parameter.key.clone(), canary);
        }
        for left_out in set.parameters().iter().filter(|parameter| parameter.mandatory) {
            let mut less = all.values().clone();
            less.remove(&left_out.key);
            let what = format!("set {index} without {}", left_out.key);
            requests.push((what, desk.asking(less.into())?));
        }
        if !set.is_empty() {
            requests.push((format!("set {index} with odd values"), desk.asking(all)?));
        }
    }
    if place.subject().refused.is_some() {
        let request = desk.refused()?;
        let entered = request.parameters.values().values().filter_map(Json::as_text);
        provoked.secrets.extend(entered.map(str::to_owned));
        requests.push(("the refused example".to_owned(), request));
    }
    for (what, mut request) in requests {
        request.context.access_token.get_or_insert_with(|| token.clone().into());
        ask(&desk, what, &request, &mut provoked).await;
    }
    let mut context = desk.context()?;
    context.access_token.get_or_insert_with(|| token.into());
    let what = "revoking an unknown state".to_owned();
    match contained(desk.revoke(&context, &CredentialRef::new("kit-no-such-state"))).await {
        Some(Err(error)) => provoked.errors.push((what, error)),
        Some(Ok(())) => {}
        None => provoked.panics.push(what),
    }
    // What is short is in many texts by chance.
    provoked.secrets.retain(|secret| secret.len() >= CredentialRef::SHORTEST_SECRET_BYTES);
    provoked.handle = format!("{:?}", desk.issuer);
    Ok(provoked)
}

async fn ask(desk: &Desk<'_, '_>, what: String, request: &CredentialRequest, provoked: &mut Provoked) {
    match contained(desk.request(request)).await {
        Some(Ok(outcome)) => {
            if let RequestOutcome::Issued(issued) = &outcome {
                provoked
                    .secrets
                    .extend(issued.credential.iter().map(|part| part.expose_value().trim().to_owned()));
            }
            provoked.outcomes.push(outcome);
        }
        Some(Err(error)) => provoked.errors.push((what, error)),
        None => provoked.panics.push(what),
    }
}

/// What comes of a call; `None` when it panics.
pub(super) async fn contained<T>(call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

impl Provoked {
    /// The canaries and tokens alone: credentials are what the user is told.
    pub(super) fn shows(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }
}

/// All that an error says, to anybody.
pub(super) fn all_words(error: &IssuerError) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n{}\n{}", error.user_message(), error.detail());
    let mut source = error.source();
    while let Some(inner) = source {
        let _ = write!(text, "\n{inner}\n{inner:?}");
        source = inner.source();
    }
    text
}
