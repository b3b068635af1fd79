//! Tests the answers that users get, and the data that the host stores.

use keyway_core::{ErrorKind, PluginError};
use keyway_host::grants::{
    Decision, DuplicatePolicy, GrantOutcome, GrantRequest, GrantsError, Phase, Revoked, Service,
    ServiceFault, TransitionError,
};
use keyway_issuers::{CredentialRef, IntentId, Issuer, Login, UserInfo};
use keyway_storage::KeyRange;
use std::sync::Arc;

use crate::world::*;

#[tokio::test]
async fn a_credential_is_handed_over_once_and_revoked_for_good() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let grants = host(&storage, &keys, service(&world)).started().await;
    let handed = granted(grants.request(&svc(), with_key("needle-joe", "needle-parameter")).await);
    assert_eq!(handed.credential[0].expose_value(), "needle-value-1");
    assert!(!handed.reused);

    // Another run of the host sees the grant. The storage holds none of its texts in plain form.
    let grants = host(&storage, &keys, service(&world)).started().await;
    let listed = grants.list(&user("needle-joe").user).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id, listed[0].state.phase), (handed.grant, Phase::Granted));
    assert_eq!(listed[0].state.credential, Some(CredentialRef::new("needle-state-1")));
    for entry in storage.scan(&KeyRange::all(), None, 100).await.unwrap().entries {
        for bytes in [entry.key, entry.value] {
            assert!(!bytes.windows(6).any(|window| window == b"needle"));
        }
    }

    // Another user's grant counts as missing.
    assert_eq!(grants.revoke(handed.grant, user("eve")).await.unwrap(), Revoked::NotThere);
    assert_eq!(world.credentials(), 1);
    assert_eq!(grants.revoke(handed.grant, user("needle-joe")).await.unwrap(), Revoked::Destroyed);
    assert_eq!(grants.revoke(handed.grant, user("needle-joe")).await.unwrap(), Revoked::NotThere);
    assert_eq!((world.credentials(), grants.list(&user("needle-joe").user).await.unwrap().len()), (0, 0));
    assert!(grants.recover().await.unwrap().is_empty());
    // Only the index key and the name of the host are left.
    assert_eq!(storage.scan(&KeyRange::all(), None, 100).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn states_are_unique_for_a_user_and_a_service_only() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    world.set(Request::SameState);
    let other = Service::with_issuer(name("other"), Arc::clone(&world) as Arc<dyn Issuer>).allow_everybody();
    let grants = host(&storage, &keys, service(&world)).service(other).started().await;
    let first = granted(grants.request(&svc(), plain_request("joe")).await);
    granted(grants.request(&name("other"), plain_request("joe")).await);
    granted(grants.request(&svc(), plain_request("ann")).await);

    let error = grants.request(&svc(), plain_request("joe")).await.unwrap_err();
    assert!(matches!(&error, GrantsError::StateTaken { grant } if *grant == first.grant), "{error}");
    assert!(error.user_message().contains("revoke it before"), "{error}");
    // Nothing was revoked, the old grant stays, and the orphan is reported.
    let listed = grants.list(&user("joe").user).await.unwrap();
    for grant in &listed {
        assert_eq!(grant.state.orphans, u32::from(grant.id == first.grant));
    }
    assert_eq!(world.change(|world| world.revocations), 0);

    // With the policy `Reuse`, the answer is the old grant, which counts once.
    let reusing = service(&world).duplicates(DuplicatePolicy::Reuse).limit(2);
    let grants = host(&storage, &keys, reusing).started().await;
    for _ in 0..3 {
        let again = granted(grants.request(&svc(), plain_request("joe")).await);
        assert_eq!((again.grant, again.reused), (first.grant, true));
        assert!(again.credential[0].expose_value().starts_with("needle-value-"));
    }
    assert_eq!(grants.list(&user("joe").user).await.unwrap().len(), 2);
    grants.revoke(first.grant, user("joe")).await.unwrap();
    let anew = granted(grants.request(&svc(), plain_request("joe")).await);
    assert!(!anew.reused && anew.grant != first.grant);
}

#[tokio::test]
async fn a_request_that_is_repeated_makes_nothing_twice() {
    let world = World::plain();
    let grants = start(&world).await;
    let again = || plain_request("joe").with_id(IntentId::new("order-17").unwrap());
    let first = granted(grants.request(&svc(), again()).await);
    match grants.request(&svc(), again()).await.unwrap() {
        GrantOutcome::Repeated(grant) => assert_eq!(grant, first.grant),
        other => panic!("{other:?}"),
    }
    assert_eq!((world.credentials(), world.change(|world| world.requests)), (1, 1));
    // The id of a request belongs to one user, so the same id of another user makes another grant.
    let anns = plain_request("ann").with_id(IntentId::new("order-17").unwrap());
    assert!(granted(grants.request(&svc(), anns).await).grant != first.grant);
}

#[tokio::test]
async fn another_login_can_be_asked_for() {
    let world = World::plain();
    world.set(Request::WantsLogin);
    let grants = start(&world).await;
    match grants.request(&svc(), plain_request("joe")).await.unwrap() {
        GrantOutcome::LoginRequired(login) => assert_eq!(login.provider, "iam"),
        other => panic!("{other:?}"),
    }
    assert!(grants.list(&user("joe").user).await.unwrap().is_empty());
    let user_info = UserInfo::new("https://iam.example.com", "j");
    let request = GrantRequest::new(user("joe").with_login(Login { user_info, access_token: None }));
    granted(grants.request(&svc(), request).await);
    assert_eq!(world.change(|world| world.logins.clone()), [0, 1]);
}

