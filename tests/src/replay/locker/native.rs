//! Replays the vectors `go.http`, `go.status`, `go.offline`: the requests of the plugin, and its answers when the
//! service fails.

use keyway_client::{Error, Secrets};
use keyway_locker::double::{Route, SeenRequest};
use keyway_secrets::EnvironmentName;
use pollster::block_on;
use serde_json::{Value, json};

use super::project::{HEADER, Project};
use super::store::{class_of, in_layer};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

const LIST: &str = "/v1/secrets";
const ENVIRONMENTS: &str = "/v1/environments";

/// Reads a secret.
pub(super) fn read(client: &Secrets, key: &str, environment: Option<&str>) -> StepOutcome {
    match block_on(in_layer(client, environment).retrieve(key)) {
        Ok(secret) => StepOutcome::Ok(json!({
            "environment_name": secret.environment(), "key": secret.key(), "value": secret.expose_text(),
        })),
        Err(error) => StepOutcome::Refused(class_of(&error)),
    }
}

/// Returns the demand for the value under `ok`, or for an error of any class, because all errors of upstream have the
/// same class.
pub(super) fn demand(recorded: &Value) -> Result<Demand, String> {
    match (recorded.get("ok"), recorded.get("error")) {
        (Some(value), None) => Ok(Demand::Exactly(value.clone())),
        (None, Some(_)) => Ok(Demand::AnyRefusal),
        _ => Err("neither `ok` nor `error`".to_owned()),
    }
}

/// Tests the requests of one read, after the profile has been read.
pub(super) struct Requests;

fn in_full(seen: &SeenRequest) -> Value {
    json!({
        "auth": seen.header("authorization"), "method": seen.method, "path": seen.path, "query": seen.query,
        "xa": seen.header(HEADER.0),
    })
}

impl Requests {
    /// Returns the environment of a read. A call that is recorded as "the same again" has the environment of the first
    /// call.
    fn environment(input: &Input) -> Option<&str> {
        let given = input.get("environment").as_str();
        given.or_else(|| input.situation().starts_with("same call again").then_some("prod"))
    }

    /// Returns the requests that a read needs. The first one lists the secrets with the name's hash. If the environment
    /// has no such secret, the second one looks up the environment (decision L2). If the environment exists, the third
    /// one lists again, to find the shared secret.
    fn needed(input: &Input) -> Vec<Value> {
        let project = Project::new();
        let request = |path: &str, counted_by: &str, name: &str| {
            let query = json!({
                counted_by: "1", "hash": project.double.lookup_hash(name), "page": "1", "paging": "1",
                "revision_date": "0", "size": "1000",
            });
            let auth = format!("Bearer {}", project.double.access_key_id());
            json!({ "auth": auth, "method": "GET", "path": path, "query": query, "xa": HEADER.1 })
        };
        let (key, environment) = (input.text("key"), Self::environment(input));
        if environment.is_some_and(|name| EnvironmentName::new(name).is_err()) {
            return Vec::new();
        }
        let mut needed = vec![request(LIST, "count_secrets", key)];
        if let Some(name) = environment
            && project.content.value(key, environment).is_none()
        {
            needed.push(request(ENVIRONMENTS, "count_environment", name));
            if project.double.environments().iter().any(|there| there.name == name) {
                needed.push(request(LIST, "count_secrets", key));
            }
        }
        needed
    }
}

impl Adapter for Requests {
    fn run(&self, input: &Input) -> Observed {
        let project = Project::new();
        let (key, environment) = (input.text("key"), Self::environment(input));
        let (answer, seen) = match project.client(&Value::Null) {
            Ok(client) => {
                let answer = read(&client, key, environment);
                (answer, project.double.take_requests())
            }
            Err(class) => (StepOutcome::Refused(class), Vec::new()),
        };
        let paths: Vec<_> = seen.iter().map(|seen| seen.path.clone()).collect();
        let requests: Vec<_> = seen.iter().map(in_full).collect();
        Observed::steps([
            ("the answer", answer),
            ("the paths of the requests", StepOutcome::Ok(paths.into())),
            ("the requests", StepOutcome::Ok(requests.into())),
        ])
    }

