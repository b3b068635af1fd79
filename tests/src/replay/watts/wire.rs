//! Replays the vectors `wire`: the input that reaches a plugin, and the channel of the input. A real program records
//! both.

use std::fs;
use std::path::Path;

use keyway_issuers::wire::{Profile, WireOptions, host};
use keyway_issuers::{
    Configuration, ConfigurationValue, Context, CredentialRef, CredentialRequest, Issuer, Login, Requester,
    Revocation,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer, ProfileChoice};
use serde_json::{Value, json};

use super::fixture::Features;
use super::{fixture, session};
use crate::replay::oracle::watts::base64 as oracle;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Wire;

/// A program that records the number of its arguments, its last argument and its standard input, and prints the given
/// answer.
const RECORDER: &str = r#"
    IFS= read -r input
    printf %s "$input" > "$0/input"
    printf %s "$(($# - 1))" > "$0/count"
    printf %s "${2-}" > "$0/argument"
    printf %s "$1"
"#;

const SERVICE: &str = "svc";

/// The size of parameters that is too large for the real host.
const LARGE: usize = 48_500;
/// The size that is too large for an argument of any program.
const ARGUMENT: usize = 90_000;

/// Tells whether the parameters are too large for the real host to send.
pub(super) fn is_large(input: &Input) -> bool {
    input.get("params").to_string().len() >= LARGE
}

/// Returns the context that a host of this project makes from the vector's session.
///
/// The host selects the logins that were made for the service: for each provider, the latest login.
fn context(input: &Input) -> Result<Context, Class> {
    let (user, service) = (input.get("user"), input.get("service"));
    let info = session::claims(user).ok_or(Class::Invalid)?;
    let passes_token = service["pass_access_token"] == Value::Bool(true);
    let mut configuration = Configuration::new();
    for (name, value) in service["plugin_conf"].as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => ConfigurationValue::text(text.as_str()),
            Value::Bool(truth) => ConfigurationValue::Boolean(*truth),
            _ => return Err(Class::Invalid),
        };
        configuration = configuration.with(name.as_str(), value);
    }
    let mut requester = Requester::new(info);
    if let (Value::String(token), true) = (&user["access_token"], passes_token) {
        requester = requester.with_access_token(token.as_str());
    }
    let mut kept: Vec<&Value> = Vec::new();
    for made in user["additional_logins"].as_array().into_iter().flatten() {
        if made["service"] == SERVICE {
            kept.retain(|other| other["issuer_id"] != made["issuer_id"]);
            kept.push(made);
        }
    }
    for made in kept {
        let user_info = session::login(&made["iss"], &made["sub"]).ok_or(Class::Invalid)?;
        let token = made["access_token"].as_str().filter(|_| passes_token);
        requester = requester.with_login(Login { user_info, access_token: token.map(Into::into) });
    }
    Ok(Context::new(requester).with_configuration(configuration))
}

/// Returns the `state` of a revocation (the reference to the credential). A vector without a `state` gets the text
/// `undefined`, and a `state` that is not a text is refused.
///
/// See decision W8.
fn state(input: &Input) -> Result<CredentialRef, Class> {
    match input.get("cred_state") {
        Value::Null => Ok(CredentialRef::new("undefined")),
        Value::String(state) => Ok(CredentialRef::new(state.as_str())),
        _ => Err(Class::Invalid),
    }
}

