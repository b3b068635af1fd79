//! Tests the model of SPS sessions against upstream, and the scripted plugin against the model. Both tests run without
//! the engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use keyway_credentials::core::IntentId;
use keyway_credentials::{
    Account, Asset, Candidate, CredentialStore as _, Fetch, SessionContext, SpsConfiguration,
};
use keyway_tests::replay::oracle::sps::session::{Call, outcomes};
use keyway_tests::replay::sps::session::{Accounting, HookCall, HostCall, Journal, Plan, Scripted, hooks_of};
use keyway_tests::replay::{Vector, read_file};
use serde_json::Value;

fn sessions() -> Vec<Vector> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/sps.json");
    let vectors = read_file(&file).unwrap();
    vectors.into_iter().filter(|vector| vector.kind == "session").collect()
}

/// Returns upstream's name of a hook of the model.
fn upstream_name(hook: &str) -> &'static str {
    match hook {
        "password" => "do_get_password_list",
        "private_key" => "do_get_private_key_list",
        "remote_app" => "do_get_remote_app_credentials",
        "totp" => "do_get_totp_codes",
        "auth_completed" => "do_authentication_completed",
        "check_in" => "do_check_in_credential",
        _ => "do_session_ended",
    }
}

fn hook_call(call: &Call) -> HookCall {
    let (account, asset) = (call.account.clone(), call.asset.clone());
    HookCall { hook: upstream_name(&call.hook).to_owned(), account, asset }
}

/// Returns upstream's hooks in each step, and whether the step failed.
fn observed(vector: &Vector) -> Vec<(Vec<HookCall>, bool)> {
    let steps = vector.expected.get("steps").as_array().unwrap();
    let failed = |step: &Value| step.get("raised").is_some() || step["constructor"].get("error").is_some();
    hooks_of(&vector.expected).unwrap().into_iter().zip(steps.iter().map(failed)).collect()
}

#[test]
fn without_a_decision_the_model_does_what_upstream_did() {
    let (mut counts, mut as_upstream) = (BTreeMap::new(), 0);
    for vector in sessions() {
        let model = outcomes(vector.input.value());
        let decisions = &model.last().unwrap().decisions;
        for decision in decisions {
            *counts.entry(*decision).or_insert(0) += 1;
        }
        if !decisions.is_empty() {
            continue;
        }
        as_upstream += 1;
        let ours: Vec<_> = model
            .iter()
            .map(|step| (step.hooks.iter().map(hook_call).collect(), step.answer.is_null()))
            .collect();
        assert_eq!(ours, observed(&vector), "{} {}", vector.id, vector.what);
        let check_ins =
            model.iter().flat_map(|step| &step.hooks).filter(|call| call.hook == "check_in").count();
        assert_eq!(check_ins as u64, Accounting::read(&vector.expected).unwrap().check_ins, "{}", vector.id);
    }
    // The number of vectors that each decision overrules, so that no number grows unnoticed.
    let known = [
        ("H181", 4),
        ("H200", 6),
        ("S1", 9),
        ("S11", 3),
        ("S2", 53),
        ("S3", 25),
        ("S4", 67),
        ("S5", 30),
        ("S6", 28),
        ("S7", 25),
        ("S8", 27),
        ("S9", 5),
    ];
    assert_eq!((as_upstream, counts), (173, known.into()));
}

/// Opens the plugin of a vector, or returns `None` if its configuration is refused.
fn opened(vector: &Vector, journal: &Arc<Journal>) -> Option<Scripted> {
    let plan = Plan::read(&vector.input).unwrap();
    let configuration = SpsConfiguration::read(vector.input.text("config")).ok()?;
    plan.asset_rules(&configuration).ok()?;
    let login = plan.login(&configuration).ok()?;
    Some(Scripted::new(Arc::new(plan), login, Arc::clone(journal)))
}

/// Compares the plugin with the model. Each of them reads the rules of a vector with code of its own.
#[tokio::test]
async fn the_plugin_answers_the_first_fetch_as_the_model_says() {
    let mut compared = 0;
    for vector in sessions() {
        let calls = HostCall::read_all(&vector.input).unwrap();
        let model = outcomes(vector.input.value());
        let fetches = ["get_password_list", "get_private_key_list"];
        let journal = Arc::new(Journal::default());
        let Some(store) = opened(&vector, &journal) else { continue };
        if !fetches.contains(&calls[0].method.as_str()) || calls[0].is_misfit || calls[0].cookie.is_some() {
            continue;
        }
        let session = SessionContext::new(calls[0].connection().unwrap());
        let first = &model[0];
        for (index, call) in first.hooks.iter().enumerate() {
            let (account, asset) = (call.account.clone().unwrap(), call.asset.clone().unwrap());
            let candidate = Candidate::new(Account::new(account).unwrap(), Asset::new(asset).unwrap());
            let intent = IntentId::new(format!("fetch.{index}")).unwrap();
            let fetch = Fetch::new(candidate, session.clone()).with_intent(intent);
            let answer = match call.hook.as_str() {
                "password" => store.passwords(&fetch).await.map(|it| it.found().map(|it| it.lease.is_some())),
                _ => store.private_keys(&fetch).await.map(|it| it.found().map(|it| it.lease.is_some())),
            };
            let noted: Vec<HookCall> = journal.take().into_iter().map(|(call, _)| call).collect();
            assert_eq!(noted, [hook_call(call)], "{}", vector.id);
            // Only the last hook that the model calls may end the search.
            let is_last = index + 1 == first.hooks.len();
            match answer {
                Ok(None) => {}
                Ok(Some(lease)) => {
                    assert!(is_last && !first.answer.is_null(), "{}", vector.id);
                    assert_eq!(lease, store.capabilities().leases, "{}", vector.id);
                }
                Err(error) => assert!(is_last && first.answer.is_null(), "{} {error}", vector.id),
            }
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared}");
}
