//! What a credential and its state look like.

use std::collections::BTreeMap;

use keyway_issuers::wire::{Ended, Profile, host, plugin};
use keyway_issuers::{
    CredentialPart, FieldSize, Issued, IssuerError, PartKind, RequestOutcome, Rule, Violation,
};

use super::rules;
use crate::issuers::place::{Desk, Place};
use crate::{Broken, broken, ensure};

rules! {
    "ISS-020" Must from ["WaTTS/state", "W3", "W8"]
        "The state is there, and is a text."
        state_is_text;
    "ISS-021" Should from ["WaTTS/state", "WaTTS/cred_state", "W1"]
        "The state is not empty and not `undefined`, which is what a host writes when there is none."
        state_says_something;
    "ISS-022" Must from ["WaTTS/state", "W8"]
        "The state holds the value of no part of the credential."
        state_keeps_no_value;
    "ISS-023" Must from ["WaTTS/state", "W8"]
        "The state holds no access token of the user's."
        state_keeps_no_token;
    "ISS-024" Must from ["WaTTS/credential", "WaTTS/credential.type", "WaTTS/credential.value", "W3"]
        "Every part of a credential has its fields, each of its type, and is of a known kind."
        parts;
    "ISS-025" Must from ["WaTTS/credential.name"]
        "Every part has a name that a user can be shown."
        part_names;
    "ISS-026" Should from ["WaTTS/credential.rows", "WaTTS/credential.cols"]
        "A text has at least one row and one column, and at most 1,000."
        part_sizes;
    "ISS-027" Should from ["WaTTS/credential.type"]
        "What is shown as one line is one line."
        lines;
    "ISS-028" Must from ["W3"]
        "The name that a file is to be saved as is a plain file name."
        file_names;
    "ISS-029" Must from ["W1", "W2", "W3", "W7"]
        "What the issuer answers goes over the wire and comes out the same, in both profiles and within 1 MiB."
        over_the_wire;
}

/// The credential of the example, or the violations of one that is none.
async fn asked(place: &Place<'_>) -> Result<Result<Issued, Vec<Violation>>, Broken> {
    let desk = place.desk().await?;
    match desk.request(&desk.example()?).await {
        Ok(RequestOutcome::Issued(issued)) => Ok(Ok(issued)),
        Ok(RequestOutcome::LoginRequired(_)) => Err(broken("a credential", "it asked for another login")),
        Err(error @ IssuerError::ContractViolation(_)) => Ok(Err(error.violations().to_vec())),
        Err(error) => Err(place.unexpected("the request", &error)),
    }
}

async fn credential(place: &Place<'_>) -> Result<Vec<CredentialPart>, Broken> {
    Ok(place.desk().await?.made().await?.1.credential)
}

fn none(violations: &[Violation], key: &str, expected: &str) -> Result<(), Broken> {
    let found: Vec<_> = violations
        .iter()
        .filter(|violation| violation.key.starts_with(key))
        .map(ToString::to_string)
        .collect();
    ensure(found.is_empty(), expected, found.join("; "))
}

async fn state_is_text(place: &Place<'_>) -> Result<(), Broken> {
    match asked(place).await? {
        Ok(_) => Ok(()),
        Err(violations) => none(&violations, "state", "a state that is a text"),
    }
}

async fn state_says_something(place: &Place<'_>) -> Result<(), Broken> {
    let (_, issued) = place.desk().await?.made().await?;
    let state = issued.state.as_str().trim();
    ensure(
        !state.is_empty() && state != "undefined",
        "a state by which a credential is known",
        if state.is_empty() { "an empty one" } else { "`undefined`" },
    )
}

async fn state_keeps_no_value(place: &Place<'_>) -> Result<(), Broken> {
    let (_, issued) = place.desk().await?.made().await?;
    issued.state.check_keeps_no_secret(&issued.credential).map_err(|violation: Violation| {
        match violation.rule {
            Rule::SecretInState { part } => {
                broken("a state that gives nothing away", format!("it holds the value of part {part}"))
            }
            _ => broken("a state that gives nothing away", violation.to_string()),
        }
    })
}

async fn state_keeps_no_token(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let mut request = desk.example()?;
    let own = request.context.access_token.get_or_insert_with(|| place.canary("token").into()).clone();
    let logins = request.context.additional_logins.iter().filter_map(|login| login.access_token.clone());
    let tokens: Vec<_> = logins.chain([own]).collect();
    let issued = match desk.request(&request).await {
        Ok(RequestOutcome::Issued(issued)) => issued,
        // It may look at the token, and see that it is none.
        Ok(RequestOutcome::LoginRequired(_)) | Err(_) => return Ok(()),
    };
    let holds = tokens
        .iter()
        .any(|token| token.expose().len() >= 8 && issued.state.as_str().contains(token.expose()));
    ensure(!holds, "a state without the user's access token", "it holds one")
}

