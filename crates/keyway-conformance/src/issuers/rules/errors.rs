//! Tests errors, and that errors show no secrets.

use keyway_core::PluginError as _;
use keyway_issuers::{IssuerError, RequestOutcome};

use super::provoked::{Provoked, all_words, provoke};
use super::{Broken, Checked, IssuerFixture, LINKED, REFUSED, broken, ensure, rules};
use crate::child;
use crate::polled::contained;
use crate::trace_capture::traced;

rules! {
    in IssuerFixture;
    "ISS-040" Must from ["WaTTS/user_msg", "WaTTS/log_msg", "WaTTS/result"]
        "Every error has a message for the user and one for the log."
        provoked(both_messages);
    "ISS-041" Must from ["WaTTS/log_msg", "W3", "K1"]
        "No error shows an access token, an entered value or a credential."
        provoked(errors_are_clean);
    "ISS-042" May needs REFUSED from ["WaTTS/user_msg", "WaTTS/log_msg"]
        "The refused example gives the user a different message than the log."
        apart;
    "ISS-043" Must from ["K1", "W3"]
        "No trace shows an access token, an entered value or a credential."
        traces_are_clean;
    "ISS-044" Must from ["K1"]
        "The issuer's debugging text shows no access token, no entered value and no credential."
        provoked(debugging_is_clean);
    "ISS-045" Must needs LINKED from ["K1"]
        "The output of a linked issuer shows no access token, no entered value and no credential."
        output_is_clean;
}

/// Makes calls that are likely to fail, and checks their results.
async fn provoked(fixture: &IssuerFixture<'_>, check: fn(&Provoked) -> Checked) -> Checked {
    check(&provoke(fixture).await?)
}

fn both_messages(provoked: &Provoked) -> Checked {
    if let Some(what) = provoked.panics.first() {
        return Err(broken(format!("words after {what}"), "it panicked"));
    }
    for (what, error) in &provoked.errors {
        for (whose, text) in [("the user", error.user_message().into_owned()), ("the log", error.detail())] {
            ensure(!text.trim().is_empty(), format!("words for {whose} after {what}"), "none")?;
        }
    }
    for outcome in &provoked.outcomes {
        if let RequestOutcome::LoginRequired(login) = outcome {
            ensure(!login.message.trim().is_empty(), "words for the user who is to log in", "none")?;
        }
    }
    Ok(())
}

fn errors_are_clean(provoked: &Provoked) -> Checked {
    if provoked.errors.is_empty() && provoked.panics.is_empty() {
        return Err(Broken::Missing { capability: "an error that the kit can bring about" });
    }
    for (what, error) in &provoked.errors {
        let shows = provoked.shows(&all_words(error));
        ensure(!shows, format!("an error without secrets after {what}"), "it shows one")?;
    }
    Ok(())
}

async fn apart(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let answer = contained(handle.request(&handle.refused_request()?)).await;
    let Some(Err(IssuerError::Refused { user_message, log_message })) = answer else {
        return Err(Broken::Missing { capability: "a refusal with words of its own" });
    };
    let apart = user_message.trim() != log_message.trim();
    ensure(apart, "other words for the user than for the log", "the same")
}

async fn traces_are_clean(fixture: &IssuerFixture<'_>) -> Checked {
    let (provoked, traced) = traced(provoke(fixture)).await;
    ensure(!provoked?.shows(&traced), "traces without secrets", "they show one")
}

fn debugging_is_clean(provoked: &Provoked) -> Checked {
    ensure(!provoked.shows(&provoked.handle), "a debugging text without secrets", "it shows one")
}

async fn output_is_clean(fixture: &IssuerFixture<'_>) -> Checked {
    if child::is_child() {
        let provoked = provoke(fixture).await?;
        return child::noted(provoked.into_secrets(), fixture.history()).map(drop);
    }
    child::must_print_no_secret(fixture, "ISS-045", fixture.scratch())
}
