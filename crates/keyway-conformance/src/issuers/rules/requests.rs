//! Requests: what is offered can be had.

use keyway_core::{Effect, PluginError};
use keyway_issuers::{CredentialRequest, IssuerError, Json, Parameters, RequestOutcome, UserInfo};

use super::rules;
use crate::issuers::place::{Desk, Place};
use crate::{Broken, broken, ensure};

rules! {
    "ISS-010" Must from ["WaTTS/request", "WaTTS/result", "WaTTS/credential"]
        "The example request is answered with a credential."
        example;
    "ISS-011" Must from ["WaTTS/request_params", "WaTTS/params", "W5"]
        "Every declared set works: a request with all of its parameters is answered with a credential."
        every_set;
    "ISS-012" Must from ["WaTTS/request_params.mandatory", "W5"]
        "What is not mandatory can be left out, in every set."
        mandatory_alone;
    "ISS-013" Must from ["WaTTS/request_params", "W9"]
        "Where a user interface may offer a request without parameters, one is answered with a credential."
        without_parameters;
    "ISS-014" Should from ["WaTTS/request_params.mandatory", "W5"]
        "Without a mandatory parameter a host lets no request through; an issuer that gets one answers it or refuses."
        mandatory_missing;
    "ISS-015" Must from ["WaTTS/conf_params", "WaTTS/conf_params.default", "W4"]
        "With nothing configured, a request is answered or refused, and does not break the issuer."
        unconfigured;
    "ISS-016" Must from ["WaTTS/user_info", "WaTTS/watts_userid"]
        "Whoever asks, known by little or by much, is answered or refused."
        any_user;
    "ISS-017" Must from ["WaTTS/params", "W3"]
        "Whatever is entered, the request is answered or refused."
        any_text;
    "ISS-018" Must needs LISTING from ["WaTTS/request", "WaTTS/credential"]
        "A credential that was answered exists, under the state that was answered."
        exists;
    "ISS-019" Must needs REFUSED from ["WaTTS/result"]
        "The refused example is refused, as something of which nothing is left."
        refuses;
}

async fn example(place: &Place<'_>) -> Result<(), Broken> {
    place.desk().await?.made().await.map(drop)
}

async fn every_set(place: &Place<'_>) -> Result<(), Broken> {
    each_set(place, false).await
}

async fn mandatory_alone(place: &Place<'_>) -> Result<(), Broken> {
    each_set(place, true).await
}

async fn each_set(place: &Place<'_>, mandatory_alone: bool) -> Result<(), Broken> {
    let desk = place.desk().await?;
    for (index, set) in desk.description.parameter_sets().iter().enumerate() {
        let entered = place.subject().example.entered(set, mandatory_alone);
        desk.description.fitting_set(&entered).map_err(|violation| {
            broken(format!("that the parameters of set {index} fit it"), violation.to_string())
        })?;
        let (context, issued) = {
            let request = desk.asking(entered)?;
            let issued = desk.issued(&request).await?;
            (request.context, issued)
        };
        // Some issuers give a user one at a time.
        desk.revoked(&context, &issued.state).await?;
    }
    Ok(())
}

async fn without_parameters(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let none = Parameters::new();
    let offered = desk.description.user_interface().without_parameters;
    let fits = desk.description.fitting_set(&none).is_ok();
    ensure(offered == fits, format!("{offered}, as the sets say"), format!("{fits}, when a host checks"))?;
    if offered {
        let request = desk.asking(none)?;
        desk.issued(&request).await?;
    }
    Ok(())
}

async fn mandatory_missing(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let example = &place.subject().example;
    for set in desk.description.parameter_sets() {
        for left_out in set.parameters().iter().filter(|parameter| parameter.mandatory) {
            let entered = set
                .parameters()
                .iter()
                .filter(|parameter| parameter.key != left_out.key)
                .fold(Parameters::new(), |all, parameter| {
                    all.with(parameter.key.clone(), example.value_of(&parameter.key))
                });
            let fits = desk.description.fitting_set(&entered).is_ok();
            let answer = desk.request(&desk.asking(entered)?).await;
            let what = format!("without {}", left_out.key);
            match answer {
                Ok(_) => {}
                Err(error) if fits => {
                    return Err(
                        place.unexpected(&format!("the request {what}, which fits another set,"), &error)
                    );
                }
                Err(error) => answered_or_refused::<RequestOutcome>(place, &what, &Err(error))?,
            }
        }
    }
    Ok(())
}

