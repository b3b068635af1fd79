//! Replays the vectors `v1.table`, `v2.table`, `v1.interpret`, `v2.err`: the meaning of a service's errors.
//!
//! See decision L6.

use std::sync::Arc;
use std::time::Duration;

use keyway_client::{Answer, RemoteClass, RemoteError, RpcError, Secrets, interpret, program_output};
use pollster::block_on;
use serde_json::{Value, json};

use super::service::FailingService;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// Returns an error in the form of the 1.x table.
fn row(error: &RemoteError) -> Value {
    json!({ "class": error.class().name(), "code": error.row().code(), "http_status": error.row().http_status() })
}

/// Returns the row that Keyway adds to the 1.x table for the status 409 or 422, if no row above it fits.
///
/// A status that is not an integer is ignored. See decision L6.
fn added_row(object: &Value) -> Option<Value> {
    let status = object.get("status_code").and_then(Value::as_i64);
    let word = object.get("error").and_then(Value::as_str).unwrap_or_default();
    let above = [
        "rate_limit",
        "unauthorized",
        "invalid_secret_access_key",
        "permission_denied",
        "not_found",
        "not_found_error",
        "server_error",
    ];
    match status {
        _ if above.contains(&word) => None,
        Some(409) => Some(json!({ "class": "ConflictError", "code": "conflict", "http_status": 409 })),
        Some(422) => Some(json!({ "class": "ValidationError", "code": "invalid", "http_status": 422 })),
        _ => None,
    }
}

/// Returns the row of the 1.x table for an error: the first row that fits (Locker seed, "Error Handling").
fn table_row(object: &Value) -> Value {
    let status = object.get("status_code").and_then(Value::as_i64);
    let word = object.get("error").and_then(Value::as_str).unwrap_or_default();
    let line = |class: &str, code: &str, status: Option<u16>| json!({ "class": class, "code": code, "http_status": status });
    if status == Some(429) || word == "rate_limit" {
        line("RateLimitError", "rate_limit", Some(429))
    } else if status == Some(401) || ["unauthorized", "invalid_secret_access_key"].contains(&word) {
        line("AuthenticationError", "unauthorized", Some(401))
    } else if status == Some(403) || word == "permission_denied" {
        line("PermissionDeniedError", "permission_denied", Some(403))
    } else if status == Some(404) || ["not_found", "not_found_error"].contains(&word) {
        line("ResourceNotFoundError", "not_found", Some(404))
    } else if status.is_some_and(|status| status >= 500) || word == "server_error" {
        line("APIServerError", "server_error", Some(500))
    } else if let Some(added) = added_row(object) {
        added
    } else if word == "http_error" {
        line("APIConnectionError", "http_error", Some(503))
    } else if ["database_error", "command_error"].contains(&word) {
        line("CliRunError", "cli_error", None)
    } else {
        line("LockerError", "locker_error", None)
    }
}

/// Tells whether an object claims to be an error.
fn says_error(object: &Value) -> bool {
    object.get("object") == Some(&"error".into())
        || [Some(&Value::Bool(false)), Some(&"false".into())].contains(&object.get("success"))
}

/// Tests an error object: its row of the table, and its redacted content.
pub(super) struct Table;

