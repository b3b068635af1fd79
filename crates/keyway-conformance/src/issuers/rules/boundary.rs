//! Tests the boundary of a process: what an executable prints and how it exits, for any input.

use std::collections::BTreeMap;

use keyway_core::json::{JsonFault, Reader};
use keyway_issuers::wire::{Alphabet, Ended, WireOptions, base64, host};
use keyway_issuers::{
    CredentialRef, CredentialRequest, IssuerError, Json, RequestOutcome, Revocation, SecretText,
};
use serde_json::json;

use super::{
    ANY_HOST, Broken, Checked, EXECUTABLE, Handle, IssuerFixture, STANDARD_INPUT, STRICT, broken, ensure,
    rules,
};
use crate::issuers::executable::{ExecutableInput, Printed};

rules! {
    in IssuerFixture;
    "ISS-101" Must needs EXECUTABLE from ["WaTTS/stdout", "W2"]
        "It prints one JSON object and nothing else, whichever action it is asked for."
        each_run(is_one_object);
    "ISS-102" Must needs STRICT from ["WaTTS/result", "W2"]
        "It ends with status 0 when the result is ok."
        each_run(ends_well);
    "ISS-103" Must needs EXECUTABLE from ["WaTTS/action", "W1"]
        "It answers an action that it does not know with an error."
        refuses(unknown_actions);
    "ISS-104" Should needs ANY_HOST from ["WaTTS/input", "W1"]
        "It answers invalid input with an error."
        refuses(no_inputs);
    "ISS-105" Should needs ANY_HOST from ["WaTTS/input", "W1"]
        "As its argument, it reads base64 of either alphabet, padded or not."
        describes_the_same(|_| forms(ExecutableInput::Argument));
    "ISS-106" Should needs STANDARD_INPUT from ["WaTTS/input", "W1"]
        "On standard input, it reads base64 of either alphabet, padded or not."
        describes_the_same(|_| forms(ExecutableInput::Standard));
    "ISS-107" Must needs EXECUTABLE from ["WaTTS/watts_version"]
        "It answers hosts of any version."
        describes_the_same(versions);
    "ISS-108" Must needs EXECUTABLE from ["WaTTS/input", "W4"]
        "It ignores keys that it does not know."
        describes_the_same(unknown_keys);
    "ISS-109" Should needs EXECUTABLE from ["W7"]
        "It leaves no process behind."
        leaves_nothing;
    "ISS-110" Should needs EXECUTABLE from ["W2", "K1"]
        "It writes no access token, no entered value and no credential to its error output."
        error_output;
}

async fn run(fixture: &IssuerFixture<'_>, what: &str, input: ExecutableInput) -> Result<Printed, Broken> {
    let Some(executable) = &fixture.subject().executable else {
        return Err(Broken::Missing { capability: "executable" });
    };
    let printed = executable.run(input).await;
    fixture.history().record(format!("run({what}): {printed:?}"));
    printed.map_err(|reason| broken(format!("an end of the run ({what})"), reason))
}

/// Runs the executable once to get its description.
async fn described(fixture: &IssuerFixture<'_>) -> Result<Printed, Broken> {
    let sent = host::encode_parameter(&fixture.subject().options);
    run(fixture, "parameter", ExecutableInput::Argument(sent)).await
}

/// Runs the executable with a request, and records the credential that it made.
async fn requested(
    handle: &Handle<'_, '_>,
    request: &CredentialRequest,
) -> Result<(Printed, Result<RequestOutcome, IssuerError>), Broken> {
    let sent = host::encode_request(request, &options(handle));
    let printed = run(handle, "request", way(handle, sent)).await?;
    let outcome = host::decode_outcome(&printed.output, printed.ended, handle.subject().profile);
    handle.keep(request, &outcome);
    Ok((printed, outcome))
}

fn options(handle: &Handle<'_, '_>) -> WireOptions {
    handle.subject().options.clone().with_intent_id(handle.description.features().idempotent)
}

/// Decides whether a request or a revocation reaches the executable on standard input or as an argument.
fn way(handle: &Handle<'_, '_>, sent: SecretText) -> ExecutableInput {
    let stdin = handle.description.features().stdin && !handle.subject().follows_seed;
    ExecutableInput::new(sent, stdin)
}

