//! Replays the vectors `go.lookup`, `go.list`, `go.envs`, `go.env`: the results of the native client.

use keyway_client::{Resolution, ResolvedSecret, Secrets};
use pollster::block_on;
use serde_json::{Value, json};

use super::store::{StoreFixture, class_of, in_layer};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// The permitted classes for an environment that does not exist, and for a name that no environment can have. Both are
/// always errors: the client never falls back to the shared secrets.
///
/// See decision L2.
const NO_ENVIRONMENT: &[Class] = &[Class::NotFound, Class::Invalid];

fn with_client(input: &Input, ask: impl FnOnce(&Secrets) -> Result<Value, Class>) -> StepOutcome {
    let world = StoreFixture::of(input.get("world"));
    world.client().and_then(|client| ask(&client)).map_or_else(StepOutcome::Refused, StepOutcome::Ok)
}

fn told(secret: &ResolvedSecret) -> Value {
    json!({ "environment_name": secret.environment(), "key": secret.key(), "value": secret.expose_text() })
}

fn ruling_of_environment(input: &Input) -> Option<Ruling> {
    let name = input.get("environment").as_str()?;
    let world = StoreFixture::of(input.get("world"));
    (!world.has_environment(name)).then(|| Ruling::refused("L2", NO_ENVIRONMENT))
}

/// Returns the demand for the value under `ok`, or for an error.
fn demand(expected: &Expected, project: impl Fn(&Value) -> Value) -> Result<Demand, String> {
    match (expected.value().get("ok"), expected.value().get("error")) {
        (Some(value), None) => Ok(Demand::Exactly(project(value))),
        (None, Some(_)) => Ok(Demand::Refused(&[Class::NotFound])),
        _ => Err("neither `ok` nor `error`".to_owned()),
    }
}

pub(super) struct Lookup;

impl Adapter for Lookup {
    fn run(&self, input: &Input) -> Observed {
        let outcome = with_client(input, |client| {
            let client = in_layer(client, input.get("environment").as_str());
            block_on(client.retrieve(input.text("key")))
                .map(|secret| told(&secret))
                .map_err(|error| class_of(&error))
        });
        Observed::one("retrieve", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        vec![ruling_of_environment(input)]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        Ok(vec![demand(expected, Value::clone)?.into()])
    }
}

pub(super) struct List;

fn sorted(list: impl IntoIterator<Item = Value>) -> Value {
    let mut list: Vec<_> = list.into_iter().collect();
    list.sort_by_key(Value::to_string);
    list.into()
}

impl Adapter for List {
    /// Lists the secrets, and compares the list with single reads.
    ///
    /// Upstream's list of an environment has only the secrets of that environment; without an environment, the list has
    /// all secrets. The second step checks that the list agrees with single reads.
    fn run(&self, input: &Input) -> Observed {
        let environment = input.get("environment").as_str();
        let list = with_client(input, |client| {
            let here = in_layer(client, environment).with_resolution(Resolution::Exact);
            let list =
                if environment.is_some() { block_on(here.list()) } else { block_on(client.list_all()) };
            Ok(sorted(list.map_err(|error| class_of(&error))?.iter().map(told)))
        });
        let agrees = with_client(input, |client| {
            let here = in_layer(client, environment);
            let list = block_on(here.list()).map_err(|error| class_of(&error))?;
            let single = |key: &str| block_on(here.retrieve(key)).ok().map(|secret| told(&secret));
            let all_listed = StoreFixture::of(input.get("world")).secrets.iter().all(|(key, _, _)| {
                single(key).is_none_or(|secret| list.iter().any(|listed| told(listed) == secret))
            });
            Ok((all_listed && list.iter().all(|listed| single(listed.key()) == Some(told(listed)))).into())
        });
        Observed::steps([("list", list), ("with the shared ones, it agrees with single reads", agrees)])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let agrees = || Ruling::new("L3", Demand::Exactly(true.into()));
        vec![ruling_of_environment(input), Some(ruling_of_environment(input).unwrap_or_else(agrees))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let list = demand(expected, |list| sorted(list.as_array().cloned().unwrap_or_default()))?;
        Ok(vec![list.into(), Demand::Nothing.into()])
    }
}

pub(super) struct Environments;

/// Returns the names of environments. The vectors do not record their URLs.
fn names(list: &Value) -> Value {
    sorted(list.as_array().into_iter().flatten().map(|environment| environment["name"].clone()))
}

impl Adapter for Environments {
    fn run(&self, input: &Input) -> Observed {
        let outcome = with_client(input, |client| {
            let list = block_on(client.list_environments()).map_err(|error| class_of(&error))?;
            Ok(sorted(list.iter().map(|environment| environment.name.as_str().into())))
        });
        Observed::one("list_environments", outcome)
    }

    fn rulings(&self, _: &Input) -> Vec<Option<Ruling>> {
        vec![None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        Ok(vec![demand(expected, names)?.into()])
    }
}

pub(super) struct Environment;

impl Adapter for Environment {
    fn run(&self, input: &Input) -> Observed {
        let outcome = with_client(input, |client| {
            let environment = block_on(client.retrieve_environment(input.text("name")));
            environment.map(|environment| environment.name.as_str().into()).map_err(|error| class_of(&error))
        });
        Observed::one("retrieve_environment", outcome)
    }

    /// Demands that an environment that does not exist is refused. The empty name is invalid, as it is for stores
    /// (decision C9).
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let world = StoreFixture::of(input.get("world"));
        vec![(!world.has_environment(input.text("name"))).then(|| Ruling::refused("L2", NO_ENVIRONMENT))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        Ok(vec![demand(expected, |environment| environment["name"].clone())?.into()])
    }
}
