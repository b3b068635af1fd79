//! Replays the vectors `v2.resp`, `v2.exit`, `v2.dto`, `v2.caps`: the answers that the official SDK accepts. Also
//! replays `v2.req`: the requests of the SDK, which the program has to accept.
//!
//! See decision L10.

use std::time::Duration;

use keyway_client::{RemoteClass, RpcError};
use serde_json::{Map, Value, json};

use crate::locker_answer::{self, Accepted, Refused};
use crate::locker_sdk::SdkStores;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// The id of every request, which the vectors write as `$ID`.
const ID: &str = "0123456789abcdef0123456789abcdef";
/// The version that the recorded program named.
const VERSION: &str = "2.0.1";
/// The default of the recorded calls of `get`.
const DEFAULT: &str = "DEF";

fn refused(reason: Refused) -> StepOutcome {
    match reason {
        Refused::Program(_) => StepOutcome::Refused(Class::Program),
        Refused::Protocol(_) => StepOutcome::Refused(Class::Invalid),
    }
}

/// Returns the demand for the SDK's answer to its caller: a value, or an error of a class.
fn demand(expected: &Expected) -> Result<Demand, String> {
    if let Some(value) = expected.value().get("ok") {
        return Ok(Demand::Exactly(value.clone()));
    }
    let error = expected.get("error");
    match error["class"].as_str() {
        Some("ProtocolError") => Ok(Demand::Refused(&[Class::Invalid])),
        Some("CliRunError") => Ok(Demand::Refused(&[Class::Program])),
        Some(class) => {
            let wanted = json!({
                "class": class, "kind": error["kind"], "retryable": error["retryable"],
                "retry_after_seconds": error["retry_after_seconds"],
            });
            Ok(Demand::Exactly(wanted))
        }
        None => Err("neither `ok` nor `error`".to_owned()),
    }
}

/// Tests the output of a program for `get` with a default.
pub(super) struct Response;

impl Response {
    fn value(status: i32, output: &[u8]) -> Result<Value, Refused> {
        match locker_answer::judge(status, output, ID)? {
            Accepted::Result { data, cli_version } if cli_version == VERSION => {
                locker_answer::judge_data("secret.get", &data)?;
                Ok(data["value"].clone())
            }
            Accepted::Result { .. } => Err(Refused::Protocol("another version than the program said")),
            Accepted::Error { code, kind, retryable, retry_after } => {
                let error = RpcError { code, kind: &kind, retryable, retry_after }.to_error();
                if error.class() == RemoteClass::NotFound {
                    return Ok(DEFAULT.into());
                }
                Ok(json!({
                    "class": error.class().name(), "kind": error.word(), "retryable": error.is_retryable(),
                    "retry_after_seconds": error.retry_after().map(|after: Duration| after.as_secs()),
                }))
            }
        }
    }
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<char> = hexadecimal.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap_or(0);
    digits.chunks(2).map(byte).collect()
}

impl Adapter for Response {
    fn run(&self, input: &Input) -> Observed {
        let status = input.get("exit").as_i64().and_then(|status| i32::try_from(status).ok()).unwrap_or(0);
        let output = match input.get("stdout") {
            Value::String(text) => text.clone().into_bytes(),
            other => bytes_of(other["bytes_hex"].as_str().unwrap_or_default()),
        };
        let output = String::from_utf8_lossy(&output).replace("$ID", ID);
        Observed::one("get", Self::value(status, output.as_bytes()).map_or_else(refused, StepOutcome::Ok))
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        Ok(vec![demand(expected)?.into()])
    }
}

/// Tests the data of a result.
pub(super) struct Data;

impl Adapter for Data {
    fn run(&self, input: &Input) -> Observed {
        let method = input.situation().split(' ').next().unwrap_or_default();
        let judged = locker_answer::judge_data(method, input.get("data"));
        Observed::one("data", judged.map_or_else(refused, |()| StepOutcome::done()))
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        match expected.value().get("ok") {
            Some(_) => Ok(vec![Demand::done().into()]),
            None => Ok(vec![demand(expected)?.into()]),
        }
    }
}

/// Tests the capabilities that a program reports before a call of `get`.
pub(super) struct Capabilities;

/// Returns the capabilities that `locker-sdk` reports.
fn announced() -> Value {
    let Ok(stores) = SdkStores::new() else { return Value::Null };
    let answer = stores.call("records", "system.capabilities", json!({}));
    serde_json::from_str::<Value>(&answer).map_or(Value::Null, |answer| answer["result"]["data"].clone())
}