#[tokio::test]
async fn a_grant_of_a_missing_service_is_kept_unless_the_host_says_otherwise() {
    let (storage, keys, world) = (memory(), ring(), World::plain());
    let grants = host(&storage, &keys, service(&world)).started().await;
    let handed = granted(grants.request(&svc(), plain_request("joe")).await);
    let without = || without_services(&storage, &keys);
    let grants = without().started().await;
    let error = grants.revoke(handed.grant, user("joe")).await.unwrap_err();
    assert!(matches!(error, GrantsError::Refused(TransitionError::NoService)), "{error}");
    assert_eq!(grants.list(&user("joe").user).await.unwrap().len(), 1);
    let grants = without().drop_grants_of_missing_services(true).started().await;
    assert_eq!(grants.revoke(handed.grant, user("joe")).await.unwrap(), Revoked::Dropped);
    assert!(grants.list(&user("joe").user).await.unwrap().is_empty());
}

#[tokio::test]
async fn descriptions_are_refreshed_when_the_version_changes() {
    let world = World::plain();
    let grants = start(&world).await;
    let view = grants.service(&svc()).unwrap();
    let interface = view.description.as_ref().unwrap().user_interface();
    assert!(view.enabled && interface.without_parameters && interface.further_sets);
    assert_eq!(interface.sets.len(), 2);
    assert!(!grants.refresh(&svc()).await.unwrap(), "the same version");
    world.change(|world| world.version = "2".to_owned());
    assert!(grants.refresh(&svc()).await.unwrap());
    assert_eq!(grants.service(&svc()).unwrap().description.unwrap().version(), "2");

    // The host keeps the valid description of a plugin when a new description breaks rules.
    world.change(|world| world.version = "broken".to_owned());
    assert!(!grants.refresh(&svc()).await.unwrap());
    assert!(grants.services()[0].enabled);
}

#[tokio::test]
async fn a_service_with_faults_is_disabled_with_all_of_them_and_the_others_work() {
    let (storage, keys) = (memory(), ring());
    let (broken, fine) = (World::plain(), World::plain());
    broken.change(|world| world.version = "broken".to_owned());
    let misconfigured = Service::with_issuer(name("misconfigured"), Arc::clone(&fine) as Arc<dyn Issuer>)
        .configure("prefix", true)
        .configure("unknown", "x")
        .allow_everybody();
    let clock = Arc::new(TestClock::default());
    let grants = host(&storage, &keys, service(&fine))
        .service(
            Service::with_issuer(name("broken"), Arc::clone(&broken) as Arc<dyn Issuer>).allow_everybody(),
        )
        .service(misconfigured)
        .service(Service::new(name("unlinked"), "no-such-plugin").allow_everybody())
        .clock(Arc::clone(&clock) as _)
        .started()
        .await;
    let faults = |service: &str| grants.service(&name(service)).unwrap().faults;
    for (service, count) in [("broken", 2), ("misconfigured", 2), ("unlinked", 1), ("needle-svc", 0)] {
        assert_eq!(faults(service).len(), count, "{:?}", faults(service));
        assert_eq!(grants.service(&name(service)).unwrap().enabled, count == 0);
    }
    assert!(faults("broken").iter().all(|fault| matches!(fault, ServiceFault::Violation(_))));
    let error = grants.request(&name("broken"), plain_request("joe")).await.unwrap_err();
    assert!(matches!(error, GrantsError::Refused(TransitionError::Disabled)), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable { retry_after: None });
    granted(grants.request(&svc(), plain_request("joe")).await);

    // The plugin is repaired, and a worker notices by itself.
    broken.change(|world| world.version = "3".to_owned());
    grants.run_due(clock.advance(std::time::Duration::from_secs(31))).await.unwrap();
    until("it described itself", || faults("broken").is_empty()).await;
    granted(grants.request(&name("broken"), plain_request("joe")).await);
}

/// Tests a host that starts with a clock that is ahead, before it could be set.
#[tokio::test]
async fn a_clock_that_was_ahead_keeps_no_service_off() {
    let world = World::plain();
    world.change(|world| world.version = "broken".to_owned());
    let (clock, year) = (Arc::new(TestClock::default()), std::time::Duration::from_secs(365 * 24 * 3600));
    clock.advance(year);
    let built = host(&memory(), &ring(), service(&world)).clock(Arc::clone(&clock) as _);
    let grants = built.started().await;
    world.change(|world| world.version = "1".to_owned());
    grants.run_due(clock.set_back(year)).await.unwrap();
    until("it described itself", || grants.service(&svc()).unwrap().enabled).await;
}

#[tokio::test]
async fn nothing_is_decided_that_is_known() {
    let world = World::plain();
    let grants = start(&world).await;
    let handed = granted(grants.request(&svc(), plain_request("joe")).await);
    let joe = user("joe");
    let error =
        grants.decide(&joe.user, handed.grant, Decision::Made(CredentialRef::new("x"))).await.unwrap_err();
    assert!(matches!(error, GrantsError::Refused(TransitionError::NothingToDo)), "{error}");
    // A decision about a missing grant is no error, and neither is the revocation of a missing grant.
    for decision in [Decision::NothingThere, Decision::Made(CredentialRef::new("x"))] {
        assert!(grants.decide(&user("eve").user, handed.grant, decision).await.unwrap().is_none());
    }
    assert_eq!(grants.list(&joe.user).await.unwrap().len(), 1);
}
