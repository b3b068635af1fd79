//! Tests fetches: candidates, outcomes, demands, and the leases that are checked in before a fetch.

use std::sync::Arc;

use keyway_conformance::credentials::{Fault, NoCredentials, ScriptedStore, Step, StoreCall};
use keyway_core::{Effect, PluginError};
use keyway_credentials::{
    Account, AssetGenerator, AssetRules, Denial, FetchOutcome, NeedInfo, PrivateKeys, RemoteAppCredentials,
    TotpCodes,
};
use keyway_host::sessions::{FetchRequest, Fetched, NewSession, SessionsError, TransitionError, VaultFault};

use crate::world::*;

#[tokio::test]
async fn the_first_candidate_with_credentials_ends_the_search() {
    let clock = Arc::default();
    let store = ScriptedStore::new().with_account_at("root", "192.0.2.7").with_capabilities(plain());
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let found = found(&session).await;
    assert_eq!(found.candidate.asset.as_str(), "192.0.2.7");
    assert_eq!(store.held(), [found.lease.unwrap().id.to_string()]);
    assert_eq!(store.count(StoreCall::Passwords), 2);
    assert_eq!(store.calls()[1].intent.as_deref(), Some(found.check_out.to_string().as_str()));
}

#[tokio::test]
async fn the_other_outcomes_are_reported_together() {
    let clock = Arc::default();
    let store = store(&clock);
    let outcomes = [
        NoCredentials::Denied(Denial::new("not for you")),
        NoCredentials::NeedInfo(NeedInfo::new("which one?")),
    ];
    store.script(StoreCall::Passwords, outcomes.clone().map(Step::outcome));
    let world = start(vault(&store), &clock).await;
    let Fetched::Nothing(attempts) = passwords(&world.session("s")).await.unwrap() else { panic!() };
    assert_eq!(attempts.iter().map(|attempt| attempt.outcome.clone()).collect::<Vec<_>>(), outcomes);
    assert_eq!(
        attempts.iter().map(|it| it.candidate.asset.as_str()).collect::<Vec<_>>(),
        ["web1", "192.0.2.7"]
    );
    assert_eq!(store.held(), [""; 0]);
}

/// Tests that the session keeps a password while the user is asked for the one-time code, because a password that is
/// checked in may change.
#[tokio::test]
async fn a_one_time_code_is_used_together_with_the_password() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    let request = FetchRequest::new().with_asset("web1");
    session.fetch::<TotpCodes>(&hall(), FetchRequest::new()).await.unwrap().found().unwrap();
    session.fetch::<RemoteAppCredentials>(&hall(), request).await.unwrap().found().unwrap();
    assert_eq!((returned(&store).len(), store.held().len()), (0, 3));
    session.authentication_completed().await.unwrap();
    assert_eq!(returned(&store), ["Used"; 3]);
}

#[tokio::test]
async fn a_fetch_first_checks_in_what_is_unproven() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    session.fetch::<PrivateKeys>(&hall(), FetchRequest::new()).await.unwrap().found().unwrap();
    let found = found(&session).await;
    assert_eq!(returned(&store), ["Unused"]);
    assert_eq!(store.held(), [found.lease.unwrap().id.to_string()]);
    session.authentication_completed().await.unwrap();
    assert_eq!(returned(&store), ["Unused", "Used"]);
    // Nothing is checked in twice (upstream's L1).
    session.end().await.unwrap();
    assert_eq!(returned(&store), ["Unused", "Used"]);
}

#[tokio::test]
async fn a_failing_check_in_does_not_hold_up_the_fetch() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let first = found(&session).await;
    store.script(StoreCall::CheckIn, [Step::fault(Fault::LostRequest)]);
    let second = found(&session).await;
    assert_eq!(store.held().len(), 2);
    world.pass(std::time::Duration::from_secs(60)).await;
    assert_eq!(store.held(), [second.lease.unwrap().id.to_string()]);
    let check_ins: Vec<_> =
        store.calls().into_iter().filter(|call| call.call == StoreCall::CheckIn).collect();
    assert_eq!(check_ins.len(), 2);
    assert!(check_ins.iter().all(|call| call.intent == check_ins[0].intent));
    assert_eq!(check_ins[0].lease, Some(first.lease.unwrap().id.to_string()));
}

#[tokio::test]
async fn a_store_without_leases_is_read_and_leaves_no_record() {
    let clock = Arc::default();
    let store = store(&clock).with_capabilities(plain().leases(false).renews(false).rotates(false));
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let found = found(&session).await;
    assert_eq!(found.lease, None);
    assert_eq!(store.calls()[0].intent, None);
    assert!(world.resume(NewSession::new(connection("s"))).await.unwrap().is_none());
    session.authentication_completed().await.unwrap();
    session.end().await.unwrap();
    assert_eq!(store.count(StoreCall::SessionEnded), 1);
    assert!(world.resume(NewSession::new(connection("s"))).await.unwrap().is_none());
}

