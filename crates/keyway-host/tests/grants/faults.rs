//! Tests misbehaving plugins, and the state in which they leave the grants.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{Clock, ErrorKind, PluginError};
use keyway_host::WorkOutcome;
use keyway_host::grants::{
    Decision, Disposal, GrantsError, IndeterminateReason, Isolation, Phase, Retries, Revoked, Service,
    ServiceFault, TransitionError,
};
use keyway_issuers::{
    Capabilities, CredentialRef, CredentialRequest, Description, Issuer, IssuerError, RequestOutcome,
    Revocation, Rule,
};

use crate::world::*;

async fn only_grant(grants: &Started) -> keyway_host::grants::Grant {
    let mut listed = grants.list(&user("joe").user).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed.remove(0)
}

#[tokio::test]
async fn a_refusal_has_a_message_for_the_user_and_one_for_the_log() {
    let world = World::plain();
    world.set(Request::Refuses);
    let grants = start(&world).await;
    let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
    assert_eq!((&*error.user_message(), &*error.detail()), ("Sorry, joe.", "joe was denied"));
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(grants.list(&user("joe").user).await.unwrap().is_empty());
}

/// Tests calls with an unknown effect. The grant stays listed until a person decides, it counts towards the limit, and
/// no message contains the plugin's text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_stays_listed_until_a_person_decides() {
    for isolation in [Isolation::Task, Isolation::Inline] {
        for behaviour in [Request::Panics, Request::PanicsAfter, Request::ErrorAfter, Request::HangsAfter] {
            let world = World::plain();
            world.set(behaviour);
            // The deadline is long, because writing a backtrace takes time. Only the test of a hanging plugin has a
            // short one, because it waits for the whole deadline.
            let deadline = if behaviour == Request::HangsAfter { 100 } else { 20_000 };
            let limits = limits().with_isolation(isolation).with_deadline(Duration::from_millis(deadline));
            let built = host(&memory(), &ring(), service(&world).limit(1)).grant_limits(limits);
            let grants = built.started().await;
            let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
            assert!(matches!(error, GrantsError::Uncertain { .. }), "{error}");
            assert_eq!(error.kind(), ErrorKind::Indeterminate);
            assert!(!error.detail().contains("needle") && !error.user_message().contains("needle"));

            let grant = only_grant(&grants).await;
            assert_eq!(
                (grant.state.phase, grant.state.reason),
                (Phase::Indeterminate, Some(IndeterminateReason::NoAnswer))
            );
            assert_eq!(grants.all_undecided().await.len(), 1);
            let refused = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
            assert!(matches!(refused, GrantsError::Refused(TransitionError::LimitReached { .. })));
            let refused = grants.revoke(grant.id, user("joe")).await.unwrap_err();
            assert!(matches!(refused, GrantsError::Refused(TransitionError::Undecided)));

            let joe = &user("joe").user.clone();
            if behaviour == Request::Panics {
                assert!(grants.decide(joe, grant.id, Decision::NothingThere).await.unwrap().is_none());
            } else {
                let state = CredentialRef::new(
                    world.change(|world| world.credentials.keys().next().unwrap().clone()),
                );
                let decided = grants.decide(joe, grant.id, Decision::Made(state)).await.unwrap().unwrap();
                assert!(decided.state.phase == Phase::Granted && decided.state.undelivered);
                assert_eq!(grants.revoke(grant.id, user("joe")).await.unwrap(), Revoked::Destroyed);
            }
            assert_eq!(world.credentials(), 0);
            assert!(grants.all_undecided().await.is_empty());
            world.set(Request::Works);
            granted(grants.request(&svc(), plain_request("joe")).await);
        }
    }
}

