//! The secrets and environments of the recorded project, as the service would hold them, for tests.

use keyway_secrets::{EnvironmentName, SecretAddress, SecretName};
use serde_json::{Value, json};

use crate::item_key::ItemKey;
use crate::lookup::lookup_hash;
use crate::scripted_service::{Answer, Request, answer};
use crate::vectors;

pub(crate) const PROJECT: u64 = 4711;

/// A world of the vectors: `{environments: [name], secrets: [[key, environment or null, value]]}`.
pub(crate) struct World {
    secrets: Vec<(String, Value)>,
    environments: Vec<(String, Value)>,
}

impl World {
    /// Returns the world of the recorded look-ups.
    pub(crate) fn recorded() -> Self {
        Self::of(&vectors::of("go.lookup.01")[0]["input"]["world"])
    }

    pub(crate) fn of(world: &Value) -> Self {
        let key = vectors::recorded_key();
        let environments = world["environments"].as_array().unwrap().iter().enumerate().map(|(at, name)| {
            let name = name.as_str().unwrap();
            (lookup_hash(PROJECT, name), environment(&key, &format!("env{at}"), name, Some("p.host")))
        });
        let secrets = world["secrets"].as_array().unwrap().iter().enumerate().map(|(at, row)| {
            let (name, value) = (row[0].as_str().unwrap(), row[2].as_str().unwrap());
            (lookup_hash(PROJECT, name), secret(&key, &format!("sec{at}"), name, row[1].as_str(), value))
        });
        Self { secrets: secrets.collect(), environments: environments.collect() }
    }

    /// Answers a read. Writes are not supported.
    pub(crate) fn answer(&self, request: &Request) -> Answer {
        let items = match request.path.split('?').next().unwrap_or_default() {
            "/v1/secrets" => &self.secrets,
            "/v1/environments" => &self.environments,
            "/v1/sync/deleted_item_date" => return answer(200, &json!(0)),
            "/v1/sync/secrets/count" => return answer(200, &json!(self.secrets.len())),
            other => panic!("{} {other}", request.method),
        };
        let hash = request.query("hash").unwrap();
        let chosen = items.iter().filter(|(there, _)| hash.is_empty() || there == hash);
        page(&chosen.map(|(_, item)| item.clone()).collect::<Vec<_>>())
    }
}

/// Answers with a list of one page.
pub(crate) fn page(items: &[Value]) -> Answer {
    answer(
        200,
        &json!({"count": items.len(), "next": null, "previous": null, "revision_date": 1.5, "results": items}),
    )
}

/// Returns a secret as the service holds it.
pub(crate) fn secret(key: &ItemKey, id: &str, name: &str, environment: Option<&str>, value: &str) -> Value {
    let sealed = |text: &str| key.seal(text.as_bytes()).unwrap();
    json!({
        "object": "secret", "id": id, "key": sealed(name), "value": sealed(value), "description": "",
        "environment_id": environment.map(|name| format!("env-of-{name}")),
        "environment_name": environment.map(sealed),
        "project_id": PROJECT, "creation_date": 1_700_000_000.25, "revision_date": 1_700_000_001.5,
        "updated_date": null, "deleted_date": null, "last_use_date": null,
        "secret_hash": lookup_hash(PROJECT, name), "data": {"key": "", "value": "", "description": ""},
    })
}

/// Returns an environment as the service holds it.
pub(crate) fn environment(key: &ItemKey, id: &str, name: &str, url: Option<&str>) -> Value {
    let sealed = |text: &str| key.seal(text.as_bytes()).unwrap();
    json!({
        "object": "environment", "id": id, "name": sealed(name), "external_url": url.map(sealed),
        "hash": lookup_hash(PROJECT, name), "creation_date": 5, "revision_date": 6.5, "project_id": PROJECT,
    })
}

pub(crate) fn at(name: &str, environment: Option<&str>) -> SecretAddress {
    let environment = environment.map(|name| EnvironmentName::new(name).unwrap());
    SecretAddress { environment, name: SecretName::new(name).unwrap() }
}
