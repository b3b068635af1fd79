//! Tests that every offer of the description works in a request.

use keyway_core::{Effect, PluginError as _};
use keyway_issuers::{
    CredentialRequest, IssuerError, Json, ParameterDescriptor, Parameters, RequestOutcome, UserInfo,
};
use serde_json::json;

use super::{
    Checked, IssuerFixture, LISTING, MANDATORY, OPTIONAL, PARAMETERS, REFUSED, broken, ensure, rules,
};
use crate::unique::new_intent;

rules! {
    in IssuerFixture;
    "ISS-010" Must from ["WaTTS/request", "WaTTS/result", "WaTTS/credential"]
        "The example request is answered with a credential."
        example;
    "ISS-011" Must from ["WaTTS/request_params", "WaTTS/params", "W5"]
        "Every declared set works: a request with all of its parameters is answered with a credential."
        each_set(|_| true);
    "ISS-012" Must needs OPTIONAL from ["WaTTS/request_params.mandatory", "W5"]
        "Optional parameters can be left out, in every set."
        each_set(|parameter| parameter.mandatory);
    "ISS-013" Must from ["WaTTS/request_params", "W9"]
        "If a user interface may offer a request without parameters, such a request is answered with a credential."
        without_parameters;
    "ISS-014" Should needs MANDATORY from ["WaTTS/request_params.mandatory", "W5"]
        "A host sends no request without a mandatory parameter; an issuer that still gets one answers or refuses it."
        mandatory_missing;
    "ISS-015" Must from ["WaTTS/conf_params", "WaTTS/conf_params.default", "W4"]
        "Without configuration, a request is answered or refused, and does not break the issuer."
        unconfigured;
    "ISS-016" Must from ["WaTTS/user_info", "WaTTS/watts_userid"]
        "A user with few or many claims is answered or refused."
        any_user;
    "ISS-017" Must needs PARAMETERS from ["WaTTS/params", "W3"]
        "A request is answered or refused, whatever values are entered."
        any_text;
    "ISS-018" Must needs LISTING from ["WaTTS/request", "WaTTS/credential"]
        "An issued credential exists under the state of the answer."
        exists;
    "ISS-019" Must needs REFUSED from ["WaTTS/result"]
        "The refused example is refused, and leaves no effect."
        refuses;
}

async fn example(fixture: &IssuerFixture<'_>) -> Checked {
    fixture.made().await.map(drop)
}

async fn each_set(fixture: &IssuerFixture<'_>, is_entered: fn(&ParameterDescriptor) -> bool) -> Checked {
    let handle = fixture.handle().await?;
    for (index, set) in handle.description.parameter_sets().iter().enumerate() {
        let entered = fixture.example().entered(set, is_entered);
        let expected = || format!("that the parameters of set {index} fit it");
        let fitting = handle.description.fitting_set(&entered);
        fitting.map_err(|violation| broken(expected(), violation.to_string()))?;
        let request = handle.asking(entered)?;
        let issued = handle.issued(&request).await?;
        // Revokes before the next request, since some issuers give a user only one credential at a time.
        handle.revoked(&request.context, &issued.state).await?;
    }
    Ok(())
}

async fn without_parameters(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let none = Parameters::new();
    let offered = handle.description.user_interface().without_parameters;
    let fits = handle.description.fitting_set(&none).is_ok();
    ensure(offered == fits, format!("{offered}, as the sets say"), format!("{fits}, when a host checks"))?;
    if offered {
        handle.issued(&handle.asking(none)?).await?;
    }
    Ok(())
}

async fn mandatory_missing(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    for set in handle.description.parameter_sets() {
        for left_out in set.parameters().iter().filter(|parameter| parameter.mandatory) {
            let entered = fixture.example().entered(set, |parameter| parameter.key != left_out.key);
            let fits = handle.description.fitting_set(&entered).is_ok();
            let answer = handle.request(&handle.asking(entered)?).await;
            let what = format!("without {}", left_out.key);
            if let (Err(error), true) = (&answer, fits) {
                let what = format!("the request {what}, which fits another set,");
                return Err(fixture.unexpected(&what, error));
            }
            answered_or_refused(fixture, &what, &answer)?;
        }
    }
    Ok(())
}

