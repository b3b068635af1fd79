//! Tests the form of a credential, and of the reference to it (`state` on the wire).

use keyway_issuers::wire::{Ended, Profile, host, plugin};
use keyway_issuers::{
    CredentialPart, CredentialRef, CredentialRequest, Issued, IssuerError, PartKind, RequestOutcome, Rule,
    SecretText, Violation,
};

use super::{Broken, Checked, Handle, IssuerFixture, broken, ensure, judged, none, rules};

rules! {
    in IssuerFixture;
    "ISS-020" Must from ["WaTTS/state", "W3", "W8"]
        "The state exists and is a text."
        no_violation("state", "a state that is a text");
    "ISS-021" Should from ["WaTTS/state", "WaTTS/cred_state", "W1"]
        "The state is not empty and not `undefined`, which a host writes if there is no state."
        state_says_something;
    "ISS-022" Must from ["WaTTS/state", "W8"]
        "The state holds the value of no part of the credential."
        state_keeps_no_value;
    "ISS-023" Must from ["WaTTS/state", "W8"]
        "The state holds no access token of the user's."
        state_keeps_no_token;
    "ISS-024" Must from ["WaTTS/credential", "WaTTS/credential.type", "WaTTS/credential.value", "W3"]
        "Every part of a credential has its fields, each of its type, and is of a known kind."
        no_violation("credential", "parts of known kinds with all their fields");
    "ISS-025" Must from ["WaTTS/credential.name"]
        "Every part has a name that a user can be shown."
        each_part(ANY_PART, part_name);
    "ISS-026" Should from ["WaTTS/credential.rows", "WaTTS/credential.cols"]
        "A text has at least one row and one column, and at most 1,000."
        each_part(TEXT, part_size);
    "ISS-027" Should from ["WaTTS/credential.type"]
        "A part that is shown as one line is one line."
        each_part(LINE, line);
    "ISS-028" Must from ["W3"]
        "The file name of a part is a plain file name."
        each_part(FILE_NAME, file_name);
    "ISS-029" Must from ["W1", "W2", "W3", "W7"]
        "The issuer's answers survive the wire format unchanged, in both profiles and within 1 MiB."
        over_the_wire;
}

/// Returns the credential of the example, or the violations of an invalid credential.
async fn asked(fixture: &IssuerFixture<'_>) -> Result<Result<Issued, Vec<Violation>>, Broken> {
    let handle = fixture.handle().await?;
    let outcome = handle.request(&handle.example_request()?).await;
    match judged(fixture, "the request", outcome)? {
        Ok(RequestOutcome::Issued(issued)) => Ok(Ok(issued)),
        Ok(RequestOutcome::LoginRequired(_)) => Err(broken("a credential", "it asked for another login")),
        Err(violations) => Ok(Err(violations)),
    }
}

async fn no_violation(fixture: &IssuerFixture<'_>, key: &str, expected: &str) -> Checked {
    let Err(violations) = asked(fixture).await? else { return Ok(()) };
    none(&violations, |violation| violation.key.starts_with(key), expected)
}

async fn state_says_something(fixture: &IssuerFixture<'_>) -> Checked {
    let (_, _, issued) = fixture.made().await?;
    let state = issued.state.as_str().trim();
    let observed = if state.is_empty() { "an empty one" } else { "`undefined`" };
    let right = !state.is_empty() && state != "undefined";
    ensure(right, "a state by which a credential is known", observed)
}

async fn state_keeps_no_value(fixture: &IssuerFixture<'_>) -> Checked {
    let (_, _, issued) = fixture.made().await?;
    issued.state.check_keeps_no_secret(&issued.credential).map_err(|violation| {
        let observed = match violation.rule {
            Rule::SecretInState { part } => format!("it holds the value of part {part}"),
            _ => violation.to_string(),
        };
        broken("a state that gives nothing away", observed)
    })
}

async fn state_keeps_no_token(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let mut request = handle.example_request()?;
    let own =
        request.context.requester.access_token.get_or_insert_with(|| fixture.canary("token").into()).clone();
    let logins =
        request.context.requester.additional_logins.iter().filter_map(|login| login.access_token.clone());
    let tokens: Vec<_> = logins.chain([own]).collect();
    // The request may fail, since the issuer may check the token and find it invalid.
    let Ok(RequestOutcome::Issued(issued)) = handle.request(&request).await else {
        return Err(Broken::Missing { capability: "a credential for a token of the kit's own" });
    };
    let mut tokens = tokens.iter().map(SecretText::expose);
    let holds = tokens.any(|token| {
        token.len() >= CredentialRef::SHORTEST_SECRET_BYTES && issued.state.as_str().contains(token)
    });
    ensure(!holds, "a state without the user's access token", "it holds one")
}