/// Demands an answer, or an error that is the issuer's own word and not its breakdown.
fn answered_or_refused<T>(
    place: &Place<'_>,
    what: &str,
    answer: &Result<T, IssuerError>,
) -> Result<(), Broken> {
    match answer {
        Err(
            error @ (IssuerError::ContractViolation(_)
            | IssuerError::Program { .. }
            | IssuerError::Call(_)
            | IssuerError::Unsupported { .. }),
        ) => Err(place.unexpected(&format!("the request {what} to be answered or refused, or"), error)),
        _ => Ok(()),
    }
}

async fn unconfigured(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let context = place
        .subject()
        .example
        .unconfigured(&desk.description)
        .map_err(|violations| broken("that nothing need be configured", violations.to_string()))?
        .with_intent(place.intent());
    let entered = place.subject().example.usual(&desk.description);
    let answer = desk.request(&CredentialRequest::new(context).with_parameters(entered)).await;
    answered_or_refused(place, "with nothing configured", &answer)
}

async fn any_user(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let deep =
        serde_json::json!({ "a": [1, null, { "b": [[], {}] }], "big": 12_345_678_901_234_567_890_u64 });
    let users = [
        ("of a user of whom nothing else is known", UserInfo::new("https://issuer.example.com", "kit-1")),
        (
            "of a user with odd names",
            UserInfo::new("https://\u{f6}.example.com/a b/", "\u{1F600}\"\\'\n$(id) ; é")
                .with("name", "\u{202e}Zo\u{eb} O'Neil \u{0}"),
        ),
        (
            "of a user with claims of every type",
            UserInfo::new("i", "kit-2")
                .with("groups", Json::from(serde_json::json!(["a", "b"])))
                .with("email_verified", true)
                .with("name", Json::Null)
                .with("address", Json::from(deep)),
        ),
        (
            "of a user with a long name",
            UserInfo::new("https://issuer.example.com", "k".repeat(255)).with("name", "n".repeat(4096)),
        ),
    ];
    for (what, user) in users {
        let mut request = desk.example()?;
        request.context.user = user.user_id();
        request.context.user_info = user;
        let answer = desk.request(&request).await;
        answered_or_refused(place, what, &answer)?;
    }
    Ok(())
}

async fn any_text(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let texts = [
        String::new(),
        " ".to_owned(),
        "\u{f6}\u{1F600}\u{202e}\0\r\n".to_owned(),
        "'\"\\$(id)`id`;|&<>../../%s%n{}".to_owned(),
        "x".repeat(20_000),
    ];
    for set in desk.description.parameter_sets().iter().filter(|set| !set.is_empty()) {
        for text in &texts {
            let entered = |all: Parameters, parameter: &keyway_issuers::ParameterDescriptor| {
                all.with(parameter.key.clone(), text.as_str())
            };
            let entered = set.parameters().iter().fold(Parameters::new(), entered);
            let answer = ask_freely(&desk, entered).await?;
            answered_or_refused(place, &format!("with {} odd bytes entered", text.len()), &answer)?;
        }
    }
    Ok(())
}

async fn ask_freely(
    desk: &Desk<'_, '_>,
    entered: Parameters,
) -> Result<Result<RequestOutcome, IssuerError>, Broken> {
    Ok(desk.request(&desk.asking(entered)?).await)
}

async fn exists(place: &Place<'_>) -> Result<(), Broken> {
    let before = place.listed()?;
    let desk = place.desk().await?;
    let (_, issued) = desk.made().await?;
    let after = place.listed()?;
    let there = after.contains(&issued.state);
    ensure(
        there,
        "the credential, under its state",
        format!("it is not there: {} credentials before, {} after", before.len(), after.len()),
    )
}

async fn refuses(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let listing = place.subject().listing.is_some();
    let before = if listing { place.listed()? } else { Vec::new() };
    let request = desk.refused()?;
    match desk.request(&request).await {
        Ok(_) => return Err(broken("a refusal", "it was answered")),
        Err(error) => ensure(
            error.effect() == Effect::None,
            "an error that promises that nothing happened",
            format!("one that does not: {:?}", keyway_core::PluginError::kind(&error)),
        )?,
    }
    if listing {
        ensure(place.listed()? == before, "nothing made", "something was made and refused")?;
    }
    Ok(())
}
