//! Tests the sessions of SPS without the engine: the model of decisions against upstream, and the scripted plugin.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use keyway_credentials::core::IntentId;
use keyway_credentials::{
    Account, Asset, Candidate, CredentialStore as _, Fetch, FetchOutcome, SessionContext, SpsConfiguration,
};
use keyway_tests::replay::oracle::sps::session::{Outcome, outcomes};
use keyway_tests::replay::sps::session::{Accounting, HostCall, Journal, Plan, Scripted, hooks_of};
use keyway_tests::replay::{Vector, read_file};

fn sessions() -> Vec<Vector> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/sps.json");
    let vectors = read_file(&file).unwrap();
    vectors.into_iter().filter(|vector| vector.kind == "session").collect()
}

/// Upstream's name of a hook of the model.
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

/// What upstream did in each step, in the model's terms.
fn observed(vector: &Vector) -> Vec<(Vec<(String, Option<String>, Option<String>)>, bool)> {
    let steps = vector.expected.get("steps").as_array().unwrap();
    let hooks = hooks_of(&vector.expected).unwrap();
    let is_refused = |step: &serde_json::Value| step.get("raised").is_some() || step["constructor"].get("error").is_some();
    let hooks = hooks.into_iter().map(|calls| {
        calls.into_iter().map(|call| (call.hook, call.account, call.asset)).collect::<Vec<_>>()
    });
    hooks.zip(steps.iter().map(is_refused)).collect()
}

#[test]
fn without_a_decision_the_model_does_what_upstream_did() {
    let (mut counts, mut as_upstream, mut wrong, mut needless) = (BTreeMap::new(), 0, Vec::new(), Vec::new());
    for vector in sessions() {
        let model = outcomes(vector.input.value());
        let upstream = observed(&vector);
        assert_eq!(model.len(), upstream.len(), "{}", vector.id);
        let ours: Vec<_> = model
            .iter()
            .map(|Outcome { hooks, is_refused, .. }| {
                let named = |(hook, account, asset): &(String, Option<String>, Option<String>)| {
                    (upstream_name(hook).to_owned(), account.clone(), asset.clone())
                };
                (hooks.iter().map(named).collect::<Vec<_>>(), *is_refused)
            })
            .collect();
        let decisions: BTreeSet<&str> = model.last().unwrap().decisions.clone();
        if decisions.is_empty() {
            as_upstream += 1;
            if ours != upstream {
                wrong.push(format!("{} {}\n  ours {ours:?}\n  upstream {upstream:?}", vector.id, vector.what));
            }
        } else if ours == upstream {
            needless.push(format!("{} {decisions:?} {}", vector.id, vector.what));
        }
        for decision in decisions {
            *counts.entry(decision).or_insert(0) += 1;
        }
    }
    println!("{as_upstream} {counts:?}\n{} needless:\n{}", needless.len(), needless.join("\n"));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