/// Runs the executable once for each kind of call: the description, a request, a revocation.
async fn every_action(fixture: &IssuerFixture<'_>) -> Result<Vec<(&'static str, Printed)>, Broken> {
    let handle = fixture.handle().await?;
    let first = described(fixture).await?;
    let request = handle.example_request()?;
    let (printed, outcome) = requested(&handle, &request).await?;
    let state = match outcome {
        Ok(RequestOutcome::Issued(issued)) => Some(issued.state),
        other => other.err().and_then(|error| error.orphan().cloned()),
    };
    let revocation = Revocation::new(request.context, state.unwrap_or_else(|| CredentialRef::new("kit")));
    let sent = host::encode_revoke(&revocation, &options(&handle));
    let revoked = run(fixture, "revoke", way(&handle, sent)).await?;
    Ok(vec![("parameter", first), ("request", printed), ("revoke", revoked)])
}

/// Reads one JSON object from the output, as strictly as the profile demands.
fn object(
    fixture: &IssuerFixture<'_>,
    what: &str,
    printed: &Printed,
) -> Result<BTreeMap<String, Json>, Broken> {
    let expected = format!("one JSON object after {what}, and nothing else");
    let observed = match fixture.subject().profile.reader().read(&printed.output) {
        Ok(Json::Object(entries)) => return Ok(entries),
        Ok(other) => format!("{} in its place", other.kind()),
        Err(error) if error.fault == JsonFault::Empty => "nothing".to_owned(),
        Err(error) => format!("{} at byte {}", error.fault, error.at),
    };
    Err(broken(expected, observed))
}

