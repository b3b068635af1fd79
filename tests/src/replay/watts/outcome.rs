//! Outcomes of the engine and of the wire, in the terms of the vectors.

use keyway_core::CallError;
use keyway_host::grants::{GrantOutcome, GrantsError, TransitionError};
use keyway_issuers::{Action, CredentialPart, IssuerError, PartKind, Rule};
use serde_json::{Value, json};

use crate::replay::{Class, Demand, StepOutcome};

/// Converts a part of a credential to the form that the real host shows.
pub(super) fn part(part: &CredentialPart) -> Value {
    let mut told = json!({ "name": part.name, "type": part.kind.word(), "value": part.expose_value() });
    let (size, save_as) = match &part.kind {
        PartKind::Textfile { size, save_as } => (size, save_as.as_ref()),
        PartKind::Textarea { size } => (size, None),
        _ => return told,
    };
    for (key, count) in [("rows", size.rows), ("cols", size.columns)] {
        if let Some(count) = count {
            told[key] = count.into();
        }
    }
    if let Some(name) = save_as {
        told["save_as"] = name.as_str().into();
    }
    told
}

/// Converts an issuer's error. An error with the plugin's own message is an answer, not a failure.
pub(super) fn issuer_error(error: &IssuerError) -> StepOutcome {
    StepOutcome::Refused(match error {
        IssuerError::Refused { user_message, log_message } => {
            return StepOutcome::Ok(json!({ "error": { "user_msg": user_message, "log_msg": log_message } }));
        }
        other => class_of(other),
    })
}

/// Returns the class of an issuer's error.
pub(super) fn class_of(error: &IssuerError) -> Class {
    match error {
        IssuerError::Refused { .. } => Class::Denied,
        IssuerError::Program { .. } | IssuerError::NotStarted { .. } => Class::Program,
        IssuerError::Call(CallError::DeadlineExceeded { .. }) => Class::Deadline,
        IssuerError::Call(CallError::Panicked { .. }) => Class::Panicked,
        IssuerError::Invalid { .. } => Class::Invalid,
        IssuerError::ContractViolation(broken) => {
            let violation = broken.violations.as_slice().first();
            match violation.map(|violation| (violation.key.as_str(), &violation.rule)) {
                Some((_, Rule::Json { .. })) => Class::BadJson,
                Some(("", Rule::Type { .. })) => Class::NotAnObject,
                Some(("result", Rule::Missing)) => Class::MissingResult,
                Some(("user_msg" | "log_msg", _)) => Class::BadError,
                _ if broken.action == Action::Parameter => Class::BadDescription,
                _ => Class::BadResult,
            }
        }
        _ => Class::Internal,
    }
}

/// Converts an engine's error.
pub(super) fn grants_error(error: &GrantsError) -> StepOutcome {
    StepOutcome::Refused(match error {
        GrantsError::Issuer(error)
        | GrantsError::Uncertain { error, .. }
        | GrantsError::Discarded { error, .. }
        | GrantsError::NotRevoked { error, .. } => return issuer_error(error),
        GrantsError::StateTaken { .. } => Class::StateTaken,
        GrantsError::Refused(refusal) => match refusal {
            TransitionError::NoService | TransitionError::NoGrant => Class::NotFound,
            TransitionError::NotAllowed => Class::Denied,
            TransitionError::Disabled => Class::Disabled,
            TransitionError::Parameters(_) => Class::Invalid,
            TransitionError::LimitReached { .. } => Class::LimitReached,
            _ => Class::Conflict,
        },
        _ => Class::Internal,
    })
}

/// Converts the outcome of a request.
pub(super) fn requested(answer: &Result<GrantOutcome, GrantsError>) -> StepOutcome {
    match answer {
        Ok(GrantOutcome::Granted(handed)) => {
            let parts: Vec<_> = handed.credential.iter().map(part).collect();
            StepOutcome::Ok(json!({ "granted": parts }))
        }
        Ok(GrantOutcome::LoginRequired(login)) => {
            StepOutcome::Ok(json!({ "login": { "provider": login.provider, "msg": login.message } }))
        }
        Ok(_) => StepOutcome::Refused(Class::Conflict),
        Err(error) => grants_error(error),
    }
}

/// Converts the real host's verdict on an answer into a demand.
pub(super) fn demanded(host: &Value) -> Result<Demand, String> {
    let text = |key: &str| host[key].as_str();
    let refused = |classes| Ok(Demand::Refused(classes));
    match text("verdict") {
        Some("ok") if host.get("entries").is_some() => {
            Ok(Demand::Exactly(json!({ "granted": host["entries"] })))
        }
        Some("ok") => Ok(Demand::done()),
        Some("oidc_login") => Ok(Demand::Exactly(json!({ "login": host["oidc_login"] }))),
        // The crash is a bug of the real host; here the same answer is an ordinary error.
        Some("crash") => Ok(Demand::AnyRefusal),
        Some("error") => match (text("error_type"), text("reason")) {
            // The shell of the real host hides that a program is missing, so upstream reports an output that is not
            // JSON.
            (Some("bad_json"), _) => refused(&[Class::BadJson, Class::Program]),
            (Some("no_map"), _) => refused(&[Class::NotAnObject]),
            (Some("missing_result"), _) => refused(&[Class::MissingResult]),
            (Some("bad_result"), _) => refused(&[Class::BadResult]),
            (Some("bad_error"), _) => refused(&[Class::BadError]),
            (None, Some("user_not_allowed")) => refused(&[Class::Denied]),
            (None, Some("service_disabled")) => refused(&[Class::Disabled]),
            (None, Some("invalid_params")) => refused(&[Class::Invalid]),
            (None, Some("limit_reached")) => refused(&[Class::LimitReached]),
            (None, Some(reason)) if reason.contains("not_unique_state") => refused(&[Class::StateTaken]),
            (Some(_), _) | (None, Some(_)) => Ok(Demand::AnyRefusal),
            (None, None) if text("user_msg").is_some_and(is_of_the_host) => Ok(Demand::AnyRefusal),
            (None, None) => Ok(Demand::Exactly(
                json!({ "error": { "user_msg": host["user_msg"], "log_msg": host["log_msg"] } }),
            )),
        },
        _ => Err("no `verdict` that is known".to_owned()),
    }
}

/// Tells whether a message for the user comes from the host itself.
fn is_of_the_host(message: &str) -> bool {
    ["the plugin had an error", "the plugin returned a bad result", "the service does not exist"]
        .iter()
        .any(|beginning| message.starts_with(beginning))
}
