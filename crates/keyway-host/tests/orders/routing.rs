//! Tests the choice of an order's authority.

use keyway_certificates::{CaId, Owner};
use keyway_conformance::certificates::{CaCall, ScriptedCa};
use keyway_core::{ErrorKind, PluginError};
use keyway_host::orders::{Authority, NewOrder, OrdersError, Phase};

use crate::world::*;

async fn two() -> (World, [ScriptedCa; 2]) {
    let cas = ["first", "second"].map(|name| ScriptedCa::new().with_name(name));
    let clock = std::sync::Arc::default();
    let builder =
        builder(&memory(), &ring(), &clock).authority(given("one", &cas[0])).authority(given("two", &cas[1]));
    (World::start(builder, &clock).await, cas)
}

fn id_of(world: &World, name: &str) -> CaId {
    let all = world.cas(&joe());
    all.into_iter().find(|ca| ca.information.name == name).expect("the authority is listed").id
}

fn to(ca: &CaId) -> NewOrder {
    NewOrder::new(joe(), metadata(&format!(r#"{{"ca_id": "{ca}"}}"#)))
}

#[tokio::test]
async fn an_order_goes_where_its_client_or_its_owner_wants() {
    let (world, cas) = two().await;
    assert_eq!(world.placed().await.authority, named("one"), "the first that supports it");
    let second = id_of(&world, "second");
    let order = world.submit(to(&second)).await.unwrap();
    assert_eq!((order.authority, order.ca), (named("two"), Some(CaId::new("base").unwrap())));
    world.work().await;
    assert_eq!(cas[1].calls(CaCall::Issue), 1);

    world.prefer(Some(&joe()), Some(&second)).await.unwrap();
    assert_eq!(world.placed().await.authority, named("two"));
    let eve = NewOrder::new(Owner::new("eve").unwrap(), metadata("{}"));
    assert_eq!(world.submit(eve.clone()).await.unwrap().authority, named("one"));
    world.prefer(None, Some(&second)).await.unwrap();
    assert_eq!(world.submit(eve).await.unwrap().authority, named("two"));
    world.prefer(Some(&joe()), Some(&id_of(&world, "first"))).await.unwrap();
    assert_eq!(world.placed().await.authority, named("one"), "the owner's own choice comes first");
    world.prefer(Some(&joe()), None).await.unwrap();
    assert_eq!(world.placed().await.authority, named("two"));
}

/// Tests that a preference is stored, so that another host sees it, and that the other host can remove it.
#[tokio::test]
async fn a_preference_is_seen_by_another_host() {
    let (storage, keys, clock) = (memory(), ring(), std::sync::Arc::default());
    let cas = ["first", "second"].map(|name| ScriptedCa::new().with_name(name));
    let host = |name| {
        builder(&storage, &keys, &clock)
            .name(name)
            .authority(given("one", &cas[0]))
            .authority(given("two", &cas[1]))
    };
    let (a, b) = (World::start(host("a"), &clock).await, World::start(host("b"), &clock).await);
    a.prefer(Some(&joe()), Some(&id_of(&a, "second"))).await.unwrap();
    assert_eq!(b.placed().await.authority, named("two"));
    b.prefer(Some(&joe()), None).await.unwrap();
    assert_eq!(a.placed().await.authority, named("one"));
}

/// Tests that the refusal names the fault of a connection that does not work, instead of the type of the request.
#[tokio::test]
async fn an_order_without_a_connection_that_works_names_its_fault() {
    let clock = std::sync::Arc::default();
    let builder =
        builder(&memory(), &ring(), &clock).authority(Authority::new(named("office"), "no-such-plugin"));
    let world = World::start(builder, &clock).await;
    let text = world.submit(new_order()).await.unwrap_err().to_string();
    assert!(text.contains("office could not be asked") && text.contains("no-such-plugin"), "{text}");
}

#[tokio::test]
async fn an_order_that_no_authority_takes_is_refused() {
    let (world, cas) = two().await;
    // The scripted authorities refuse this name.
    let nobody = NewOrder::new(joe(), metadata(r#"{"name": "a.refused"}"#));
    let refused = world.submit(nobody).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    let text = refused.to_string();
    assert!(text.contains("one") && text.contains("two"), "the refusal names those that were asked: {text}");
    let unknown = world.submit(to(&CaId::new("ca-7").unwrap())).await.unwrap_err();
    assert!(matches!(unknown, OrdersError::Ca(_)), "{unknown}");
    for (bad, field) in [
        (r#"{"request_type": "full-cmc"}"#, "request_type"),
        (r#"{"request_type": "magic"}"#, "request_type"),
        (r#"{"request_type": "simple-cmc"}"#, "request_data"),
        (r#"{"request_type": "simple-cmc", "request_data": "AAAA"}"#, "request_data"),
        (r#"{"ca_id": 7}"#, "ca_id"),
    ] {
        let refused = world.submit(NewOrder::new(joe(), metadata(bad))).await.unwrap_err();
        assert!(refused.to_string().contains(field), "{refused}");
    }
    assert!(world.list(&joe()).await.unwrap().is_empty());
    assert_eq!(cas[0].calls(CaCall::Issue), 0);
}

#[tokio::test]
async fn a_connection_that_does_not_work_blocks_no_other() {
    let clock = std::sync::Arc::default();
    let broken = keyway_host::orders::Authority::new(named("broken"), "not-linked");
    let ca = ScriptedCa::new().looks(0);
    let builder = builder(&memory(), &ring(), &clock).authority(broken).authority(given("ca", &ca));
    let world = World::start(builder, &clock).await;
    let views = world.authorities();
    assert!(views[0].capabilities.as_ref().is_err_and(|fault| fault.to_string().contains("not-linked")));
    assert!(views[1].capabilities.is_ok());
    let order = world.placed().await;
    assert_eq!(order.authority, named("ca"));
    world.work().await;
    assert!(matches!(world.look(&order).await.state.phase, Phase::Finished(_)));
}