    /// Demands the requests of Keyway's client, which sends no requests for dates and counts.
    ///
    /// The client decides on the number and order of requests. See decision L12.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let needed = Self::needed(input);
        let paths: Vec<_> = needed.iter().map(|request| request["path"].clone()).collect();
        let ruling = |demanded: Vec<Value>| Some(Ruling::new("L12", Demand::Exactly(demanded.into())));
        vec![None, ruling(paths), ruling(needed)]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let requests = expected.get("requests").as_array().ok_or("no `requests`")?;
        let path =
            |request: &Value| if request.is_string() { request.clone() } else { request["path"].clone() };
        let paths: Vec<_> = requests.iter().map(path).collect();
        let answer = if expected.get("r").is_null() { Demand::Nothing } else { demand(expected.get("r"))? };
        let is_full = requests.iter().all(Value::is_object);
        let requests = if is_full { Demand::Exactly(requests.clone().into()) } else { Demand::Nothing };
        Ok(vec![answer.into(), Demand::Exactly(paths.into()).into(), requests.into()])
    }
}

/// Tests a status other than success, as the answer to a read.
pub(super) struct Status;

impl Status {
    fn of(input: &Input) -> u16 {
        input.get("status").as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default()
    }
}

fn row(error: &Error) -> Value {
    json!({ "code": error.code(), "http_status": error.http_status() })
}

impl Adapter for Status {
    fn run(&self, input: &Input) -> Observed {
        let project = Project::new();
        let client = project.client(&Value::Null);
        project.fail(None, Self::of(input), input.get("body"));
        let names = ["a read", "its row of the table", "a default replaces it"];
        let Ok(client) = client else {
            return Observed::steps(names.map(|name| (name, StepOutcome::Refused(Class::Internal))));
        };
        let answer = read(&client, "A", None);
        let told = match block_on(client.retrieve("A")) {
            Ok(_) => Value::Null,
            Err(error) => row(&error),
        };
        let is_replaced = block_on(client.get_or("A", "default")).is_ok();
        let outcomes = [answer, StepOutcome::Ok(told), StepOutcome::Ok(is_replaced.into())];
        Observed::steps(names.into_iter().zip(outcomes))
    }

    /// Demands the error that belongs to the status, if the status is 404, 429, or 500 and above. For every status,
    /// demands that no default value replaces a failure. A status 404 means a missing route, which is not a missing
    /// secret. See decisions L6, L5 and H271.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let line = |code: &str, status: u16| Demand::Exactly(json!({ "code": code, "http_status": status }));
        let row = match Self::of(input) {
            404 => Ruling::new("H271", line("server_error", 500)),
            429 => Ruling::new("L6", line("rate_limit", 429)),
            500.. => Ruling::new("L6", line("server_error", 500)),
            _ => Ruling::new("L6", Demand::Nothing),
        };
        vec![None, Some(row), Some(Ruling::new("L5", Demand::Exactly(false.into())))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        Ok(vec![demand(expected.value())?.into(), Demand::Nothing.into(), Demand::Nothing.into()])
    }
}

/// Tests a read after the service began to fail. One read succeeded before, and the value has changed since.
pub(super) struct Offline;

impl Offline {
    /// Returns the route that fails, or `None` if all routes fail.
    fn failing(input: &Input) -> Option<Route> {
        input.situation().contains("only revision_date").then_some(Route::RevisionDate)
    }

    fn read(input: &Input, changed: &Value) -> StepOutcome {
        let project = Project::new();
        let client = match project.client(changed) {
            Ok(client) => client,
            Err(class) => return StepOutcome::Refused(class),
        };
        let key = input.text("key");
        let _ = read(&client, key, None);
        project.double.put_secret(key, None, "A-all-v2", "");
        project.fail(Self::failing(input), 500, &json!({ "code": "s", "message": "down" }));
        read(&client, key, None)
    }
}

impl Adapter for Offline {
    fn run(&self, input: &Input) -> Observed {
        Observed::steps([
            ("a read", Self::read(input, &Value::Null)),
            ("a read that may be a minute old", Self::read(input, &json!({ "max_age_seconds": 60 }))),
        ])
    }

    /// Demands that a cached answer is returned while it is young enough, whether the service is down or not.
    ///
    /// See decision L12.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let key = input.text("key");
        let ruling = match Project::new().content.value(key, None) {
            Some(value) => {
                let kept = json!({ "environment_name": null, "key": key, "value": value });
                Ruling::new("L12", Demand::Exactly(kept))
            }
            None => Ruling::refused("L12", &[Class::NotFound]),
        };
        vec![None, Some(ruling)]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        Ok(vec![demand(expected.value())?.into(), Demand::Nothing.into()])
    }
}
