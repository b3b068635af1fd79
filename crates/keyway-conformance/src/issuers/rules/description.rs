//! Tests the description of an issuer.

use std::collections::BTreeSet;

use keyway_issuers::{
    ConfigurationDescriptor, ConfigurationValue, Description, Json, ParameterSet, Rule, Violation,
};

use super::{Broken, Checked, IssuerFixture, broken, ensure, judged, none, rules};

rules! {
    in IssuerFixture;
    "ISS-001" Must from ["WaTTS/parameter", "WaTTS/action", "W4"]
        "The issuer describes itself without a user and without configuration."
        describes;
    "ISS-002" Must from ["WaTTS/conf_params.name", "WaTTS/request_params.key", "W4"]
        "Names of settings, and keys within a set, consist of one or more of a-z, 0-9 and _, and are unique."
        names;
    "ISS-003" Must from ["WaTTS/parameter", "WaTTS/conf_params.type", "WaTTS/request_params.type", "WaTTS/request_params.mandatory", "W3", "W4"]
        "Every entry of the description has all its fields, each with the right type."
        entries;
    "ISS-004" Must from ["WaTTS/conf_params.default", "W4"]
        "Every default is of the type of its parameter, and configuring the default equals configuring nothing."
        defaults;
    "ISS-005" Should from ["WaTTS/version"]
        "The version is not blank."
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

async fn describes(fixture: &IssuerFixture<'_>) -> Checked {
    fixture.handle().await.map(drop)
}

/// Returns the description, or the violations of an invalid description. Any other error of the call breaks the rule.
async fn asked(fixture: &IssuerFixture<'_>) -> Result<Result<Description, Vec<Violation>>, Broken> {
    judged(fixture, "describe", fixture.open()?.describe().await)
}

fn is_of_a_name(violation: &Violation) -> bool {
    matches!(violation.rule, Rule::Name | Rule::DuplicateName)
}

fn is_of_a_default(violation: &Violation) -> bool {
    violation.key.ends_with(".default")
}

async fn names(fixture: &IssuerFixture<'_>) -> Checked {
    const EXPECTED: &str = "names of a-z, 0-9 and _, each once";
    let description = match asked(fixture).await? {
        Ok(description) => description,
        Err(violations) => return none(&violations, is_of_a_name, EXPECTED),
    };
    let check = |names: Vec<&str>| {
        let mut seen = BTreeSet::new();
        let is_plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let wrong =
            names.iter().find(|name| name.is_empty() || !name.bytes().all(is_plain) || !seen.insert(**name));
        ensure(wrong.is_none(), EXPECTED, format!("{:?}", wrong.copied().unwrap_or_default()))
    };
    check(description.configuration().iter().map(ConfigurationDescriptor::name).collect())?;
    description.parameter_sets().iter().try_for_each(|set| check(keys(set)))
}

fn keys(set: &ParameterSet) -> Vec<&str> {
    set.parameters().iter().map(|parameter| parameter.key.as_str()).collect()
}

async fn entries(fixture: &IssuerFixture<'_>) -> Checked {
    let is_of_an_entry = |violation: &Violation| !is_of_a_name(violation) && !is_of_a_default(violation);
    match asked(fixture).await? {
        Ok(description) => {
            let expected = "a set of parameters, be it the empty one";
            ensure(!description.parameter_sets().is_empty(), expected, "there is none")
        }
        Err(violations) => none(&violations, is_of_an_entry, "every field, of its type"),
    }
}

async fn defaults(fixture: &IssuerFixture<'_>) -> Checked {
    let description = match asked(fixture).await? {
        Ok(description) => description,
        Err(violations) => return none(&violations, is_of_a_default, "a default of its type"),
    };
    let default = |each: &ConfigurationDescriptor| match each.default_value() {
        ConfigurationValue::Text(text) => Some((each.name().to_owned(), Json::text(text.clone()))),
        ConfigurationValue::Boolean(truth) => Some((each.name().to_owned(), Json::Boolean(*truth))),
        _ => None,
    };
    let defaults: Vec<_> = description.configuration().iter().filter_map(default).collect();
    let resolved = |configured: &[(String, Json)]| {
        let configured = configured.iter().map(|(name, value)| (name.as_str(), value));
        let resolved = description.resolve_configuration(configured);
        resolved.map_err(|violations| broken("that defaults can be configured", violations.to_string()))
    };
    let expected = "the same configuration from the defaults and from nothing";
    ensure(resolved(&defaults)? == resolved(&[])?, expected, "two different ones")?;
    let unknown = description.resolve_configuration([("keyway_no_such_name", &Json::text(""))]);
    ensure(unknown.is_err(), "that a name is refused that is not described", "it is accepted")
}

async fn version(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let version = handle.description.version();
    ensure(!version.trim().is_empty(), "a version", format!("{version:?}"))
}

async fn shown(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    for parameter in handle.description.parameter_sets().iter().flat_map(ParameterSet::parameters) {
        for (what, text) in [("name", &parameter.name), ("description", &parameter.description)] {
            let expected = format!("a {what} of the parameter {}", parameter.key);
            ensure(!text.trim().is_empty(), expected, format!("{text:?}"))?;
        }
    }
    Ok(())
}

async fn stable(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let same = |again: &Description, when: &str| {
        ensure(*again == handle.description, "the same description", format!("another one {when}"))
    };
    let described =
        |described: Result<_, _>| described.map_err(|error| fixture.unexpected("describe", &error));
    same(&described(handle.issuer.describe().await)?, "when it was asked again")?;
    same(&fixture.handle().await?.description, "from another handle")?;
    handle.made().await?;
    same(&described(handle.issuer.describe().await)?, "after a request")
}

async fn sets(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let mut seen = BTreeSet::new();
    for (index, set) in handle.description.parameter_sets().iter().enumerate() {
        let mut keys = keys(set);
        keys.sort_unstable();
        let text = keys.join(", ");
        ensure(seen.insert(keys), "sets with keys of their own", format!("set {index} again has: {text}"))?;
    }
    Ok(())
}

async fn capabilities(fixture: &IssuerFixture<'_>) -> Checked {
    let handle = fixture.handle().await?;
    let first = handle.issuer.capabilities();
    handle.made().await?;
    for again in [handle.issuer.capabilities(), fixture.open()?.capabilities()] {
        ensure(again == first, format!("{first:?}"), format!("{again:?}"))?;
    }
    Ok(())
}