/// Checks one run for each kind of call. If the description cannot be decoded, checks only the run that printed it.
async fn each_run(
    fixture: &IssuerFixture<'_>,
    check: fn(&IssuerFixture<'_>, &str, &Printed) -> Checked,
) -> Checked {
    let first = described(fixture).await?;
    let runs = match host::decode_description(&first.output, first.ended, fixture.subject().profile) {
        Ok(_) => every_action(fixture).await?,
        Err(_) => vec![("parameter", first)],
    };
    runs.iter().try_for_each(|(what, printed)| check(fixture, what, printed))
}

fn is_one_object(fixture: &IssuerFixture<'_>, what: &str, printed: &Printed) -> Checked {
    object(fixture, what, printed).map(drop)
}

fn ends_well(_: &IssuerFixture<'_>, what: &str, printed: &Printed) -> Checked {
    let is_error = match Reader::LENIENT.read(&printed.output) {
        Ok(Json::Object(entries)) => entries.get("result").and_then(Json::as_text) == Some("error"),
        _ => false,
    };
    let right = is_error || printed.ended == Ended::SUCCESS;
    ensure(right, format!("status 0 after {what}"), printed.ended.to_string())
}

/// A name for the run, a name for verdicts, and the input.
type NamedInput = (String, String, ExecutableInput);

/// Demands that the executable answers each of these inputs with an error object.
async fn refuses(fixture: &IssuerFixture<'_>, inputs: fn(Alphabet) -> Vec<NamedInput>) -> Checked {
    for (run_name, what, input) in inputs(fixture.subject().options.alphabet) {
        let printed = run(fixture, &run_name, input).await?;
        object(fixture, &what, &printed)?;
        match host::decode_revoked(&printed.output, printed.ended, fixture.subject().profile) {
            Err(IssuerError::Refused { .. }) => {}
            Ok(()) => return Err(broken(format!("an error after {what}"), "ok")),
            Err(error) => return Err(broken(format!("an error object after {what}"), error.to_string())),
        }
    }
    Ok(())
}

/// Encodes the input that asks for a description, with some keys changed.
fn parameter_with(changes: &[(&str, serde_json::Value)]) -> Vec<u8> {
    let mut input = json!({ "action": "parameter", "cred_state": "undefined", "watts_version": "1.6.1" });
    for (key, value) in changes {
        input[key] = value.clone();
    }
    input.to_string().into_bytes()
}

/// Encodes a JSON text in base64, as the argument of a run.
fn argument(json: &[u8], alphabet: Alphabet) -> ExecutableInput {
    ExecutableInput::Argument(base64::encode(json, alphabet))
}

fn unknown_actions(alphabet: Alphabet) -> Vec<NamedInput> {
    let input = |action: &str| argument(&parameter_with(&[("action", json!(action))]), alphabet);
    let named = |action| ("an unknown action".to_owned(), format!("the action {action:?}"), input(action));
    ["keyway_no_such_action", "REQUEST", ""].map(named).into()
}

fn no_inputs(alphabet: Alphabet) -> Vec<NamedInput> {
    let inputs = [
        ("text that is not base64", ExecutableInput::Argument("!!!! no base64 !!!!".into())),
        ("base64 of half an object", argument(b"{\"action\":", alphabet)),
        ("base64 of a list", argument(b"[1]", alphabet)),
        ("base64 of an empty object", argument(b"{}", alphabet)),
    ];
    inputs.map(|(what, input)| (what.to_owned(), what.to_owned(), input)).into()
}

/// Encodes three inputs in every form of base64. Letters of the inputs encode to the values 62 and 63, which the two
/// alphabets write differently. The lengths of the inputs differ by one byte, so that padding of every length occurs.
fn forms(way: fn(SecretText) -> ExecutableInput) -> Vec<NamedInput> {
    let mut forms = Vec::new();
    for length in 0..3 {
        let version = format!("1.6.1{}{}", "?>~".repeat(4), "~".repeat(length));
        let json = parameter_with(&[("watts_version", json!(version))]);
        let standard = base64::encode(&json, Alphabet::Standard);
        let safe = base64::encode(&json, Alphabet::UrlSafe);
        let bare = standard.expose().trim_end_matches('=').to_owned();
        let padding = "=".repeat(standard.expose().len() - bare.len());
        let padded = format!("{}{padding}", safe.expose().trim_end_matches('='));
        let sent = [
            ("base64url without padding", safe),
            ("base64url with padding", SecretText::new(padded)),
            ("base64 with padding", standard),
            ("base64 without padding", SecretText::new(bare)),
        ];
        forms.extend(sent.map(|(what, sent)| (what.to_owned(), what.to_owned(), way(sent))));
    }
    forms
}

fn versions(alphabet: Alphabet) -> Vec<NamedInput> {
    let input = |version: &str| argument(&parameter_with(&[("watts_version", json!(version))]), alphabet);
    let named = |version: &str| (version.to_owned(), format!("for the version {version}"), input(version));
    ["0.0.1", "1.0.0", "99.0.0", "latest-nightly"].map(named).into()
}

fn unknown_keys(alphabet: Alphabet) -> Vec<NamedInput> {
    let unknown = [("keyway_no_such_key", json!({"a": [1, null]})), ("zz", json!(null))];
    let input = argument(&parameter_with(&unknown), alphabet);
    vec![("unknown keys".to_owned(), "with unknown keys in the input".to_owned(), input)]
}

/// Demands that the executable answers each of these inputs with the same description.
async fn describes_the_same(fixture: &IssuerFixture<'_>, inputs: fn(Alphabet) -> Vec<NamedInput>) -> Checked {
    let expected = fixture.handle().await?.description;
    for (run_name, what, input) in inputs(fixture.subject().options.alphabet) {
        let printed = run(fixture, &run_name, input).await?;
        match host::decode_description(&printed.output, printed.ended, fixture.subject().profile) {
            Ok(read) => ensure(read == expected, format!("the description ({what})"), "another one")?,
            Err(error) => return Err(broken(format!("the description ({what})"), error.to_string())),
        }
    }
    Ok(())
}

async fn leaves_nothing(fixture: &IssuerFixture<'_>) -> Checked {
    for (what, printed) in every_action(fixture).await? {
        let left = printed.left_behind;
        ensure(left == 0, format!("no process left behind after {what}"), left.to_string())?;
    }
    Ok(())
}

async fn error_output(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let mut request = handle.example_request()?;
    let token = fixture.canary("token");
    request.context.requester.access_token = Some(token.clone().into());
    let (printed, outcome) = requested(&handle, &request).await?;
    let sent = host::encode_request(&request, &options(&handle));
    let mut secrets = vec![token, sent.expose().to_owned()];
    secrets.extend(request.parameters.values().values().filter_map(Json::as_text).map(str::to_owned));
    if let Ok(RequestOutcome::Issued(issued)) = &outcome {
        secrets.extend(issued.credential.iter().map(|part| part.expose_value().trim().to_owned()));
    }
    let written = String::from_utf8_lossy(&printed.errors);
    let shows = secrets.iter().any(|secret| {
        secret.len() >= CredentialRef::SHORTEST_SECRET_BYTES && written.contains(secret.as_str())
    });
    ensure(!shows, "an error output without secrets", "it shows one")
}
