//! What an issuer says about itself.

use keyway_issuers::{Description, IssuerError, Rule, Violation};

use super::rules;
use crate::issuers::place::Place;
use crate::{Broken, broken, ensure};

rules! {
    "ISS-001" Must from ["WaTTS/parameter", "WaTTS/action", "W4"]
        "The issuer describes itself, with no user and nothing configured."
        describes;
    "ISS-002" Must from ["WaTTS/conf_params.name", "WaTTS/request_params.key", "W4"]
        "Names of what is configured, and keys within a set, are one or more of a-z, 0-9 and _, and none is there twice."
        names;
    "ISS-003" Must from ["WaTTS/parameter", "WaTTS/conf_params.type", "WaTTS/request_params.type", "WaTTS/request_params.mandatory", "W3", "W4"]
        "Every entry of the description has all its fields, each of its type."
        entries;
    "ISS-004" Must from ["WaTTS/conf_params.default", "W4"]
        "Every default is of the type of its parameter, and configuring it is the same as configuring nothing."
        defaults;
    "ISS-005" Should from ["WaTTS/version"]
        "The version says something."
        version;
    "ISS-006" Should from ["WaTTS/request_params.name", "WaTTS/request_params.description"]
        "Every parameter of a request has a name and a description for the user."
        shown;
    "ISS-007" Must from ["W4"]
        "The description is the same, and in the same order, from every handle, before and after a request."
        stable;
    "ISS-008" Should from ["WaTTS/request_params", "W5"]
        "No two sets have the same keys, of which the later could never be chosen."
        sets;
    "ISS-009" Must from ["R1"]
        "Capabilities are the same from every handle, whenever they are asked for."
        capabilities;
}

async fn describes(place: &Place<'_>) -> Result<(), Broken> {
    place.desk().await.map(drop)
}

/// The description, or the violations of one that is none. Another failure is `describes`'.
async fn asked(place: &Place<'_>) -> Result<Result<Description, Vec<Violation>>, Broken> {
    let issuer = place.open()?;
    match issuer.describe().await {
        Ok(description) => Ok(Ok(description)),
        Err(error @ IssuerError::ContractViolation(_)) => Ok(Err(error.violations().to_vec())),
        Err(error) => Err(place.unexpected("describe", &error)),
    }
}

/// Demands that no violation is of this sort.
fn none(violations: &[Violation], sort: impl Fn(&Violation) -> bool, expected: &str) -> Result<(), Broken> {
    let found: Vec<_> =
        violations.iter().filter(|violation| sort(violation)).map(ToString::to_string).collect();
    ensure(found.is_empty(), expected, found.join("; "))
}

fn is_of_a_name(violation: &Violation) -> bool {
    matches!(violation.rule, Rule::Name | Rule::DuplicateName)
}

fn is_of_a_default(violation: &Violation) -> bool {
    violation.key.ends_with(".default")
}

async fn names(place: &Place<'_>) -> Result<(), Broken> {
    let expected = "names of a-z, 0-9 and _, each once";
    let description = match asked(place).await? {
        Ok(description) => description,
        Err(violations) => return none(&violations, is_of_a_name, expected),
    };
    check_names(description.configuration().iter().map(keyway_issuers::ConfigurationDescriptor::name))?;
    for set in description.parameter_sets() {
        check_names(set.parameters().iter().map(|parameter| parameter.key.as_str()))?;
    }
    Ok(())
}

fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Broken> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        let right = !name.is_empty()
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            && seen.insert(name);
        ensure(right, "names of a-z, 0-9 and _, each once", format!("{name:?}"))?;
    }
    Ok(())
}

async fn entries(place: &Place<'_>) -> Result<(), Broken> {
    match asked(place).await? {
        Ok(description) => ensure(
            !description.parameter_sets().is_empty(),
            "a set of parameters, be it the empty one",
            "there is none",
        ),
        Err(violations) => none(
            &violations,
            |violation| !is_of_a_name(violation) && !is_of_a_default(violation),
            "every field, of its type",
        ),
    }
}

async fn defaults(place: &Place<'_>) -> Result<(), Broken> {
    use keyway_issuers::{ConfigurationValue, Json};
    let description = match asked(place).await? {
        Ok(description) => description,
        Err(violations) => return none(&violations, is_of_a_default, "a default of its type"),
    };
    let defaults: Vec<(&str, Json)> = description
        .configuration()
        .iter()
        .filter_map(|each| {
            let default = match each.default_value() {
                ConfigurationValue::Text(text) => Json::text(text.clone()),
                ConfigurationValue::Boolean(truth) => Json::Boolean(*truth),
                _ => return None,
            };
            Some((each.name(), default))
        })
        .collect();
    let resolved = |configured: &[(&str, Json)]| {
        description
            .resolve_configuration(configured.iter().map(|(name, value)| (*name, value)))
            .map_err(|violations| broken("that defaults can be configured", violations.to_string()))
    };
    ensure(
        resolved(&defaults)? == resolved(&[])?,
        "the same configuration from the defaults and from nothing",
        "two different ones",
    )?;
    ensure(
        description.resolve_configuration([("keyway_no_such_name", &Json::text(""))]).is_err(),
        "that a name is refused that is not described",
        "it is accepted",
    )
}

async fn version(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let version = desk.description.version();
    ensure(!version.trim().is_empty(), "a version", format!("{version:?}"))
}

async fn shown(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    for parameter in
        desk.description.parameter_sets().iter().flat_map(keyway_issuers::ParameterSet::parameters)
    {
        for (what, text) in [("name", &parameter.name), ("description", &parameter.description)] {
            ensure(
                !text.trim().is_empty(),
                format!("a {what} of the parameter {}", parameter.key),
                format!("{text:?}"),
            )?;
        }
    }
    Ok(())
}

async fn stable(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let same = |again: &Description, when: &str| {
        ensure(*again == desk.description, "the same description", format!("another one {when}"))
    };
    let described = |error: IssuerError| place.unexpected("describe", &error);
    same(&desk.issuer.describe().await.map_err(described)?, "when it was asked again")?;
    same(&place.desk().await?.description, "from another handle")?;
    let request = desk.example()?;
    desk.issued(&request).await?;
    same(&desk.issuer.describe().await.map_err(described)?, "after a request")
}

async fn sets(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let mut seen = std::collections::BTreeSet::new();
    for (index, set) in desk.description.parameter_sets().iter().enumerate() {
        let mut keys: Vec<_> = set.parameters().iter().map(|parameter| parameter.key.as_str()).collect();
        keys.sort_unstable();
        let text = keys.join(", ");
        ensure(seen.insert(keys), "sets with keys of their own", format!("set {index} again has: {text}"))?;
    }
    Ok(())
}

async fn capabilities(place: &Place<'_>) -> Result<(), Broken> {
    let desk = place.desk().await?;
    let first = desk.issuer.capabilities();
    let request = desk.example()?;
    desk.issued(&request).await?;
    for again in [desk.issuer.capabilities(), place.open()?.capabilities()] {
        ensure(again == first, format!("{first:?}"), format!("{again:?}"))?;
    }
    Ok(())
}