/// A kind of credential part: the name in reports, and a test for the kind.
type Sort = (&'static str, fn(&CredentialPart) -> bool);

const ANY_PART: Sort = ("a part of the example's credential", |_| true);
const TEXT: Sort = ("a part that is a text of several lines", |part| {
    matches!(part.kind, PartKind::Textarea { .. } | PartKind::Textfile { .. })
});
const LINE: Sort = ("a part that is one line", |part| part.kind == PartKind::Text);
const FILE_NAME: Sort = ("a part with the name of a file", |part| {
    matches!(part.kind, PartKind::Textfile { save_as: Some(_), .. })
});

/// Checks each part of the example's credential. Skips the rule if the credential has no part of this kind.
async fn each_part(
    fixture: &IssuerFixture<'_>,
    (capability, is_such): Sort,
    check: fn(usize, &CredentialPart) -> Checked,
) -> Checked {
    let (_, _, issued) = fixture.made().await?;
    if !issued.credential.iter().any(is_such) {
        return Err(Broken::Missing { capability });
    }
    issued.credential.iter().enumerate().try_for_each(|(index, part)| check(index, part))
}

fn part_name(index: usize, part: &CredentialPart) -> Checked {
    let right = !part.name.trim().is_empty() && !part.name.chars().any(char::is_control);
    let expected = format!("a name of part {index} without control characters");
    ensure(right, expected, format!("{:?}", part.name))
}

fn part_size(index: usize, part: &CredentialPart) -> Checked {
    let (PartKind::Textarea { size } | PartKind::Textfile { size, .. }) = &part.kind else { return Ok(()) };
    for (what, count) in [("rows", size.rows), ("columns", size.columns)] {
        let right = count.is_none_or(|count| (1..=1000).contains(&count));
        ensure(right, format!("1 to 1000 {what} of part {index}"), format!("{count:?}"))?;
    }
    Ok(())
}

fn line(index: usize, part: &CredentialPart) -> Checked {
    let broken_up = part.kind == PartKind::Text && part.expose_value().contains(['\n', '\r']);
    ensure(!broken_up, format!("one line in part {index}, or another kind"), "several lines")
}

fn file_name(index: usize, part: &CredentialPart) -> Checked {
    let PartKind::Textfile { save_as: Some(name), .. } = &part.kind else { return Ok(()) };
    let plain = (1..=255).contains(&name.len())
        && !matches!(name.as_str(), "." | "..")
        && !name.contains(|letter: char| matches!(letter, '/' | '\\' | ':') || letter.is_control());
    ensure(plain, format!("a plain file name for part {index}"), format!("{name:?}"))
}

/// The upper bound of an executable's output, in bytes.
///
/// See decision W7.
const OUTPUT_BYTES: usize = 1024 * 1024;

async fn over_the_wire(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let described = plugin::encode_description(&handle.description);
    let request = handle.example_request()?;
    let issued = RequestOutcome::Issued(handle.issued(&request).await?);
    let printed = plugin::encode_outcome(&issued);
    for profile in Profile::ALL {
        let read = host::decode_description(described.expose().as_bytes(), Ended::SUCCESS, profile);
        same(profile, "the description", &handle.description, read)?;
        let read = host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, profile);
        same(profile, "the credential", &issued, read)?;
    }
    input_over_the_wire(&handle, &request)?;
    for (what, printed) in [("the credential", printed), ("the description", described)] {
        let bytes = printed.expose().len();
        let expected = format!("{what} within {OUTPUT_BYTES} bytes");
        ensure(bytes <= OUTPUT_BYTES, expected, format!("{bytes} bytes"))?;
    }
    Ok(())
}

fn same<T: PartialEq>(profile: Profile, what: &str, answered: &T, read: Result<T, IssuerError>) -> Checked {
    let expected = format!("{what}, read in the {} profile", profile.word());
    match read {
        Ok(read) => ensure(read == *answered, expected, "something else was read"),
        Err(error) => Err(broken(expected, error.to_string())),
    }
}

/// Demands that a plugin decodes the encoded request to an equal request.
fn input_over_the_wire(handle: &Handle<'_, '_>, request: &CredentialRequest) -> Checked {
    let options = handle.subject().options.clone().with_intent_id(true);
    let sent = host::encode_request(request, &options);
    match plugin::decode_input(sent.expose().as_bytes()) {
        Ok(plugin::Input::Request(read)) => {
            ensure(*read == *request, "the request, read by the plugin", "something else was read")
        }
        Ok(_) => Err(broken("a request", "another action was read")),
        Err(error) => Err(broken("a request that a plugin can read", error.to_string())),
    }
}