async fn parts(place: &Place<'_>) -> Result<(), Broken> {
    match asked(place).await? {
        Ok(_) => Ok(()),
        Err(violations) => none(&violations, "credential", "parts of known kinds with all their fields"),
    }
}

async fn part_names(place: &Place<'_>) -> Result<(), Broken> {
    for (index, part) in credential(place).await?.iter().enumerate() {
        let name = &part.name;
        ensure(
            !name.trim().is_empty() && !name.chars().any(char::is_control),
            format!("a name of part {index} without control characters"),
            format!("{name:?}"),
        )?;
    }
    Ok(())
}

async fn part_sizes(place: &Place<'_>) -> Result<(), Broken> {
    for (index, part) in credential(place).await?.iter().enumerate() {
        let size = match &part.kind {
            PartKind::Textarea { size } | PartKind::Textfile { size, .. } => *size,
            _ => FieldSize::default(),
        };
        for (what, count) in [("rows", size.rows), ("columns", size.columns)] {
            ensure(
                count.is_none_or(|count| (1..=1000).contains(&count)),
                format!("1 to 1000 {what} of part {index}"),
                format!("{count:?}"),
            )?;
        }
    }
    Ok(())
}

async fn lines(place: &Place<'_>) -> Result<(), Broken> {
    for (index, part) in credential(place).await?.iter().enumerate() {
        let broken_up = part.kind == PartKind::Text && part.expose_value().contains(['\n', '\r']);
        ensure(!broken_up, format!("one line in part {index}, or another kind"), "several lines")?;
    }
    Ok(())
}

async fn file_names(place: &Place<'_>) -> Result<(), Broken> {
    for (index, part) in credential(place).await?.iter().enumerate() {
        if let PartKind::Textfile { save_as: Some(name), .. } = &part.kind {
            let plain = !name.is_empty()
                && name.len() <= 255
                && name != "."
                && name != ".."
                && !name.contains(['/', '\\', ':'])
                && !name.chars().any(char::is_control);
            ensure(plain, format!("a plain file name for part {index}"), format!("{name:?}"))?;
        }
    }
    Ok(())
}

/// What an executable may print (decision W7).
const OUTPUT_BYTES: usize = 1024 * 1024;

async fn over_the_wire(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    let described = plugin::encode_description(&desk.description);
    answers.insert("the description", described.expose().len());
    let request = desk.example()?;
    let issued = RequestOutcome::Issued(desk.issued(&request).await?);
    let printed = plugin::encode_outcome(&issued);
    answers.insert("the credential", printed.expose().len());
    for profile in Profile::ALL {
        let read = host::decode_description(described.expose().as_bytes(), Ended::SUCCESS, profile);
        same(profile, "the description", &desk.description, read)?;
        let read = host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, profile);
        same(profile, "the credential", &issued, read)?;
    }
    input_over_the_wire(&desk, &request)?;
    for (what, bytes) in answers {
        ensure(
            bytes <= OUTPUT_BYTES,
            format!("{what} within {OUTPUT_BYTES} bytes"),
            format!("{bytes} bytes"),
        )?;
    }
    Ok(())
}

fn same<T: PartialEq>(
    profile: Profile,
    what: &str,
    answered: &T,
    read: Result<T, IssuerError>,
) -> Result<(), Broken> {
    let profile = profile.word();
    match read {
        Ok(read) => ensure(
            read == *answered,
            format!("{what}, read in the {profile} profile"),
            "something else was read",
        ),
        Err(error) => Err(broken(format!("{what}, read in the {profile} profile"), error.to_string())),
    }
}

/// What the issuer was asked is what it would have been asked over the wire.
fn input_over_the_wire(
    desk: &Desk<'_, '_>,
    request: &keyway_issuers::CredentialRequest,
) -> Result<(), Broken> {
    let options = desk.place.subject().options.clone().with_intent_id(true);
    let sent = host::encode_request(request, &options);
    match plugin::decode_input(sent.expose().as_bytes()) {
        Ok(plugin::Input::Request(read)) => {
            ensure(*read == *request, "the request, read by the plugin", "something else was read")
        }
        Ok(_) => Err(broken("a request", "another action was read")),
        Err(error) => Err(broken("a request that a plugin can read", error.to_string())),
    }
}
