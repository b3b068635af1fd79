//! Tests the work of a host after its services and users have changed.

use std::sync::Arc;
use std::time::Duration;

use keyway_host::grants::{GrantRequest, GrantsError, Revoked, Service, TransitionError};
use keyway_host::{RecordError, WorkOutcome};
use keyway_issuers::{Issuer, Json, JsonObject, UserInfo};

use super::world::*;

/// Shows that grants that cannot be worked on do not stay in front of the other due grants. Otherwise 128 such grants
/// would hide all others, because a pass reads at most 128 entries of a lane.
#[tokio::test]
async fn grants_of_a_missing_service_do_not_hold_up_the_others() {
    let (storage, keys) = (memory(), ring());
    let (gone, kept) = (World::plain(), World::plain());
    let clock = Arc::new(TestClock::default());
    let gone_service =
        Service::with_issuer(name("gone"), Arc::clone(&gone) as Arc<dyn Issuer>).allow_everybody();
    let built = host(&storage, &keys, service(&kept)).service(gone_service).clock(Arc::clone(&clock) as _);
    let grants = built.started().await;
    gone.change(|world| world.revocations_to_fail = 1000);
    kept.change(|world| world.revocations_to_fail = 1);
    for number in 0..128 {
        let who = format!("user-{number}");
        let handed = granted(grants.request(&name("gone"), plain_request(&who)).await);
        assert!(matches!(
            grants.revoke(handed.grant, user(&who)).await,
            Err(GrantsError::NotRevoked { retry_at: Some(_), .. })
        ));
    }
    clock.advance(Duration::from_secs(60));
    let handed = granted(grants.request(&svc(), plain_request("joe")).await);
    assert!(grants.revoke(handed.grant, user("joe")).await.is_err());
    drop(grants);

    // The next host has only the service of `kept`, whose revocations work again.
    let grants = host(&storage, &keys, service(&kept)).clock(Arc::clone(&clock) as _).started().await;
    for _ in 0..20 {
        let worked = grants.run_due(clock.advance(Duration::from_secs(600))).await.unwrap();
        if worked.iter().any(|done| matches!(done.outcome, WorkOutcome::Gone)) {
            break;
        }
    }
    assert_eq!(kept.credentials(), 0, "its revocation was due for hours");
}

#[tokio::test]
async fn a_plugin_that_is_slow_to_describe_itself_does_not_hold_up_the_others() {
    let (slow, other) = (World::plain(), World::plain());
    let clock = Arc::new(TestClock::default());
    let slow_service =
        Service::with_issuer(name("slow"), Arc::clone(&slow) as Arc<dyn Issuer>).allow_everybody();
    let built = host(&memory(), &ring(), service(&other)).service(slow_service);
    let grants = built.clock(Arc::clone(&clock) as _).started().await;
    other.change(|world| world.revocations_to_fail = 1);
    let handed = granted(grants.request(&svc(), plain_request("joe")).await);
    assert!(grants.revoke(handed.grant, user("joe")).await.is_err());

    slow.change(|world| world.version = "hangs".to_owned());
    // All descriptions are out of date by now.
    let now = clock.advance(Duration::from_secs(700));
    let worked = tokio::time::timeout(Duration::from_secs(5), grants.run_due(now)).await;
    let worked = worked.expect("the work of another service waits for the description").unwrap();
    assert!(matches!(worked[0].outcome, WorkOutcome::Gone), "{worked:?}");
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(grants.run_due(now).await.unwrap().is_empty());
    }
    assert_eq!(slow.change(|world| world.descriptions), 2, "at the start, and once since");

    // The description that `slow` was asked for is used when it comes.
    slow.change(|world| world.version = "2".to_owned());
    let version = || grants.service(&name("slow")).unwrap().description.unwrap().version().to_owned();
    until("it described itself", || version() == "2").await;
}

/// Shows that a user's claims can be read again after they were stored. A worker needs them to revoke the user's grant.
/// Without them, only the user could revoke it.
#[tokio::test]
async fn claims_that_are_stored_can_be_read_again() {
    let deep = (0..70).fold(Json::from(true), |inner, _| Json::Array(vec![inner]));
    let long = Json::text("\u{4e16}".repeat(60_000));
    let too_long = Json::text("\u{4e16}".repeat(100_000));
    for (claim, expected) in [(deep, Some(true)), (too_long, Some(false)), (long, None)] {
        let mut claims = JsonObject::new();
        claims.insert("iss".to_owned(), "https://needle.example.com".into());
        claims.insert("sub".to_owned(), "joe".into());
        claims.insert("tree".to_owned(), claim);
        let user_info = UserInfo::from_claims(claims).unwrap();
        let asked = GrantRequest::new(user_info.clone());
        let world = World::plain();
        let clock = Arc::new(TestClock::default());
        let grants = host(&memory(), &ring(), service(&world)).clock(Arc::clone(&clock) as _).started().await;
        let outcome = grants.request(&svc(), asked.clone()).await;
        if let Some(is_deep) = expected {
            match outcome.unwrap_err() {
                GrantsError::Refused(TransitionError::Claims) => assert!(is_deep),
                // The request is refused before the plugin is asked (decision R8).
                GrantsError::Record(RecordError::TooLarge { .. }) => assert!(!is_deep),
                other => panic!("{other}"),
            }
            assert_eq!(world.credentials(), 0);
            continue;
        }
        let handed = granted(outcome);
        world.change(|world| world.revocations_to_fail = 1);
        assert!(grants.revoke(handed.grant, user_info).await.is_err());
        let worked = grants.run_due(clock.advance(Duration::from_secs(60))).await.unwrap();
        assert!(matches!(worked[0].outcome, WorkOutcome::Gone), "{worked:?}");
    }
}

/// Shows that a grant can be stored at every step if the plugin was asked for it at all, however long its claims are:
/// with the longest reference to a credential, and with the claim of a host with a long name.
#[tokio::test]
async fn the_largest_claims_leave_room_for_the_rest_of_the_grant() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let grants = host(&storage, &keys, service(&world)).started().await;
    let asked = |bytes: usize| {
        UserInfo::new("https://needle.example.com", format!("joe-{bytes}")).with("long", "x".repeat(bytes))
    };
    let (mut accepted, mut refused) = (0, 512 << 10);
    while refused - accepted > 1 {
        let bytes = usize::midpoint(accepted, refused);
        match grants.request(&svc(), GrantRequest::new(asked(bytes))).await {
            Ok(_) => accepted = bytes,
            Err(GrantsError::Record(RecordError::TooLarge { .. })) => refused = bytes,
            Err(other) => panic!("{other}"),
        }
    }
    world.set(Request::LongState);
    let requester = asked(accepted);
    let handed = granted(grants.request(&svc(), GrantRequest::new(requester.clone())).await);
    let other = host(&storage, &keys, service(&world)).name(&"b".repeat(1000)).started().await;
    let before = world.credentials();
    assert_eq!(other.revoke(handed.grant, requester).await.unwrap(), Revoked::Destroyed);
    assert_eq!(world.credentials(), before - 1);
}