impl Adapter for Capabilities {
    fn run(&self, input: &Input) -> Observed {
        let recorded = input.get("capabilities");
        let (capabilities, method) = match (recorded, input.get("methods_without").as_str()) {
            (Value::Null, Some(missing)) => {
                let mut announced = announced();
                if let Some(methods) = announced["methods"].as_array_mut() {
                    methods.retain(|method| method != missing);
                }
                (announced, missing)
            }
            // The SDK asks for the capabilities once, and then calls `get` three times.
            (Value::Null, None) => {
                return Observed::one("methods", StepOutcome::Ok(announced()["methods"].clone()));
            }
            _ => (recorded.clone(), "secret.get"),
        };
        let judged = locker_answer::judge_capabilities(&capabilities, Some(method)).and_then(|typed| {
            let version = &capabilities["cli"]["version"];
            match recorded {
                Value::Null => Ok(typed),
                _ if version == VERSION => Ok(typed),
                _ => Err(Refused::Protocol("another version than the answer says")),
            }
        });
        let outcome = judged.map_or_else(refused, |typed| {
            StepOutcome::Ok(if typed { "typed-v1".into() } else { Value::Null })
        });
        Observed::one("capabilities", outcome)
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        if let Some(called) = expected.get("rpc_methods").as_array().cloned() {
            let offers = move |methods: &Value| {
                let methods = methods.as_array();
                methods.is_some_and(|methods| called.iter().all(|method| methods.contains(method)))
            };
            return Ok(vec![Demand::answer("with every method that the SDK calls", offers).into()]);
        }
        let outcome = match expected.value().get("outcome") {
            Some(outcome) => Expected::new(outcome.clone()),
            None => expected.clone(),
        };
        if outcome.value().get("ok").is_some() {
            return Ok(vec![Demand::Exactly(expected.get("error_contract").clone()).into()]);
        }
        // `InvalidRequestError` means that the program reported such small limits that it accepts no request.
        match outcome.get("error")["class"].as_str() {
            Some("ProtocolError" | "InvalidRequestError") => {
                Ok(vec![Demand::Refused(&[Class::Invalid]).into()])
            }
            _ => Err("neither `ok` nor `error`".to_owned()),
        }
    }
}

/// Tests the requests that the SDK builds from its caller's arguments.
pub(super) struct Requests;