#[tokio::test]
async fn a_host_can_demand_a_reason_and_a_ticket() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store).demand_reason(true).demand_ticket(true), &clock).await;
    let session = world.session("s");
    for request in
        [FetchRequest::new(), FetchRequest::new().with_reason(" "), FetchRequest::new().with_ticket("T-1")]
    {
        let refused = session.fetch::<TotpCodes>(&hall(), request).await.unwrap_err();
        assert!(matches!(refused, SessionsError::Demanded { what: "a reason" }), "{refused}");
    }
    let request = FetchRequest::new().with_reason("a disk is full");
    let refused = session.fetch::<TotpCodes>(&hall(), request.clone()).await.unwrap_err();
    assert_eq!(refused.user_message(), "Please give a ticket.");
    assert!(store.calls().is_empty());
    session.fetch::<TotpCodes>(&hall(), request.with_ticket("T-1")).await.unwrap().found().unwrap();
    let line = world.audit.lock().unwrap()[0].clone();
    assert!(line.contains(r#"user_reason="a disk is full" ticket="T-1""#), "{line}");
}

/// Tests that the audit does not report a fetch that failed as a fetch that found nothing.
#[tokio::test]
async fn the_audit_tells_a_fetch_that_failed_from_one_that_found_nothing() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let mut ends = Vec::new();
    for fault in [Fault::Refused, Fault::Unavailable] {
        store.script(StoreCall::Passwords, [Step::fault(fault)]);
        let failed = passwords(&session).await.unwrap_err();
        assert!(matches!(failed, SessionsError::Store { .. }), "{failed}");
        ends.push(r#"fetch_failed session="s" store="hall" holder="joe" outcome=failed"#);
    }
    store.script(StoreCall::Passwords, [0; 2].map(|_| Step::outcome(NoCredentials::NotFound)));
    assert!(passwords(&session).await.unwrap().found().is_none());
    ends.push(r#"nothing_found session="s" store="hall" holder="joe" outcome=done"#);
    let audit = world.audit.lock().unwrap().clone();
    assert_eq!(audit.iter().skip(1).step_by(2).collect::<Vec<_>>(), ends, "{audit:#?}");
    assert!(audit.iter().step_by(2).all(|line| line.starts_with("fetch session=")), "{audit:#?}");
}

#[tokio::test]
async fn the_audit_tells_of_every_read_of_a_store_without_leases() {
    let clock = Arc::default();
    let store = store(&clock).with_capabilities(plain().leases(false).renews(false).rotates(false));
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let nothing = [0; 2].map(|_| Step::outcome(NoCredentials::NotFound));
    store.script(StoreCall::Passwords, [Step::fault(Fault::Unavailable)].into_iter().chain(nothing));
    passwords(&session).await.unwrap_err();
    assert!(passwords(&session).await.unwrap().found().is_none());
    found(&session).await;
    let audit = world.audit.lock().unwrap().clone();
    let of = r#"session="s" store="hall" holder="joe" kind="passwords""#;
    assert_eq!(audit[0], format!("fetch_failed {of} outcome=failed"));
    assert_eq!(audit[1], format!("nothing_found {of} outcome=done"));
    assert!(audit[2].starts_with(&format!("check_out {of} account=")), "{audit:#?}");
    assert_eq!(audit.len(), 3);
}

fn generated_by(name: &str) -> AssetRules {
    let mut rules = AssetRules::default();
    rules.generators = vec![AssetGenerator::from_name(name)];
    rules
}

#[tokio::test]
async fn accounts_and_assets_of_the_store_are_asked_for_lazily() {
    let clock = Arc::default();
    let accounts = ["a", "b", "c"].map(|name| Account::new(name).unwrap());
    let assets = ["x", "y"].map(|name| keyway_credentials::Asset::new(name).unwrap());
    let store = ScriptedStore::new()
        .with_own_accounts(accounts)
        .with_own_assets("list", assets)
        .with_account_at("b", "y");
    let rules = generated_by("list");
    let world = start(vault(&store).assets(rules), &clock).await;
    let found = found(&world.session("s")).await;
    assert_eq!(format!("{}@{}", found.candidate.account, found.candidate.asset), "b@y");
    assert_eq!((store.count(StoreCall::NextAccount), store.count(StoreCall::Passwords)), (2, 4));
}

#[tokio::test]
async fn an_unknown_generator_is_a_fault_of_the_vault() {
    let clock = Arc::default();
    let store = store(&clock);
    let rules = generated_by("hostnmae");
    let world = start(vault(&store).assets(rules), &clock).await;
    assert!(
        matches!(&world.vaults()[0].capabilities, Err(VaultFault::Generator { name }) if name == "hostnmae")
    );
    let refused = passwords(&world.session("s")).await.unwrap_err();
    assert!(matches!(refused, SessionsError::Fault { .. }), "{refused}");
}

#[tokio::test]
async fn a_remote_application_needs_an_account_and_an_asset() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let request = FetchRequest::new();
    let asked = session.fetch::<RemoteAppCredentials>(&hall(), request.clone()).await.unwrap();
    assert!(matches!(asked, Fetched::Nothing(attempts) if attempts.is_empty()));
    let found = session.fetch::<RemoteAppCredentials>(&hall(), request.with_asset("app")).await.unwrap();
    assert_eq!(found.found().unwrap().candidate.asset.as_str(), "app");
}

#[tokio::test]
async fn a_repeated_call_makes_one_check_out_if_the_store_is_idempotent() {
    for (capabilities, repeats) in [(plain(), true), (forgetful(), false)] {
        let clock = Arc::default();
        let store = store(&clock).with_capabilities(capabilities);
        let world = start(vault(&store), &clock).await;
        let session = world.session("s");
        let request = || FetchRequest::new().with_call("7");
        let call = async || session.fetch::<keyway_credentials::Passwords>(&hall(), request()).await;
        let first = call().await.unwrap().found().unwrap();
        match call().await {
            Ok(second) => {
                assert!(repeats);
                assert_eq!(second.found().unwrap().lease, first.lease);
            }
            Err(error) => {
                assert!(
                    !repeats && matches!(error, SessionsError::Refused(TransitionError::Repeated)),
                    "{error}"
                );
            }
        }
        assert_eq!(store.held().len(), 1);
        session.end().await.unwrap();
        assert_eq!((store.held().len(), store.doubled()), (0, vec![]));
        assert!(matches!(call().await, Err(SessionsError::Refused(TransitionError::Ended))));
    }
}

#[tokio::test]
async fn an_error_with_an_unknown_effect_is_found_out_about() {
    for (capabilities, decides) in [
        (plain(), false),
        (plain().reconciles(false), false),
        (plain().idempotent(false), false),
        (forgetful(), true),
    ] {
        let clock = Arc::default();
        let store = store(&clock).with_capabilities(capabilities);
        let world = start(vault(&store), &clock).await;
        let session = world.session("s");
        store.script(StoreCall::Passwords, [Step::fault(Fault::LostAnswer)]);
        let error = passwords(&session).await.unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown, "{error}");
        assert_eq!(store.held().len(), 1, "the call had its effect");
        world.pass(std::time::Duration::from_secs(60)).await;
        let undecided = world.undecided(None, 9).await.unwrap().fetches;
        assert_eq!(undecided.len(), usize::from(decides), "{capabilities:?}");
        assert_eq!(store.held().len(), usize::from(decides), "{capabilities:?}");
        assert_eq!(store.doubled(), [], "{capabilities:?}");
        session.end().await.unwrap();
    }
}