/// Demands an answer, or an error that the issuer itself chose.
fn answered_or_refused(
    fixture: &IssuerFixture<'_>,
    what: &str,
    answer: &Result<RequestOutcome, IssuerError>,
) -> Checked {
    use IssuerError::{Call, ContractViolation, Program, Unsupported};
    match answer {
        Err(error @ (ContractViolation(_) | Program { .. } | Call(_) | Unsupported { .. })) => {
            Err(fixture.unexpected(&format!("the request {what} to be answered or refused, or"), error))
        }
        _ => Ok(()),
    }
}

async fn unconfigured(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let context = fixture.example().unconfigured(&handle.description);
    let context =
        context.map_err(|violations| broken("that nothing need be configured", violations.to_string()))?;
    let request = CredentialRequest::new(context.with_intent(new_intent()));
    let request = request.with_parameters(fixture.example().usual(&handle.description));
    answered_or_refused(fixture, "with nothing configured", &handle.request(&request).await)
}

async fn any_user(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let deep = json!({ "a": [1, null, { "b": [[], {}] }], "big": 12_345_678_901_234_567_890_u64 });
    let unknown = UserInfo::new("https://issuer.example.com", "kit-1");
    let odd = UserInfo::new("https://\u{f6}.example.com/a b/", "\u{1F600}\"\\'\n$(id) ; é")
        .with("name", "\u{202e}Zo\u{eb} O'Neil \u{0}");
    let every_type = UserInfo::new("i", "kit-2")
        .with("groups", Json::from(json!(["a", "b"])))
        .with("email_verified", true)
        .with("name", Json::Null)
        .with("address", Json::from(deep));
    let long = UserInfo::new("https://issuer.example.com", "k".repeat(255)).with("name", "n".repeat(4096));
    for (what, user) in [
        ("of a user of whom nothing else is known", unknown),
        ("of a user with odd names", odd),
        ("of a user with claims of every type", every_type),
        ("of a user with a long name", long),
    ] {
        let mut request = handle.example_request()?;
        request.context.requester.user = user.user_id();
        request.context.requester.user_info = user;
        answered_or_refused(fixture, what, &handle.request(&request).await)?;
    }
    Ok(())
}

async fn any_text(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let long = "x".repeat(20_000);
    let odd = "\u{f6}\u{1F600}\u{202e}\0\r\n";
    for set in handle.description.parameter_sets().iter().filter(|set| !set.is_empty()) {
        for text in ["", " ", odd, "'\"\\$(id)`id`;|&<>../../%s%n{}", &long] {
            let keys = set.parameters().iter().map(|parameter| &parameter.key);
            let entered = keys.fold(Parameters::new(), |all, key| all.with(key, text));
            let answer = handle.request(&handle.asking(entered)?).await;
            answered_or_refused(fixture, &format!("with {} odd bytes entered", text.len()), &answer)?;
        }
    }
    Ok(())
}

async fn exists(fixture: &IssuerFixture<'_>) -> Checked {
    let before = fixture.listed()?.len();
    let (_, _, issued) = fixture.made().await?;
    let after = fixture.listed()?;
    let observed = format!("it is not there: {before} credentials before, {} after", after.len());
    ensure(after.contains(&issued.state), "the credential, under its state", observed)
}

async fn refuses(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let before = fixture.listed().ok();
    let Err(error) = handle.request(&handle.refused_request()?).await else {
        return Err(broken("a refusal", "it was answered"));
    };
    let observed = format!("one that does not: {:?}", error.kind());
    ensure(error.effect() == Effect::None, "an error that promises that nothing happened", observed)?;
    ensure(fixture.listed().ok() == before, "nothing made", "something was made and refused")
}