/// A parameter of a method, and the arguments of the SDK for it. If a call gives several of these arguments, the first
/// one in the list counts.
type Parameter = (&'static str, &'static [&'static str]);

/// The calls of the SDK, the method of each, and the parameters of the method. A name after `changes/` is an entry of
/// the parameter `changes`.
const ARGUMENTS: [(&str, &str, &[Parameter]); 14] = [
    ("list", "secret.list", &[("environment", &["environment_name", "environment", "env"])]),
    ("export", "secret.list", &[("environment", &["environment_name"])]),
    ("get", "secret.get", SECRET),
    ("get_secret", "secret.get", SECRET),
    ("get_required", "secret.get", SECRET),
    ("retrieve", "secret.get", SECRET),
    (
        "create",
        "secret.create",
        &[
            ("key", &["key"]),
            ("value", &["value"]),
            ("environment", &["environment_name", "environment", "env"]),
            ("description", &["description"]),
        ],
    ),
    (
        "modify",
        "secret.update",
        &[
            ("key", &["key"]),
            ("environment", &["environment_name", "environment"]),
            ("changes/key", &["new_key"]),
            ("changes/value", &["new_value", "value"]),
            ("changes/environment", &["new_environment_name", "new_environment"]),
            ("changes/description", &["new_description", "description"]),
        ],
    ),
    ("list_environments", "environment.list", &[]),
    ("get_environment", "environment.get", &[("name", &["name"])]),
    ("retrieve_environment", "environment.get", &[("name", &["name"])]),
    (
        "create_environment",
        "environment.create",
        &[("name", &["name"]), ("external_url", &["external_url", "url"]), ("description", &["description"])],
    ),
    (
        "modify_environment",
        "environment.update",
        &[
            ("name", &["name"]),
            ("changes/name", &["new_name"]),
            ("changes/external_url", &["new_external_url", "external_url", "new_url"]),
            ("changes/description", &["new_description", "description"]),
        ],
    ),
    (
        "list_page",
        "secret.list_page",
        &[("page_size", &["page_size"]), ("cursor", &["cursor"]), ("environment", &["environment_name"])],
    ),
];
const SECRET: &[Parameter] = &[("key", &["key"]), ("environment", &["environment_name"])];

/// The arguments that the SDK does not send to the program.
const OF_THE_SDK: [&str; 4] = ["timeout", "cancel_event", "default_value", "max_network_retries"];
/// The values of `output_format`, in which the SDK itself writes the answer of the program.
const FORMATS: [&str; 2] = ["dotenv", "json"];
/// The note in place of arguments that JSON cannot express.
const NOT_UNICODE: &str = "value is the lone surrogate U+D800";
/// The note in place of an argument that is too long to write down.
const LONG_CURSOR: &str = "cursor is 4097 x";

/// Returns the arguments of a call.
fn arguments(input: &Input) -> Option<Map<String, Value>> {
    if input.get("kwargs_note") == LONG_CURSOR {
        return json!({ "cursor": "x".repeat(4097) }).as_object().cloned();
    }
    input.get("kwargs").as_object().cloned()
}

impl Requests {
    /// Returns the method and the parameters of a call. Returns `None` for an unknown call.
    fn request(input: &Input) -> Option<(&'static str, Value)> {
        let call = input.text("call").replace("list_environments_page", "list_page");
        let (_, method, names) = ARGUMENTS.iter().find(|(name, ..)| *name == call)?;
        let method =
            if input.text("call") == "list_environments_page" { "environment.list_page" } else { method };
        let mut given = arguments(input)?;
        given.remove("output_format");
        let mut parameters = json!({});
        if names.iter().any(|(name, _)| name.starts_with("changes/")) {
            parameters["changes"] = json!({});
        }
        for (name, arguments) in *names {
            let values: Vec<_> = arguments.iter().filter_map(|argument| given.remove(*argument)).collect();
            let Some(value) = values.into_iter().next() else { continue };
            match name.strip_prefix("changes/") {
                Some(name) => parameters["changes"][name] = value,
                // A null environment or description is left out.
                None if value.is_null() && *name != "key" && *name != "value" && *name != "name" => {}
                None => parameters[*name] = value,
            }
        }
        for (name, value) in given {
            parameters[name] = value;
        }
        Some((method, parameters))
    }
}

impl Adapter for Requests {
    /// Leaves out the calls that the SDK answers alone, without a request.
    fn is_out_of_scope(&self, input: &Input) -> bool {
        let given = arguments(input).unwrap_or_default();
        let is_format = |format: &Value| FORMATS.iter().any(|known| format == known);
        input.get("kwargs_note") == NOT_UNICODE
            || OF_THE_SDK.iter().any(|name| given.contains_key(*name))
            || given.get("output_format").is_some_and(|format| !is_format(format))
    }

    fn run(&self, input: &Input) -> Observed {
        let Some((method, parameters)) = Self::request(input) else {
            return Observed::one("answer", StepOutcome::Ok("not a request".into()));
        };
        let Ok(stores) = SdkStores::new() else {
            return Observed::one("answer", StepOutcome::Refused(Class::Internal));
        };
        for (method, parameters) in [
            ("environment.create", json!({"name": "prod"})),
            (
                "environment.create",
                json!({"name": if method == "environment.create" { "other" } else { "stg" }}),
            ),
            (
                "secret.create",
                json!({"key": if method == "secret.create" { "L" } else { "K" }, "value": "V"}),
            ),
            (
                "secret.create",
                json!({"key": if method == "secret.create" { "L" } else { "K" }, "value": "V",
                "environment": "prod"}),
            ),
        ] {
            stores.call("records", method, parameters);
        }
        let answer = stores.call("records", method, parameters);
        let outcome = match locker_answer::outcome(method, answer.as_bytes()) {
            Ok(Ok(_)) => StepOutcome::Ok("accepted".into()),
            Ok(Err(kind)) if kind == "invalid_params" || kind == "validation_error" => {
                StepOutcome::Refused(Class::Invalid)
            }
            Ok(Err(kind)) if kind.ends_with("_not_found") => StepOutcome::Refused(Class::NotFound),
            Ok(Err(_)) => StepOutcome::Refused(Class::Internal),
            Err(_) => StepOutcome::Refused(Class::Panicked),
        };
        Observed::one("answer", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let ruling = Self::request(input).and_then(|(method, parameters)| {
            let text = |name: &str| parameters[name].as_str();
            let blank = |name: &str| text(name).is_some_and(|text| text.trim().is_empty());
            let invalid = |decision| Some(Ruling::refused(decision, &[Class::Invalid]));
            // Another parameter may be invalid too, and its error may be found first.
            let missing = |decision| Some(Ruling::refused(decision, &[Class::NotFound, Class::Invalid]));
            match method {
                // A blank name is not the name of an environment.
                "secret.list" if blank("environment") => invalid("L2"),
                "secret.list" | "secret.list_page"
                    if text("environment").is_some_and(|name| !["", "prod", "stg"].contains(&name)) =>
                {
                    missing("L2")
                }
                // Keyway's environments have no description and no empty name.
                "environment.create" if text("description").is_some_and(|text| !text.is_empty()) => {
                    invalid("H266")
                }
                // A valid cursor comes from an earlier page; this one does not.
                "secret.list_page" | "environment.list_page" if text("cursor").is_some() => invalid("C15"),
                // Names are not trimmed, so a key with spaces around it is a different name.
                "secret.get" if text("key").is_some_and(|key| key.trim() != key) => missing("C9"),
                "environment.get" if text("name") == Some("a b") => missing("L2"),
                _ => None,
            }
        });
        vec![ruling]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match (Self::request(input), expected.get("outcome")) {
            (_, outcome) if !outcome.is_object() => return Err("no outcome".to_owned()),
            (None, _) => return Err("an unknown call".to_owned()),
            (Some(_), outcome) if outcome.get("ok").is_some() => Demand::Exactly("accepted".into()),
            (Some(_), outcome) if outcome["error"]["class"].is_string() => Demand::AnyRefusal,
            _ => return Err("no outcome".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
