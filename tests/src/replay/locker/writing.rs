//! Replays the vectors `go.write`: writes of the native client.
//!
//! The tests of `keyway-locker` compare the form of the HTTP requests; here the vectors test the effect and the answer
//! of a write. The vectors were recorded one after the other on one store, and a vector does not say what earlier
//! vectors changed. So only the values that the write itself set are compared.

use keyway_client::{Change, Error, Secrets};
use pollster::block_on;
use serde_json::{Value, json};

use super::store::{StoreFixture, class_of, in_layer};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Write;

fn environment(input: &Input) -> Option<&str> {
    input.get("Env").as_str()
}

fn sets_value(input: &Input) -> bool {
    input.text("op") == "create" || input.get("HasValue") == &Value::Bool(true)
}

/// Tells whether a change names another environment or another key.
///
/// Keyway cannot express such a change, because an address identifies a secret.
fn moves(input: &Input) -> bool {
    ["NewEnv", "NewKey", "NewName"].iter().any(|key| input.get(key).is_string())
}

async fn write(client: &Secrets, input: &Input) -> Result<Value, Result<Class, Error>> {
    let key = input.text("Key");
    let here = in_layer(client, environment(input));
    let description = ["Description", "Desc"].iter().find_map(|key| input.get(key).as_str());
    match input.text("op") {
        _ if moves(input) => return Err(Ok(Class::Unsupported)),
        "create" => here.create(key, input.text("Value")).await.map(drop).map_err(Err)?,
        "update" => {
            let mut change =
                if sets_value(input) { Change::from(input.text("Value")) } else { Change::none() };
            if let Some(description) = description {
                change = change.described(description);
            }
            here.modify(key, change).await.map(drop).map_err(Err)?;
        }
        operation @ ("cenv" | "uenv") => {
            let url = input.get("Url").as_str();
            let made = if operation == "cenv" {
                client.create_environment(input.text("Name"), url).await
            } else {
                client.modify_environment(input.text("Name"), url).await
            };
            let made = made.map_err(Err)?;
            return Ok(json!({ "external_url": made.external_url, "name": made.name.as_str() }));
        }
        _ => return Err(Ok(Class::Unsupported)),
    }
    let secret = here.retrieve(key).await.map_err(Err)?;
    let mut told = json!({ "environment_name": secret.environment(), "key": secret.key() });
    if sets_value(input) {
        told["value"] = secret.expose_text().into();
    }
    Ok(told)
}

impl Adapter for Write {
    fn run(&self, input: &Input) -> Observed {
        let answer = StoreFixture::of(&Value::Null).client().and_then(|client| {
            let answer = block_on(write(&client, input));
            answer.map_err(|error| error.unwrap_or_else(|error| class_of(&error)))
        });
        Observed::one("answer", answer.map_or_else(StepOutcome::Refused, StepOutcome::Ok))
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let world = StoreFixture::of(&Value::Null);
        let environment = environment(input);
        let is_of_secret = ["create", "update"].contains(&input.text("op"));
        let ruling = if moves(input) {
            Some(Ruling::refused("H17", &[Class::Unsupported]))
        } else if environment.is_some_and(|name| is_of_secret && !world.has_environment(name)) {
            Some(Ruling::refused("L2", &[Class::NotFound, Class::Invalid]))
        } else if input.text("op") == "update" && world.value(input.text("Key"), environment).is_none() {
            // The secret is not in this layer, and a write never changes a secret of another layer.
            Some(Ruling::refused("L4", &[Class::NotFound]))
        } else {
            None
        };
        vec![ruling]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let answer = expected.get("answer");
        let demand = match (answer.get("ok"), answer.get("error")) {
            (Some(told), None) => {
                let mut told = told.clone();
                if let (false, Some(told)) = (sets_value(input), told.as_object_mut()) {
                    told.remove("value");
                }
                Demand::Exactly(told)
            }
            (None, Some(_)) => Demand::Refused(&[Class::AlreadyExists, Class::NotFound, Class::Invalid]),
            _ => return Err("an answer without `ok` and `error`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
