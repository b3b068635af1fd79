//! The boundary of a process: what an executable prints and how it ends, whatever it is asked.

use std::collections::BTreeMap;

use keyway_core::json::{JsonFault, Reader};
use keyway_issuers::wire::{Alphabet, Ended, Profile, base64, host};
use keyway_issuers::{
    CredentialRef, Description, Issued, IssuerError, Json, RequestOutcome, Revocation, SecretText,
};
use serde_json::json;

use super::rules;
use crate::issuers::executable::{ExecutableInput, Printed};
use crate::issuers::place::Place;
use crate::{Broken, broken, ensure};

rules! {
    "ISS-101" Must needs EXECUTABLE from ["WaTTS/stdout", "W2"]
        "It prints one JSON object and nothing else, whichever action it is asked for."
        one_object;
    "ISS-102" Must needs EXECUTABLE from ["WaTTS/result", "W2"]
        "It ends with status 0 when the result is ok."
        status;
    "ISS-103" Must needs EXECUTABLE from ["WaTTS/action", "W1"]
        "It answers an action that it does not know with an error."
        unknown_action;
    "ISS-104" Should needs EXECUTABLE from ["WaTTS/input", "W1"]
        "It answers what is no input with an error."
        no_input;
    "ISS-105" Should needs EXECUTABLE from ["WaTTS/input", "W1"]
        "As its argument, it reads base64 of either alphabet, padded or not."
        by_argument;
    "ISS-106" Should needs STANDARD_INPUT from ["WaTTS/input", "W1"]
        "On standard input, it reads base64 of either alphabet, padded or not."
        by_standard_input;
    "ISS-107" Must needs EXECUTABLE from ["WaTTS/watts_version"]
        "It answers hosts of any version."
        any_version;
    "ISS-108" Must needs EXECUTABLE from ["WaTTS/input", "W4"]
        "It does not mind keys that it does not know."
        unknown_keys;
    "ISS-109" Should needs EXECUTABLE from ["W7"]
        "It leaves no process behind."
        leaves_nothing;
    "ISS-110" Should needs EXECUTABLE from ["W2", "K1"]
        "It writes no access token, nothing that was entered, and no credential to its error output."
        error_output;
}

async fn run(place: &Place<'_>, what: &str, input: ExecutableInput) -> Result<Printed, Broken> {
    let Some(executable) = &place.subject().executable else {
        return Err(Broken::Missing { capability: "executable" });
    };
    let printed = executable.run(input).await;
    place.record(format!("run({what}): {printed:?}"));
    printed.map_err(|reason| broken(format!("an end of the run ({what})"), reason))
}

/// One run a kind of call, with its name: the description, a request, a revocation.
async fn every_action(place: &Place<'_>) -> Result<Vec<(&'static str, Printed)>, Broken> {
    let desk = place.desk().await?;
    let options = &place.subject().options;
    let by = |sent| way(&desk.description, sent);
    let described =
        run(place, "parameter", ExecutableInput::Argument(host::encode_parameter(options))).await?;
    let request = desk.example()?;
    let options = options.clone().with_intent_id(desk.description.features().idempotent);
    let requested = run(place, "request", by(host::encode_request(&request, &options))).await?;
    let outcome = host::decode_outcome(&requested.output, requested.ended, place.subject().profile);
    desk.keep(&request, &outcome);
    let state = match outcome {
        Ok(RequestOutcome::Issued(issued)) => issued.state,
        other => {
            other.err().and_then(|error| error.orphan().cloned()).unwrap_or_else(|| CredentialRef::new("kit"))
        }
    };
    let revocation = Revocation::new(request.context, state);
    let revoked = run(place, "revoke", by(host::encode_revoke(&revocation, &options))).await?;
    Ok(vec![("parameter", described), ("request", requested), ("revoke", revoked)])
}

/// The way that requests go.
fn way(description: &Description, sent: SecretText) -> ExecutableInput {
    if description.features().stdin {
        ExecutableInput::Standard(sent)
    } else {
        ExecutableInput::Argument(sent)
    }
}