#[tokio::test]
async fn an_outcome_without_credentials_is_no_error() {
    let clock = Arc::default();
    let store = store(&clock);
    store.script(StoreCall::Passwords, [0, 1].map(|_| Step::outcome(NoCredentials::NotFound)));
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    let Fetched::Nothing(attempts) = passwords(&session).await.unwrap() else { panic!() };
    assert!(attempts.iter().all(|attempt| attempt.outcome == FetchOutcome::NotFound));
    found(&session).await;
}

#[tokio::test]
async fn a_repeated_call_gets_the_same_candidate_although_an_earlier_one_is_free_now() {
    let clock = Arc::default();
    let store = store(&clock).exclusive(true);
    let world = start(vault(&store), &clock).await;
    let (other, session) = (world.session("other"), world.session("s"));
    found(&other).await;
    let request = || FetchRequest::new().with_call("7");
    let first =
        session.fetch::<keyway_credentials::Passwords>(&hall(), request()).await.unwrap().found().unwrap();
    assert_eq!(first.candidate.asset.as_str(), "192.0.2.7");
    other.end().await.unwrap();
    let second =
        session.fetch::<keyway_credentials::Passwords>(&hall(), request()).await.unwrap().found().unwrap();
    assert_eq!((second.check_out, second.lease), (first.check_out, first.lease));
    assert_eq!(store.held().len(), 1);
    session.end().await.unwrap();
}
