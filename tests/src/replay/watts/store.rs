//! Replays the vectors `store`: consecutive requests, whose answers may repeat a `state` (the reference to a credential
//! on the wire).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keyway_host::grants::{DuplicatePolicy, GrantOutcome, GrantRequest, Grants, GrantsError, Phase, Service};
use keyway_issuers::UserInfo;
use keyway_issuers::wire::Profile;
use serde_json::{Value, json};

use super::encode::json_of;
use super::fixture::{self, Fixture};
use super::outcome;
use super::script::{Run, Script};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Store;

fn steps(input: &Input) -> &[Value] {
    input.get("steps").as_array().map_or(&[], Vec::as_slice)
}

/// Returns the subject that makes the request: `joe`, unless the step names another user.
fn subject(step: &Value) -> &str {
    step["user"].as_str().unwrap_or("joe")
}

fn may_be_same(step: &Value) -> bool {
    step["same_ok"] == Value::Bool(true)
}

async fn request(
    fixture: &Fixture,
    step: &Value,
) -> Result<(Grants, Result<GrantOutcome, GrantsError>), Class> {
    let name = fixture::service_name(step["service"].as_str().unwrap_or_default())?;
    let state = json_of(&step["state"]).to_ascii();
    let run = Run::printing(format!(r#"{{"result": "ok", "credential": [], "state": {}}}"#, *state));
    let script = Script::new(Profile::Lenient, fixture::description(&Value::Null)?, vec![run]);
    let policy = if may_be_same(step) { DuplicatePolicy::Reuse } else { DuplicatePolicy::Reject };
    let service = Service::with_issuer(name.clone(), Arc::new(script)).allow_everybody().duplicates(policy);
    let grants = fixture.open([service], false, false).await?;
    let user = UserInfo::new(fixture::user().issuer(), subject(step));
    let answer = grants.request(&name, GrantRequest::new(user)).await;
    Ok((grants, answer))
}

/// Returns the outcome of each step, and the final records.
async fn replay(input: &Input) -> Result<Vec<StepOutcome>, Class> {
    let fixture = Fixture::new();
    let (mut outcomes, mut ids) = (Vec::new(), BTreeSet::new());
    let mut held = BTreeMap::<&str, usize>::new();
    for step in steps(input) {
        let outcome = match request(&fixture, step).await {
            Ok((grants, answer)) => {
                let user = UserInfo::new(fixture::user().issuer(), subject(step)).user_id();
                let listed = grants.list(&user).await.map_err(|_| Class::Internal)?;
                let granted = listed.iter().filter(|grant| grant.state.phase == Phase::Granted);
                held.insert(subject(step), granted.count());
                match answer {
                    Ok(GrantOutcome::Granted(handed)) => {
                        ids.insert(handed.grant);
                        StepOutcome::Ok(if handed.reused { "existing_id" } else { "new_id" }.into())
                    }
                    Err(GrantsError::StateTaken { .. }) => StepOutcome::Ok("not_unique_state".into()),
                    other => outcome::requested(&other),
                }
            }
            Err(class) => StepOutcome::Refused(class),
        };
        outcomes.push(outcome);
    }
    let total: usize = held.values().sum();
    outcomes.push(StepOutcome::Ok(json!({ "total": total, "distinct_ids": ids.len() })));
    Ok(outcomes)
}

impl Adapter for Store {
    fn run(&self, input: &Input) -> Observed {
        let outcomes = fixture::run(replay(input))
            .unwrap_or_else(|class| vec![StepOutcome::Refused(class); steps(input).len() + 1]);
        Observed::steps(
            outcomes.into_iter().enumerate().map(|(index, outcome)| (format!("step {index}"), outcome)),
        )
    }

    /// Demands that every `state` is a text. A step whose `state` is not a text stores nothing, so later steps cannot
    /// conflict with it.
    ///
    /// See decision W8.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let steps = steps(input);
        let has_other = steps.iter().any(|step| !step["state"].is_string());
        let are_named = steps.iter().all(|step| step["service"].as_str().is_some_and(is_service));
        if !has_other || !are_named {
            return (0..=steps.len()).map(|_| None).collect();
        }
        let mut held = BTreeSet::<(&str, &str, &str)>::new();
        let mut rulings: Vec<_> = steps
            .iter()
            .map(|step| {
                let (Some(service), Some(state)) = (step["service"].as_str(), step["state"].as_str()) else {
                    return Some(Ruling::refused("W8", &[Class::BadResult]));
                };
                let result = match held.insert((subject(step), service, state)) {
                    true => "new_id",
                    false if may_be_same(step) => "existing_id",
                    false => "not_unique_state",
                };
                Some(Ruling::new("W8", Demand::Exactly(result.into())))
            })
            .collect();
        let sum = json!({ "total": held.len(), "distinct_ids": held.len() });
        rulings.push(Some(Ruling::new("W8", Demand::Exactly(sum))));
        rulings
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let host = expected.get("host");
        let results = host["results"].as_array().ok_or("no `results`")?;
        let mut demands: Vec<UpstreamStep> =
            results.iter().map(|result| Demand::Exactly(result.clone()).into()).collect();
        let sum = json!({ "total": host["total"], "distinct_ids": host["distinct_ids"] });
        demands.push(Demand::Exactly(sum).into());
        Ok(demands)
    }
}

/// Tells whether a service may have this name.
fn is_service(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}