/// Reads what was printed as strictly as the profile does.
fn object(place: &Place<'_>, what: &str, printed: &Printed) -> Result<BTreeMap<String, Json>, Broken> {
    let expected = format!("one JSON object after {what}, and nothing else");
    match place.subject().profile.reader().read(&printed.output) {
        Ok(Json::Object(entries)) => Ok(entries),
        Ok(other) => Err(broken(expected, format!("{} in its place", other.kind()))),
        Err(error) if error.fault == JsonFault::Empty => Err(broken(expected, "nothing")),
        Err(error) => Err(broken(expected, format!("{} at byte {}", error.fault, error.at))),
    }
}

async fn one_object(place: &Place<'_>) -> Result<(), Broken> {
    for (what, printed) in every_action_or_first(place).await? {
        object(place, what, &printed)?;
    }
    Ok(())
}

/// As `every_action`; only the first if it is already no description.
async fn every_action_or_first(place: &Place<'_>) -> Result<Vec<(&'static str, Printed)>, Broken> {
    let options = &place.subject().options;
    let first = run(place, "parameter", ExecutableInput::Argument(host::encode_parameter(options))).await?;
    if host::decode_description(&first.output, first.ended, place.subject().profile).is_err() {
        return Ok(vec![("parameter", first)]);
    }
    every_action(place).await
}

async fn status(place: &Place<'_>) -> Result<(), Broken> {
    if place.subject().profile == Profile::Lenient {
        return Err(Broken::Missing { capability: "strict profile" });
    }
    for (what, printed) in every_action_or_first(place).await? {
        let is_error = match Reader::LENIENT.read(&printed.output) {
            Ok(Json::Object(entries)) => entries.get("result").and_then(Json::as_text) == Some("error"),
            _ => false,
        };
        if !is_error {
            ensure(
                printed.ended == Ended::SUCCESS,
                format!("status 0 after {what}"),
                printed.ended.to_string(),
            )?;
        }
    }
    Ok(())
}

/// Demands an error object.
fn error_object(place: &Place<'_>, what: &str, printed: &Printed) -> Result<(), Broken> {
    object(place, what, printed)?;
    match host::decode_revoked(&printed.output, printed.ended, place.subject().profile) {
        Err(IssuerError::Refused { .. }) => Ok(()),
        Ok(()) => Err(broken(format!("an error after {what}"), "ok")),
        Err(error) => Err(broken(format!("an error object after {what}"), error.to_string())),
    }
}

