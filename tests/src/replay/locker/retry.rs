//! Replays the vectors `v2.retry`: the attempts of an operation, and the waits between them.

use std::time::Instant;

use keyway_client::{Error, Secrets};
use keyway_locker::double::{Fault, Route};
use pollster::block_on;
use serde_json::{Value, json};

use super::project::Project;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

const STEPS: [&str; 3] = ["attempts", "the outcome", "the seconds of all attempts"];

/// Tests the attempts of a call. The double of the service fails in the way in which the SDK's program failed when the
/// vector was recorded.
pub(super) struct Retry;

/// The request that a call needs.
struct Needed {
    route: Route,
    method: &'static str,
    path: &'static str,
}

impl Needed {
    fn by(call: &str) -> Self {
        let (route, method, path) = match call {
            "create" => (Route::CreateSecret, "POST", "/v1/secrets"),
            "create_environment" => (Route::CreateEnvironment, "POST", "/v1/environments"),
            "retrieve_environment" => (Route::ListEnvironments, "GET", "/v1/environments"),
            _ => (Route::ListSecrets, "GET", "/v1/secrets"),
        };
        Self { route, method, path }
    }

    fn is_write(&self) -> bool {
        self.method == "POST"
    }
}

/// Returns the fault by which the service causes the error that the SDK's program reported. Returns `None` for a
/// success, and for a secret that does not exist, because that is not a fault.
fn fault(answer: &Value) -> Option<Fault> {
    let status = |code| {
        let retry_after = answer[3]["retry_after_seconds"].as_u64().map(|seconds| seconds.to_string());
        Some(Fault::Status { code, body: "{}".to_owned(), retry_after })
    };
    match answer[1].as_str()? {
        "network_error" => Some(Fault::CutConnection),
        "rate_limited" => status(429),
        "internal_error" => status(500),
        "unauthorized" => status(401),
        "not_found" => None,
        // An unknown failure that reports itself as transient.
        _ => status(503),
    }
}

fn answers(input: &Input) -> &[Value] {
    input.get("answers").as_array().map_or(&[], Vec::as_slice)
}

/// Returns the permitted number of retries: that of the call, or else that of the client.
fn retries(input: &Input) -> u64 {
    let of_call = input.get("kwargs")["max_network_retries"].as_u64();
    of_call.or_else(|| input.get("max_network_retries").as_u64()).unwrap_or_default()
}

fn call(client: &Secrets, input: &Input) -> Result<(), Error> {
    let given = |name: &str| input.get("kwargs")[name].as_str().unwrap_or_default();
    match input.text("call") {
        "get" => block_on(client.get(given("key"))).map(drop),
        "get_required" => block_on(client.get_required(given("key"))).map(drop),
        "create" => block_on(client.create(given("key"), given("value"))).map(drop),
        "create_environment" => block_on(client.create_environment(given("name"), None)).map(drop),
        "retrieve_environment" => block_on(client.retrieve_environment(given("name"))).map(drop),
        "list" => block_on(client.list()).map(drop),
        "list_page" => block_on(client.list_names()).map(drop),
        other => panic!("the call `{other}` is not known"),
    }
}

impl Adapter for Retry {
    fn run(&self, input: &Input) -> Observed {
        let needed = Needed::by(input.text("call"));
        let project = Project::new();
        let is_there = !answers(input).iter().any(|answer| answer[1] == "not_found");
        if is_there && !needed.is_write() {
            project.double.put_secret("K", None, "V", "");
            project.double.put_environment("n", "");
        }
        let Ok(client) = project.client(&json!({ "retries": retries(input) })) else {
            return Observed::steps(STEPS.map(|name| (name, StepOutcome::Refused(Class::Internal))));
        };
        for fault in answers(input).iter().filter_map(fault) {
            project.double.fail_once(Some(needed.route), fault);
        }
        let begun = Instant::now();
        let outcome = match call(&client, input) {
            Ok(()) => json!("ok"),
            Err(error) => json!(error.code()),
        };
        let seconds = begun.elapsed().as_secs_f64();
        let attempts = project.requests(needed.method, needed.path).len();
        let outcomes = [json!(attempts), outcome, json!(seconds)];
        Observed::steps(STEPS.into_iter().zip(outcomes.map(StepOutcome::Ok)))
    }

    /// Demands that the effect of a write is unknown if the answer to the write is lost.
    ///
    /// See decision H280.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let is_lost = Needed::by(input.text("call")).is_write()
            && answers(input).first().and_then(fault) == Some(Fault::CutConnection);
        let lost = is_lost.then(|| Ruling::new("H280", Demand::Exactly("cli_error".into())));
        vec![None, lost, None]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let attempts = expected.get("attempts").clone();
        let outcome = match expected.get("error_class").as_str() {
            None => "ok",
            Some("APIConnectionError") => "http_error",
            Some("APIServerError") => "server_error",
            Some("AuthenticationError") => "unauthorized",
            Some("ResourceNotFoundError") => "not_found",
            Some(other) => return Err(format!("the class `{other}` is not known")),
        };
        let waits = expected.get("sleeps").as_array().ok_or("no `sleeps`")?;
        // The waits were recorded with a jitter of 0, so each is the shortest possible wait.
        let least: f64 = waits.iter().filter_map(Value::as_f64).sum();
        let seconds = Demand::answer(format!("at least {least} seconds"), move |seconds| {
            seconds.as_f64().is_some_and(|seconds| seconds >= least)
        });
        Ok(vec![Demand::Exactly(attempts).into(), Demand::Exactly(outcome.into()).into(), seconds.into()])
    }
}
