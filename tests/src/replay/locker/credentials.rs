//! Replays the vectors `v2.cred` and `v2.from_env`: the credentials that are used, and those that are refused.
//!
//! See decision L7.

use keyway_client::{Credentials, CredentialsError, PluginError as _, Row};
use serde_json::{Value, json};

use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

fn refused(error: &CredentialsError) -> StepOutcome {
    match error.word() {
        Some(word) => StepOutcome::Ok(
            json!({ "error": { "kind": word, "http_status": Row::of(error.kind()).http_status() } }),
        ),
        None => StepOutcome::Refused(Class::Internal),
    }
}

fn demanded_error(error: &Value) -> Result<Demand, String> {
    match (error.get("kind"), error.get("http_status")) {
        (Some(kind), Some(status)) => {
            Ok(Demand::Exactly(json!({ "error": { "kind": kind, "http_status": status } })))
        }
        _ => Err("an error without `kind`".to_owned()),
    }
}

/// Tests explicit credentials, and whether a service is called with them.
pub(super) struct Given;

impl Adapter for Given {
    fn run(&self, input: &Input) -> Observed {
        let mut source = Credentials::source();
        // The interface takes only texts, so any other value counts as missing.
        if let Some(id) = input.get("access_key_id").as_str() {
            source = source.access_key_id(id);
        }
        if let Some(key) = input.get("secret_access_key").as_str() {
            source = source.secret_access_key(key);
        }
        let outcome = match source.resolve().and_then(Credentials::checked) {
            Ok(credentials) => StepOutcome::Ok(json!({
                "access_key_id": credentials.access_key_id().expose(),
                "secret_access_key": credentials.secret_access_key().expose(),
            })),
            Err(error) => refused(&error),
        };
        Observed::one("credentials", outcome)
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let outcome = expected.get("outcome");
        let demand = match outcome.get("error") {
            Some(error) => demanded_error(error)?,
            None if expected.get("sent").is_object() => Demand::Exactly(expected.get("sent").clone()),
            None => return Err("nothing was sent, and there is no error".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}

/// Tests credentials from environment variables.
pub(super) struct FromEnvironment;

impl Adapter for FromEnvironment {
    fn run(&self, input: &Input) -> Observed {
        let variable = |name: &str| input.get("env").get(name).and_then(Value::as_str).map(str::to_owned);
        let explicit = |name: &str| input.get("kwargs").get(name).and_then(Value::as_str).map(str::to_owned);
        let mut source = Credentials::source().environment(variable);
        if let Some(id) = explicit("access_key_id") {
            source = source.access_key_id(id);
        }
        if let Some(key) = explicit("secret_access_key") {
            source = source.secret_access_key(key);
        }
        if let Some(base) = explicit("api_base") {
            source = source.api_base(base);
        }
        if let Some(path) = explicit("binary_path") {
            source = source.program(path);
        }
        let outcome = match source.resolve() {
            Ok(credentials) => StepOutcome::Ok(json!({
                "access_key_id": credentials.access_key_id().expose(),
                "secret_access_key": credentials.secret_access_key().expose(),
                "api_base": credentials.api_base(),
                "binary_path": credentials.program(),
            })),
            Err(error) => refused(&error),
        };
        Observed::one("credentials", outcome)
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match (expected.value().get("ok"), expected.value().get("error")) {
            (Some(made), None) => Demand::Exactly(made.clone()),
            (None, Some(error)) => demanded_error(error)?,
            _ => return Err("neither `ok` nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