impl Adapter for Table {
    fn run(&self, input: &Input) -> Observed {
        let (error, body) = match interpret::<Value>(&input.value().to_string(), 0) {
            Ok(Answer::Error(error)) => {
                let kept = error.body().map(|body| body.as_json() == input.value());
                (StepOutcome::Ok(row(&error)), StepOutcome::Ok(json!(kept)))
            }
            Ok(Answer::Value(_)) => (StepOutcome::Ok(Value::Null), StepOutcome::Ok(Value::Null)),
            Err(_) => (StepOutcome::Refused(Class::Invalid), StepOutcome::Refused(Class::Invalid)),
        };
        Observed::steps([("error", error), ("the body is kept as it was", body)])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let object = input.value();
        if !says_error(object) {
            return vec![None, None];
        }
        let status = object.get("status_code").filter(|status| !status.is_null() && !status.is_i64());
        let row = added_row(object).or_else(|| status.map(|_| table_row(object)));
        // A message may contain a secret, so it must not be kept. Only code words are kept.
        let has_text = object.get("message").is_some_and(Value::is_string);
        vec![
            row.map(|row| Ruling::new("L6", Demand::Exactly(row))),
            has_text.then(|| Ruling::new("L6", Demand::Exactly(false.into()))),
        ]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let field = |key| expected.get(key).clone();
        if !expected.get("class").is_string() {
            return match expected.get("error") {
                Value::Null => Err("no `class`".to_owned()),
                _ => Ok(vec![Demand::AnyRefusal.into(), Demand::Nothing.into()]),
            };
        }
        let row =
            json!({ "class": field("class"), "code": field("code"), "http_status": field("http_status") });
        let body = match expected.get("http_body_is_input") {
            Value::Null => Demand::Nothing,
            kept => Demand::Exactly(kept.clone()),
        };
        Ok(vec![Demand::Exactly(row).into(), body.into()])
    }
}

/// Tests the class that the SDK of the second generation gives an error object. The seed's table has fewer rows than
/// the SDK. The table decides (decision L6).
pub(super) struct SecondTable;

impl Adapter for SecondTable {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match interpret::<Value>(&input.value().to_string(), 0) {
            Ok(Answer::Error(error)) => StepOutcome::Ok(error.class().name().into()),
            _ => StepOutcome::Refused(Class::Invalid),
        };
        Observed::one("class", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        if !says_error(input.value()) {
            return vec![None];
        }
        let class = table_row(input.value())["class"].clone();
        vec![Some(Ruling::new("L6", Demand::Exactly(class)))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        match expected.get("class") {
            Value::String(class) => Ok(vec![Demand::Exactly(class.clone().into()).into()]),
            _ => Err("no `class`".to_owned()),
        }
    }
}

/// Tests how the output of a program is interpreted.
pub(super) struct Interpret;

fn lines_to_skip(input: &Input) -> usize {
    input.get("skip_cli_lines").as_u64().and_then(|lines| usize::try_from(lines).ok()).unwrap_or(0)
}

fn is_raw(input: &Input) -> bool {
    input.get("asjson") == &Value::Bool(false)
}

impl Adapter for Interpret {
    fn run(&self, input: &Input) -> Observed {
        let (text, lines) = (input.text("text"), lines_to_skip(input));
        // Output that is not an answer must be an error of the class `Protocol`. The table reports such an error as an
        // error of the program.
        let protocol = |error: RemoteError| match error.class() {
            RemoteClass::Protocol => StepOutcome::Refused(Class::Invalid),
            _ => StepOutcome::Refused(Class::Internal),
        };
        let outcome = if is_raw(input) {
            program_output(text, lines).map_or_else(protocol, |text| StepOutcome::Ok(text.into()))
        } else {
            match interpret::<Value>(text, lines) {
                Ok(Answer::Value(value)) => StepOutcome::Ok(value),
                Ok(Answer::Error(error)) => StepOutcome::Ok(json!({ "error": row(&error) })),
                Err(error) => protocol(error),
            }
        };
        Observed::one("answer", outcome)
    }