#[tokio::test]
async fn a_plugin_that_can_tell_is_asked_what_happened() {
    for (behaviour, phase) in [(Request::ErrorAfter, Some(Phase::Granted)), (Request::Panics, None)] {
        let world = World::new(Capabilities::MINIMAL.reconciles(true));
        world.set(behaviour);
        let clock = Arc::new(TestClock::default());
        let built = host(&memory(), &ring(), service(&world)).clock(Arc::clone(&clock) as _);
        let grants = built.started().await;
        let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
        assert!(matches!(error, GrantsError::Uncertain { .. }), "{error}");
        assert!(grants.run_due(clock.now()).await.unwrap().is_empty(), "not due yet");
        let worked = grants.run_due(clock.advance(Duration::from_secs(15))).await.unwrap();
        assert_eq!(worked.len(), 1);
        assert_eq!(matches!(worked[0].outcome, WorkOutcome::Gone), phase.is_none(), "{worked:?}");
        assert_eq!(matches!(worked[0].outcome, WorkOutcome::Settled), phase.is_some(), "{worked:?}");
        assert_eq!(grants.list(&user("joe").user).await.unwrap().len(), world.credentials());
        assert!(grants.run_due(clock.advance(Duration::from_secs(3600))).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_state_with_a_secret_in_it_is_a_violation_and_the_credential_is_revoked() {
    for behaviour in [Request::SecretInState, Request::HugeState] {
        let world = World::plain();
        world.set(behaviour);
        world.change(|world| world.revocations_to_fail = 2);
        let retries = Retries::default().with_first(Duration::from_millis(1)).with_attempts(5);
        let built =
            host(&memory(), &ring(), service(&world)).grant_limits(limits().with_cleanup_retries(retries));
        let grants = built.started().await;
        let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
        let GrantsError::Discarded {
            disposal: Disposal::Revoked,
            error: IssuerError::ContractViolation(found),
        } = &error
        else {
            panic!("{error}");
        };
        let rule = &found.violations.as_slice()[0].rule;
        assert!(matches!(rule, Rule::SecretInState { part: 0 } | Rule::Other { .. }), "{rule}");
        assert!(!error.detail().contains("needle") && !format!("{error:?}").contains("needle"));
        assert_eq!((world.credentials(), world.change(|world| world.revocations)), (0, 3));
        assert!(grants.list(&user("joe").user).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_grant_that_could_not_be_discarded_stays_listed() {
    let world = World::plain();
    world.set(Request::SecretInState);
    world.change(|world| world.revocations_to_fail = 100);
    let retries = Retries::default().with_first(Duration::from_millis(1)).with_attempts(3);
    let grants = host(&memory(), &ring(), service(&world))
        .grant_limits(limits().with_cleanup_retries(retries))
        .started()
        .await;
    let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
    assert!(matches!(error, GrantsError::Discarded { disposal: Disposal::NotRevoked, .. }), "{error}");
    let grant = only_grant(&grants).await;
    assert_eq!(
        (grant.state.phase, grant.state.reason),
        (Phase::Indeterminate, Some(IndeterminateReason::NotDiscarded))
    );
    assert_eq!(grant.state.credential, None);
}

#[tokio::test]
async fn an_orphan_that_a_bad_answer_names_is_revoked_now_or_later() {
    for failing in [0, 1] {
        let world = World::plain();
        world.set(Request::Orphan);
        world.change(|world| world.revocations_to_fail = failing);
        let clock = Arc::new(TestClock::default());
        let built = host(&memory(), &ring(), service(&world)).clock(Arc::clone(&clock) as _);
        let grants = built.started().await;
        let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
        let expected = if failing == 0 { Disposal::Revoked } else { Disposal::ToBeRevoked };
        assert!(matches!(error, GrantsError::Discarded { disposal, .. } if disposal == expected), "{error}");
        if failing == 1 {
            assert_eq!(only_grant(&grants).await.state.phase, Phase::Revoking);
            grants.run_due(clock.advance(Duration::from_secs(15))).await.unwrap();
        }
        assert_eq!(world.credentials(), 0);
        assert!(grants.list(&user("joe").user).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_revocation_that_fails_keeps_the_grant_and_is_tried_again_with_longer_waits() {
    let world = World::plain();
    let clock = Arc::new(TestClock::default());
    let limits = limits().with_retries(Retries::default().with_attempts(3));
    let built = host(&memory(), &ring(), service(&world)).clock(Arc::clone(&clock) as _).grant_limits(limits);
    let grants = built.started().await;
    let handed = granted(grants.request(&svc(), plain_request("joe")).await);
    world.change(|world| world.revocations_to_fail = 100);
    let error = grants.revoke(handed.grant, user("joe")).await.unwrap_err();
    let GrantsError::NotRevoked { failures: 1, retry_at: Some(at), .. } = &error else { panic!("{error}") };
    assert_eq!((&*error.user_message(), error.kind()), ("Could not revoke.", ErrorKind::Denied));
    assert!(
        *at >= clock.now().plus(Duration::from_secs(10)) && *at <= clock.now().plus(Duration::from_secs(15))
    );
    assert!(grants.run_due(clock.now()).await.unwrap().is_empty());
    for failures in [2, 3] {
        let worked = grants.run_due(clock.advance(Duration::from_secs(60))).await.unwrap();
        assert!(matches!(worked[0].outcome, WorkOutcome::Failed(_)), "{worked:?}");
        assert_eq!(only_grant(&grants).await.state.failures, failures);
    }
    // The retries are used up. The grant waits for a person, is still listed, and still counts towards the limit.
    assert!(grants.run_due(clock.advance(Duration::from_secs(1_000_000))).await.unwrap().is_empty());
    assert_eq!(grants.all_undecided().await.len(), 1);
    assert_eq!(only_grant(&grants).await.state.failures, 3);
    assert_eq!(world.change(|world| world.revocations), 3);
    world.change(|world| world.revocations_to_fail = 0);
    assert_eq!(grants.revoke(handed.grant, user("joe")).await.unwrap(), Revoked::Destroyed);
    assert_eq!((world.credentials(), grants.all_undecided().await.len()), (0, 0));
}

#[tokio::test]
async fn a_grant_that_cannot_be_stored_is_revoked() {
    for applied in [false, true] {
        let (storage, keys, world) = (memory(), ring(), World::plain());
        host(&storage, &keys, service(&world)).started().await;
        // The intent can be stored. The next commit, which stores the grant, fails.
        let dying = dying(&storage, 1, applied, false);
        let grants = host(&dying, &keys, service(&world)).started().await;
        let answer = grants.request(&svc(), plain_request("joe")).await;
        if applied {
            // The engine returned an error but committed: the user gets the credential.
            granted(answer);
            assert_eq!((world.credentials(), only_grant(&grants).await.state.phase), (1, Phase::Granted));
        } else {
            let error = answer.unwrap_err();
            assert!(matches!(error, GrantsError::NotStored { disposal: Disposal::Revoked, .. }), "{error}");
            assert_eq!(world.credentials(), 0);
        }
    }
}

#[tokio::test]
async fn a_revocation_that_cannot_be_stored_says_that_it_is_repeated() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let grants = host(&storage, &keys, service(&world)).started().await;
    let handed = granted(grants.request(&svc(), plain_request("joe")).await);
    // The intent of the revocation can be stored. The next commit, which removes the grant, fails.
    let failing = host(&dying(&storage, 1, false, false), &keys, service(&world)).started().await;
    let error = failing.revoke(handed.grant, user("joe")).await.unwrap_err();
    assert!(matches!(error, GrantsError::NotStored { disposal: Disposal::ToBeRevoked, .. }), "{error}");
    assert!(!error.to_string().contains("could not be revoked"), "{error}");
    assert!(!error.user_message().contains("was discarded"), "{}", error.user_message());
    assert_eq!((world.credentials(), only_grant(&grants).await.state.phase), (0, Phase::Revoking));
}

/// An issuer that cannot even return its capabilities.
#[derive(Debug)]
struct Speechless;

#[async_trait]
impl Issuer for Speechless {
    fn capabilities(&self) -> Capabilities {
        panic!("in capabilities")
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1").build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        unreachable!("a host that does not know whether it blocks does not call it")
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        unreachable!("it made nothing")
    }
}

#[tokio::test]
async fn a_service_whose_capabilities_nobody_knows_is_disabled() {
    let world = World::plain();
    let speechless = Service::with_issuer(name("speechless"), Arc::new(Speechless)).allow_everybody();
    let grants = host(&memory(), &ring(), service(&world)).service(speechless).started().await;
    let view = grants.service(&name("speechless")).unwrap();
    assert!(!view.enabled && matches!(view.faults[..], [ServiceFault::Open(_)]), "{:?}", view.faults);
    let error = grants.request(&name("speechless"), plain_request("joe")).await.unwrap_err();
    assert!(matches!(error, GrantsError::Refused(TransitionError::Disabled)), "{error}");
    granted(grants.request(&svc(), plain_request("joe")).await);
}