/// The description's input, changed.
fn parameter_with(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Vec<u8> {
    let mut input = serde_json::Map::new();
    input.insert("action".to_owned(), json!("parameter"));
    input.insert("cred_state".to_owned(), json!("undefined"));
    input.insert("watts_version".to_owned(), json!("1.6.1"));
    change(&mut input);
    serde_json::Value::Object(input).to_string().into_bytes()
}

async fn unknown_action(place: &Place<'_>) -> Result<(), Broken> {
    for action in ["keyway_no_such_action", "REQUEST", ""] {
        let json = parameter_with(|input| {
            input.insert("action".to_owned(), json!(action));
        });
        let input = ExecutableInput::Argument(base64::encode(&json, Alphabet::UrlSafe));
        let printed = run(place, "an unknown action", input).await?;
        error_object(place, &format!("the action {action:?}"), &printed)?;
    }
    Ok(())
}

async fn no_input(place: &Place<'_>) -> Result<(), Broken> {
    let wrong: [(&str, SecretText); 4] = [
        ("text that is not base64", "!!!! no base64 !!!!".into()),
        ("base64 of half an object", base64::encode(b"{\"action\":", Alphabet::UrlSafe)),
        ("base64 of a list", base64::encode(b"[1]", Alphabet::UrlSafe)),
        ("base64 of an empty object", base64::encode(b"{}", Alphabet::UrlSafe)),
    ];
    for (what, sent) in wrong {
        let printed = run(place, what, ExecutableInput::Argument(sent)).await?;
        error_object(place, what, &printed)?;
    }
    Ok(())
}

/// One input in every form of base64. The text that is not ASCII makes the alphabets differ,
/// and its length the padding.
fn forms() -> Vec<(&'static str, SecretText)> {
    let mut forms = Vec::new();
    for length in 0..3 {
        let json = parameter_with(|input| {
            // Both alphabets differ at 62 and 63, which these bytes bring.
            input.insert(
                "watts_version".to_owned(),
                json!(format!("1.6.1{}", "?>~".repeat(4) + &"~".repeat(length))),
            );
        });
        let standard = base64::encode(&json, Alphabet::Standard);
        let safe = base64::encode(&json, Alphabet::UrlSafe);
        let bare = standard.expose().trim_end_matches('=').to_owned();
        let padding = "=".repeat(standard.expose().len() - bare.len());
        let padded = format!("{}{padding}", safe.expose().trim_end_matches('='));
        forms.extend([
            ("base64url without padding", safe),
            ("base64url with padding", SecretText::new(padded)),
            ("base64 with padding", standard),
            ("base64 without padding", SecretText::new(bare)),
        ]);
    }
    forms
}

async fn read_in_every_form(
    place: &Place<'_>,
    way: impl Fn(SecretText) -> ExecutableInput,
) -> Result<(), Broken> {
    let expected = place.desk().await?.description;
    for (what, sent) in forms() {
        let printed = run(place, what, way(sent)).await?;
        same_description(place, what, &expected, &printed)?;
    }
    Ok(())
}

fn same_description(
    place: &Place<'_>,
    what: &str,
    expected: &Description,
    printed: &Printed,
) -> Result<(), Broken> {
    match host::decode_description(&printed.output, printed.ended, place.subject().profile) {
        Ok(description) => {
            ensure(description == *expected, format!("the description ({what})"), "another one")
        }
        Err(error) => Err(broken(format!("the description ({what})"), error.to_string())),
    }
}

async fn by_argument(place: &Place<'_>) -> Result<(), Broken> {
    read_in_every_form(place, ExecutableInput::Argument).await
}

async fn by_standard_input(place: &Place<'_>) -> Result<(), Broken> {
    read_in_every_form(place, ExecutableInput::Standard).await
}

async fn any_version(place: &Place<'_>) -> Result<(), Broken> {
    let expected = place.desk().await?.description;
    for version in ["0.0.1", "1.0.0", "99.0.0", "latest-nightly"] {
        let json = parameter_with(|input| {
            input.insert("watts_version".to_owned(), json!(version));
        });
        let input = ExecutableInput::Argument(base64::encode(&json, Alphabet::UrlSafe));
        let printed = run(place, version, input).await?;
        same_description(place, &format!("for the version {version}"), &expected, &printed)?;
    }
    Ok(())
}

async fn unknown_keys(place: &Place<'_>) -> Result<(), Broken> {
    let expected = place.desk().await?.description;
    let json = parameter_with(|input| {
        input.insert("keyway_no_such_key".to_owned(), json!({"a": [1, null]}));
        input.insert("zz".to_owned(), json!(null));
    });
    let input = ExecutableInput::Argument(base64::encode(&json, Alphabet::UrlSafe));
    let printed = run(place, "unknown keys", input).await?;
    same_description(place, "with unknown keys in the input", &expected, &printed)
}

async fn leaves_nothing(place: &Place<'_>) -> Result<(), Broken> {
    for (what, printed) in every_action(place).await? {
        let left = printed.left_behind;
        ensure(left == 0, format!("no process left behind after {what}"), left.to_string())?;
    }
    Ok(())
}

async fn error_output(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let mut request = desk.example()?;
    let token = place.canary("token");
    request.context.access_token = Some(token.clone().into());
    let options = place.subject().options.clone().with_intent_id(desk.description.features().idempotent);
    let sent = host::encode_request(&request, &options);
    let mut secrets = vec![token, sent.expose().to_owned()];
    secrets.extend(request.parameters.values().values().filter_map(Json::as_text).map(str::to_owned));
    let printed = run(place, "request", way(&desk.description, sent)).await?;
    let outcome = host::decode_outcome(&printed.output, printed.ended, place.subject().profile);
    desk.keep(&request, &outcome);
    if let Ok(RequestOutcome::Issued(issued)) = &outcome {
        secrets.extend(values(issued));
    }
    let written = String::from_utf8_lossy(&printed.errors);
    let shows = secrets.iter().any(|secret| {
        secret.len() >= CredentialRef::SHORTEST_SECRET_BYTES && written.contains(secret.as_str())
    });
    ensure(!shows, "an error output without secrets", "it shows one")
}

fn values(issued: &Issued) -> impl Iterator<Item = String> {
    issued.credential.iter().map(|part| part.expose_value().trim().to_owned())
}