    /// Demands that an object that claims to be an error is read as an error, with any spacing and order in the JSON.
    /// Upstream compares the text of the JSON.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let rest = input.text("text").split('\n').skip(lines_to_skip(input)).collect::<Vec<_>>().join("\n");
        let object: Option<Value> = serde_json::from_str(&rest).ok().filter(Value::is_object);
        let error = object.filter(|object| !is_raw(input) && says_error(object));
        vec![error.map(|object| Ruling::new("L6", Demand::Exactly(json!({ "error": table_row(&object) }))))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let error = expected.get("error");
        let demand = match (expected.value().get("ok"), error.get("code")) {
            (Some(value), _) => Demand::Exactly(value.clone()),
            // The program is at fault if its output is not JSON, or is a value that Python cannot index. Any refusal is
            // accepted.
            (None, Some(code))
                if error.get("class") == Some(&"CliRunError".into()) && code == "cli_error" =>
            {
                Demand::AnyRefusal
            }
            (None, Some(code)) => Demand::Exactly(json!({ "error": {
                "class": error["class"].clone(), "code": code.clone(), "http_status": error["http_status"].clone(),
            } })),
            (None, None) if error.is_object() => Demand::AnyRefusal,
            _ => return Err("neither `ok` nor `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}

/// Tests an error of the protocol `locker.sdk`.
pub(super) struct Rpc;

fn retry_after(input: &Input) -> Option<u64> {
    input.get("retry_after_seconds").as_u64()
}

impl Adapter for Rpc {
    fn run(&self, input: &Input) -> Observed {
        let names =
            ["error", "get_returns_default", "get_environment_returns_none", "shows the other side's words"];
        let Some(code) = input.get("code").as_i64() else {
            return Observed::steps(names.map(|name| (name, StepOutcome::Refused(Class::Invalid))));
        };
        let error = RpcError {
            code,
            kind: input.text("kind"),
            retryable: input.get("retryable") == &Value::Bool(true),
            retry_after: retry_after(input).map(Duration::from_secs),
        };
        let error = error.to_error();
        let told = json!({
            "class": error.class().name(),
            "http_status": error.reported_status(),
            "kind": error.word(),
            "retryable": error.is_retryable(),
            "retry_after_seconds": error.retry_after().map(|after| after.as_secs()),
        });
        let message = input.text("message");
        let leaks = !message.is_empty() && format!("{error} {error:?}").contains(message);
        let client = Secrets::new(Arc::new(FailingService(error)));
        #[expect(deprecated, reason = "upstream's name for it")]
        let environment = block_on(client.get_environment("environment"));
        let default = block_on(client.get_or("KEY", "default")).is_ok();
        let is_none = matches!(environment, Ok(None));
        let outcomes = [told, default.into(), is_none.into(), leaks.into()];
        Observed::steps(names.into_iter().zip(outcomes.map(StepOutcome::Ok)))
    }

    /// Demands that a missing environment, and another missing object, are errors, even if the call has a default.
    ///
    /// See decisions L2 and H335.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let id = match (input.get("code").as_i64(), input.text("kind")) {
            (_, "environment_not_found") => Some("L2"),
            (Some(-32004), kind) if !matches!(kind, "secret_not_found" | "not_found" | "not_found_error") => {
                Some("H335")
            }
            _ => None,
        };
        let default = id.map(|id| Ruling::new(id, Demand::Exactly(false.into())));
        vec![None, default, None, None]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let error = expected.get("error");
        if !error["class"].is_string() {
            return Err("no class of error".to_owned());
        }
        let field = |key: &str| error.get(key).cloned().unwrap_or(Value::Null);
        let told = json!({
            "class": field("class"),
            "http_status": field("http_status"),
            "kind": field("kind"),
            "retryable": field("retryable"),
            "retry_after_seconds": field("retry_after_seconds"),
        });
        let shows = !input.text("message").is_empty()
            && field("message").as_str().is_some_and(|message| message.contains(input.text("message")));
        let flag = |key| {
            Ok::<_, String>(
                Demand::Exactly(expected.get(key).as_bool().ok_or(format!("no `{key}`"))?.into()).into(),
            )
        };
        Ok(vec![
            Demand::Exactly(told).into(),
            flag("get_returns_default")?,
            flag("get_environment_returns_none")?,
            Demand::Exactly(shows.into()).into(),
        ])
    }
}