/// Calls the program, and reads its record.
async fn call(input: &Input, folder: &Path) -> Result<[StepOutcome; 2], Class> {
    let features = match fixture::features(input) {
        Value::Null => json!({}),
        features => features.clone(),
    };
    let described = json!({
        "result": "ok", "version": "1", "conf_params": [], "request_params": [], "features": features,
    });
    let mut configuration = ProcessConfiguration::new("/bin/sh");
    let folder_name = folder.to_str().ok_or(Class::Internal)?.to_owned();
    configuration.arguments = vec!["-c".to_owned(), RECORDER.to_owned(), folder_name, described.to_string()];
    configuration.allow_argv = true;
    configuration.profile = ProfileChoice::Lenient;
    let issuer = ProcessIssuer::new(&configuration).map_err(|_| Class::Invalid)?;
    let options = WireOptions::new("1.6.1");
    // The program's answer to a request or a revocation is invalid, and this test ignores it.
    let written = match input.text("action") {
        "parameter" => {
            issuer.describe().await.map_err(|_| Class::Program)?;
            host::encode_parameter(&options)
        }
        "request" => {
            let parameters = fixture::parameters(input.get("params"));
            let request = CredentialRequest::new(context(input)?).with_parameters(parameters);
            let _ = issuer.request(&request).await;
            host::encode_request(&request, &options)
        }
        "revoke" => {
            let revocation = Revocation::new(context(input)?, state(input)?);
            let _ = issuer.revoke(&revocation).await;
            host::encode_revoke(&revocation, &options)
        }
        _ => return Err(Class::Invalid),
    };
    let taken = |name: &str| fs::read_to_string(folder.join(name)).map_err(|_| Class::Program);
    let count: u64 = taken("count")?.parse().map_err(|_| Class::Program)?;
    let (by_argument, by_input) = (taken("argument")?, taken("input")?);
    let (channel, wire) = if count == 0 { ("stdin", by_input) } else { ("argv", by_argument) };
    if wire != written.expose() {
        return Ok([StepOutcome::Refused(Class::Conflict), StepOutcome::Refused(Class::Conflict)]);
    }
    let json = oracle::decode(&wire).and_then(|bytes| String::from_utf8(bytes).ok());
    Ok([
        StepOutcome::Ok(json!({ "wire": wire, "json": json })),
        StepOutcome::Ok(json!({ "channel": channel, "argc": count })),
    ])
}

impl Adapter for Wire {
    fn run(&self, input: &Input) -> Observed {
        let replay = || {
            let folder = tempfile::tempdir().map_err(|_| Class::Internal)?;
            fixture::run(call(input, folder.path()))
        };
        let [wire, channel] =
            replay().unwrap_or_else(|class| [StepOutcome::Refused(class), StepOutcome::Refused(class)]);
        Observed::steps([("the bytes", wire), ("the way", channel)])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let refused = |id| {
            vec![Some(Ruling::refused(id, &[Class::Invalid])), Some(Ruling::refused(id, &[Class::Invalid]))]
        };
        let action = input.text("action");
        if action == "parameter" {
            // A description request is always sent as an argument, because nothing in it is secret (decision W1).
            let way = Demand::Exactly(json!({ "channel": "argv", "argc": 1 }));
            return vec![None, Some(Ruling::new("W1", way))];
        }
        let configured = input.get("service")["plugin_conf"].as_object();
        if configured.is_some_and(|all| all.values().any(|value| !value.is_string() && !value.is_boolean())) {
            return refused("W4");
        }
        if action == "revoke" && !input.get("cred_state").is_string() && !input.get("cred_state").is_null() {
            return refused("W8");
        }
        if !matches!(action, "request" | "revoke") || context(input).is_err() {
            return vec![None, None];
        }
        if let Features::TakenForMissing = Features::of(fixture::features(input), Profile::Lenient) {
            // The real host crashes on these features. The lenient profile treats them as missing,
            // so the plugin cannot read from stdin (decision W3).
            let way = Demand::Exactly(json!({ "channel": "argv", "argc": 1 }));
            let is_written = |told: &Value| told["wire"].is_string();
            return vec![
                Some(Ruling::new("W3", Demand::answer("the bytes", is_written))),
                Some(Ruling::new("W3", way)),
            ];
        }
        if is_large(input) && input.get("params").to_string().len() < ARGUMENT {
            // The real host cannot send large parameters, because of the way it starts programs. That limit is not part
            // of the wire format.
            let is_written = |told: &Value| told["wire"].is_string();
            let way = |told: &Value| told["channel"].is_string();
            return vec![
                Some(Ruling::new("W1", Demand::answer("the bytes", is_written))),
                Some(Ruling::new("W1", Demand::answer("a way", way))),
            ];
        }
        vec![None, None]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let has_crashed = expected.get("host")["verdict"] == "crash" || expected.get("verdict") == "crash";
        if has_crashed {
            return Ok(vec![Demand::AnyRefusal.into(), Demand::AnyRefusal.into()]);
        }
        if !expected.get("wire").is_string() {
            return Err("no `wire`".to_owned());
        }
        let field = |key| expected.get(key).clone();
        let bytes = if session::has_more_claims(input.get("user")) {
            // The real host's order of names depends on the names that it has seen before (decision H77).
            session::same_json(expected.get("json"))
        } else {
            Demand::Exactly(json!({ "wire": field("wire"), "json": field("json") }))
        };
        let way = Demand::Exactly(json!({ "channel": field("channel"), "argc": field("argc") }));
        Ok(vec![bytes.into(), way.into()])
    }
}
