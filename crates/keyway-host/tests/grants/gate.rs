//! Tests the gate, and the order of its checks.
//!
//! See decision W5.

use keyway_host::grants::{GrantsError, TransitionError};
use keyway_issuers::{Parameters, Rule};

use crate::world::*;

async fn refusal(grants: &Started, value: Option<(&str, keyway_issuers::Json)>) -> Option<TransitionError> {
    let parameters = value.map_or(Parameters::new(), |(key, value)| Parameters::new().with(key, value));
    match grants.request(&svc(), plain_request("joe").with_parameters(parameters)).await {
        Ok(_) => None,
        Err(GrantsError::Refused(refusal)) => Some(refusal),
        Err(other) => panic!("{other}"),
    }
}

/// Tests every combination of the gate's four conditions. The answer names the first failed condition, and the plugin
/// is asked only if all conditions hold.
#[tokio::test]
async fn the_first_condition_that_does_not_hold_is_the_answer() {
    for bits in 0..16_u8 {
        let [allowed, enabled, fits, room] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
        let world = World::plain();
        let service = service(&world).allow(move |_: &_| allowed).enabled(enabled).limit(u64::from(room));
        let grants = host(&memory(), &ring(), service).started().await;
        let value = (!fits).then(|| ("x", "1".into()));
        let expected = match (allowed, enabled, fits, room) {
            (false, ..) => "NotAllowed",
            (_, false, ..) => "Disabled",
            (_, _, false, _) => "Parameters",
            (.., false) => "LimitReached",
            _ => "None",
        };
        let refusal = refusal(&grants, value).await;
        let answer = refusal.as_ref().map_or_else(|| "None".to_owned(), |refusal| format!("{refusal:?}"));
        assert!(answer.starts_with(expected), "{bits}: {answer}");
        assert_eq!(world.change(|world| world.requests) > 0, expected == "None");
        assert_eq!(grants.list(&user("joe").user).await.unwrap().len(), usize::from(expected == "None"));
    }
}

#[tokio::test]
async fn keys_and_types_must_be_those_of_one_set() {
    let grants = start(&World::plain()).await;
    assert_eq!(refusal(&grants, None).await, None);
    assert_eq!(refusal(&grants, Some(("pub_key", "ssh-ed25519 AAAA".into()))).await, None);
    let wrong_type = refusal(&grants, Some(("pub_key", true.into()))).await;
    assert!(
        matches!(wrong_type, Some(TransitionError::Parameters(found)) if matches!(found.rule, Rule::Type { .. }))
    );
    let unknown = refusal(&grants, Some(("x", "1".into()))).await;
    assert!(matches!(unknown, Some(TransitionError::Parameters(found)) if found.rule == Rule::FitsNoSet));
}

#[tokio::test]
async fn a_service_has_no_users_until_the_host_names_them_and_a_panic_is_a_no() {
    let world = World::plain();
    let closed = keyway_host::grants::Service::with_issuer(svc(), world.clone());
    for service in [closed.clone(), closed.allow(|_: &_| panic!("in the gate"))] {
        let grants = host(&memory(), &ring(), service).started().await;
        assert_eq!(refusal(&grants, None).await, Some(TransitionError::NotAllowed));
    }
}

#[tokio::test]
async fn the_limit_is_each_users_own_and_what_is_revoked_makes_room() {
    let world = World::plain();
    let grants = host(&memory(), &ring(), service(&world).limit(1)).started().await;
    let first = granted(grants.request(&svc(), plain_request("joe")).await);
    assert_eq!(refusal(&grants, None).await, Some(TransitionError::LimitReached { limit: 1 }));
    granted(grants.request(&svc(), plain_request("ann")).await);
    // A grant that could not be revoked still counts towards the limit.
    world.change(|world| world.revocations_to_fail = 1);
    assert!(grants.revoke(first.grant, user("joe")).await.is_err());
    assert_eq!(refusal(&grants, None).await, Some(TransitionError::LimitReached { limit: 1 }));
    grants.revoke(first.grant, user("joe")).await.unwrap();
    assert_eq!(refusal(&grants, None).await, None);
    // Neither a refused request nor a request for another login counts towards the limit.
    for behaviour in [Request::Refuses, Request::WantsLogin] {
        world.set(behaviour);
        let _ = grants.request(&svc(), plain_request("eve")).await;
        let _ = grants.request(&svc(), plain_request("eve")).await;
    }
    world.set(Request::Works);
    granted(grants.request(&svc(), plain_request("eve")).await);
}
