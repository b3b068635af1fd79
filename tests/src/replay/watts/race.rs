//! Replays the vectors `race`: several concurrent requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyway_host::grants::{DuplicatePolicy, GrantRequest, Service};
use keyway_issuers::wire::{Profile, host};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::fixture::{self, Fixture};
use super::script::{Run, Script};
use super::{outcome, profiles};
use crate::replay::oracle::watts::Answer;
use crate::replay::oracle::watts::answer::{Printed, request as read_answer};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// Tests, in both profiles, the results of the requests in any order, and the number of grants after them.
pub(super) struct Race;

/// A limit far above the number of requests of any vector.
const MOST: u64 = 16;

fn number(input: &Input) -> u64 {
    input.get("n").as_u64().unwrap_or(1).min(MOST)
}

fn limit(input: &Input) -> Option<u64> {
    input.get("cred_limit").as_u64()
}

fn may_be_same(input: &Input) -> bool {
    *input.get("allow_same_state") == Value::Bool(true)
}

fn are_distinct(input: &Input) -> bool {
    input.text("states") == "distinct"
}

/// Returns the output for each request: a valid answer if the vector has none.
fn printed(input: &Input) -> Vec<String> {
    let usual = |state: String| {
        let credential = json!([{ "name": "Password", "type": "text", "value": "secret" }]);
        json!({ "result": "ok", "credential": credential, "state": state }).to_string()
    };
    match input.get("stdout").as_str() {
        Some(text) => vec![text.to_owned()],
        None if are_distinct(input) => (0..number(input)).map(|turn| usual(format!("st{turn}"))).collect(),
        None => vec![usual("st1".to_owned())],
    }
}

/// Returns the plugin's description of itself.
fn described(input: &Input) -> String {
    let features = match input.get("features") {
        Value::Null => json!({ "stdin": true }),
        features => features.clone(),
    };
    json!({
        "result": "ok", "version": "1", "conf_params": [], "request_params": [], "features": features,
    })
    .to_string()
}

async fn replay(input: &Input, profile: Profile) -> Result<[StepOutcome; 2], Class> {
    let name = fixture::service_name("svc")?;
    let described = described(input);
    let description =
        host::decode_description(described.as_bytes(), keyway_issuers::wire::Ended::SUCCESS, profile);
    let is_described = description.is_ok();
    let description = description.or_else(|_| fixture::description(&Value::Null))?;
    let runs = printed(input).into_iter().map(Run::printing).collect();
    let script = Script::new(profile, description, runs);
    let policy = if may_be_same(input) { DuplicatePolicy::Reuse } else { DuplicatePolicy::Reject };
    let mut service = Service::with_issuer(name.clone(), Arc::new(script))
        .allow_everybody()
        .duplicates(policy)
        .enabled(is_described);
    if let Some(limit) = limit(input) {
        service = service.limit(limit);
    }
    let fixture = Fixture::new();
    let grants = fixture.open([service], false, false).await?;
    let mut requests = JoinSet::new();
    for _ in 0..number(input) {
        let (grants, name) = (grants.clone(), name.clone());
        requests.spawn(async move {
            let answer = grants.request(&name, GrantRequest::new(fixture::user())).await;
            outcome::requested(&answer)
        });
    }
    let mut ended = BTreeMap::<String, u64>::new();
    while let Some(outcome) = requests.join_next().await {
        let word = match outcome {
            Ok(StepOutcome::Ok(answer)) if answer.get("granted").is_some() => "ok".to_owned(),
            Ok(StepOutcome::Ok(_)) => "no credential".to_owned(),
            Ok(StepOutcome::Refused(class)) => class.to_string(),
            Err(_) => return Err(Class::Panicked),
        };
        *ended.entry(word).or_default() += 1;
    }
    let stored = match fixture::records(&grants, None, Vec::new()).await {
        StepOutcome::Ok(records) => StepOutcome::Ok(records["stored"].clone()),
        refused @ StepOutcome::Refused(_) => refused,
    };
    Ok([StepOutcome::Ok(json!(ended)), stored])
}

fn rulings_for(input: &Input, profile: Profile) -> [Option<Ruling>; 2] {
    let (number, lenient) = (number(input), profile == Profile::Lenient);
    let counts = |counts: &[(&str, u64)]| {
        let counts: BTreeMap<_, _> = counts.iter().copied().filter(|(_, count)| *count > 0).collect();
        Demand::Exactly(json!(counts))
    };
    let both = |id, ended, stored: u64| {
        [Some(Ruling::new(id, ended)), Some(Ruling::new(id, Demand::Exactly(stored.into())))]
    };
    let features = input.get("features");
    let are_odd = match features {
        Value::Null => false,
        Value::Object(keys) => {
            ["stdin", "idempotent"].iter().any(|key| keys.get(*key).is_some_and(|value| !value.is_boolean()))
        }
        _ => true,
    };
    if are_odd && !lenient {
        return both("W3", counts(&[("Disabled", number)]), 0);
    }
    // All requests begin before the first one ends, and the limit counts requests that have begun (decision W5).
    let begun = limit(input).map_or(number, |limit| limit.min(number));
    let decision = if are_odd { Some("W3") } else { (begun < number).then_some("W5") };
    let printed = printed(input);
    let reading =
        read_answer(Printed { text: printed.first().map_or("", String::as_str), success: true, lenient });
    let Some(id) = decision.or(reading.decision) else { return [None, None] };
    if !matches!(reading.answer, Answer::Issued(..)) {
        return [None, None];
    }
    let one_state = !(input.get("stdout").is_null() && are_distinct(input));
    let taken = if one_state && !may_be_same(input) { begun.saturating_sub(1) } else { 0 };
    let stored = if one_state { begun.min(1) } else { begun };
    let ended = [("ok", begun - taken), ("StateTaken", taken), ("LimitReached", number - begun)];
    both(id, counts(&ended), stored)
}

impl Adapter for Race {
    fn run(&self, input: &Input) -> Observed {
        profiles::observed(["how they end", "the grants"], |profile| replay(input, profile))
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        profiles::rulings(|profile| rulings_for(input, profile))
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let host = expected.get("host");
        let results = host["results"].as_array().ok_or("no `results`")?;
        let mut ended = BTreeMap::<&str, u64>::new();
        for result in results {
            let word = match (result["verdict"].as_str(), result["reason"].as_str()) {
                (Some("ok"), _) => "ok",
                (Some("error"), Some(reason)) if reason.contains("not_unique_state") => "StateTaken",
                (Some("error"), Some("limit_reached")) => "LimitReached",
                (Some("crash"), _) => "crash",
                _ => return Err("a result that is none of these".to_owned()),
            };
            *ended.entry(word).or_default() += 1;
        }
        // For a crashed request, it only matters that it did not succeed.
        let crashed = ended.remove("crash").is_some();
        let stored = host["stored_count"].as_u64().unwrap_or_default();
        let mut demands: Vec<UpstreamStep> = Vec::new();
        for _ in Profile::ALL {
            let good = ended.get("ok").copied().unwrap_or_default();
            demands.push(if crashed {
                Demand::answer(format!("{good} ok"), move |ended| {
                    ended["ok"].as_u64().unwrap_or_default() == good
                })
                .into()
            } else {
                Demand::Exactly(json!(ended)).into()
            });
            demands.push(Demand::Exactly(stored.into()).into());
        }
        Ok(demands)
    }
}
