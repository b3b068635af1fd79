//! Tests the renewal of certificates by linked orders.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{Capabilities, IssuedCertificate, Pem, RevocationReason};
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use keyway_core::{Clock, Plugins, plugins};
use keyway_host::Host;
use keyway_host::orders::{Action, End, Phase, Renewal};
use keyway_secrets::{SecretAddress, SecretName, SecretStore, StoreName};
use keyway_storage::Storage;

use crate::world::*;

const PLUGINS: Plugins = plugins! { keyway_generic };
const CERTIFICATE: &str = include_str!("pem/certificate.pem");
const ROOT: &str = include_str!("pem/root.pem");
/// The length of a year. The certificates of these tests are valid for a century.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn scripted(capabilities: Capabilities) -> ScriptedCa {
    let issued = IssuedCertificate::new(Pem::new(CERTIFICATE).unwrap());
    ScriptedCa::new().looks(0).with_capabilities(capabilities).with_certificate(issued)
}

fn without_information() -> Capabilities {
    ScriptedCa::CAPABILITIES.renewal_information(false)
}

#[tokio::test]
async fn an_order_is_renewed_at_two_thirds_of_its_validity_and_the_newest_has_one_name() {
    let (keys, clock, ca) = (ring(), Arc::default(), scripted(without_information()));
    let name = StoreName::new("certificates").unwrap();
    let builder = Host::builder(PLUGINS.registry().unwrap(), memory(), keys.clone())
        .order_limits(limits())
        .clock(Arc::clone(&clock) as Arc<_>)
        .certificate_store(name.clone())
        .authority(given("ca", &ca));
    let world = World::start(builder, &clock).await;
    world.host.stores().create(&name, "generic", serde_json::json!({}), &keys).await.unwrap();
    let first = world.submit(new_order().with_renewal(Renewal::default())).await.unwrap();
    let plain = world.placed().await;
    world.work().await;
    let first = world.look(&first).await;
    assert_eq!(first.state.scheduled.unwrap().action, Action::Renew, "{first:?}");
    assert!(world.look(&plain).await.newest.is_none(), "nothing is renewed unless it is wanted");

    world.pass(60 * YEAR).await;
    assert_eq!(world.list(&joe()).await.unwrap().len(), 2, "it is too early");
    world.pass(7 * YEAR).await;
    let second = world.look(&first).await.state.renewal.unwrap().order().expect("it is renewed");
    let second = world.get(&joe(), &second).await.unwrap();
    assert_eq!(second.state.phase, Phase::Finished(End::Generated), "{second:?}");
    assert_eq!((&second.newest, second.metadata()), (&first.newest, first.metadata()));
    assert_eq!(world.look(&first).await.state.phase, Phase::Finished(End::Generated));

    let stable = first.newest.unwrap();
    let part = |part: &str| SecretName::new(format!("{}.{part}", stable.split_once('/').unwrap().1)).unwrap();
    let store = world.host.stores().open(&name).await.unwrap();
    let at = |name| SecretAddress::shared(name);
    let certificate = store.get(&at(part("certificate"))).await.unwrap();
    assert_eq!(certificate.value.expose_text(), Some(CERTIFICATE));
    let order = store.get(&at(part("order"))).await.unwrap();
    assert!(order.value.expose_text().unwrap().ends_with(second.id.as_str()));
    // The scripted authority returns the same certificate again. The host must not place one order after another
    // without a pause.
    assert!(second.state.renewal.unwrap().due > world.clock.now().plus(20 * YEAR));
}

/// Tests a renewal by an authority that has become a root, so that its certificates have no chain any more.
#[tokio::test]
async fn the_newest_certificate_has_no_chain_of_an_older_one() {
    let (storage, keys, clock) = (memory(), ring(), Arc::default());
    let name = StoreName::new("certificates").unwrap();
    let start = async |certificate: IssuedCertificate| {
        let ca = ScriptedCa::new().looks(0).with_capabilities(without_information());
        let ca = ca.with_certificate(certificate);
        let builder = Host::builder(PLUGINS.registry().unwrap(), Arc::clone(&storage), keys.clone())
            .name("a")
            .takeover_after(Duration::ZERO)
            .order_limits(limits())
            .clock(Arc::clone(&clock) as Arc<_>)
            .certificate_store(name.clone())
            .authority(given("ca", &ca));
        World::start(builder, &clock).await
    };
    let alone = IssuedCertificate::new(Pem::new(CERTIFICATE).unwrap());
    let world = start(alone.clone().with_intermediates(Pem::new(ROOT).unwrap())).await;
    world.host.stores().create(&name, "generic", serde_json::json!({}), &keys).await.unwrap();
    let first = world.submit(new_order().with_renewal(Renewal::default())).await.unwrap();
    world.work().await;
    let stable = world.look(&first).await.newest.unwrap();
    let part = |part: &str| SecretName::new(format!("{}.{part}", stable.split_once('/').unwrap().1)).unwrap();
    let chain = SecretAddress::shared(part("intermediates"));
    let store = world.host.stores().open(&name).await.unwrap();
    assert_eq!(store.get(&chain).await.unwrap().value.expose_text(), Some(ROOT));

    let world = start(alone).await;
    world.pass(70 * YEAR).await;
    let second = world.look(&first).await.state.renewal.unwrap().order().expect("it is renewed");
    let second = world.get(&joe(), &second).await.unwrap();
    assert_eq!(second.state.phase, Phase::Finished(End::Generated), "{second:?}");
    let store = world.host.stores().open(&name).await.unwrap();
    let mark = store.get(&SecretAddress::shared(part("order"))).await.unwrap();
    assert!(mark.value.expose_text().unwrap().ends_with(second.id.as_str()));
    assert_eq!(store.get(&chain).await.unwrap().value.expose_text(), Some(""));
}

#[tokio::test]
async fn an_authority_that_says_when_to_renew_is_asked() {
    let ca = scripted(ScriptedCa::CAPABILITIES);
    let world = start(&ca).await;
    let order = world.submit(new_order().with_renewal(Renewal::at_thousandths(1))).await.unwrap();
    world.work().await;
    assert_eq!(ca.calls(CaCall::RenewalInformation), 0);
    world.pass(Duration::from_secs(25 * 3600)).await;
    assert_eq!(ca.calls(CaCall::RenewalInformation), 1);
    // The scripted authority names a day in 2090.
    world.pass(50 * YEAR).await;
    assert!(
        world.look(&order).await.state.renewal.unwrap().order().is_none(),
        "the authority says that it is early"
    );
    world.pass(15 * YEAR).await;
    assert!(world.look(&order).await.state.renewal.unwrap().order().is_some());
    assert_eq!(ca.calls(CaCall::Issue), 2);
}

#[tokio::test]
async fn a_revoked_or_deleted_order_is_not_renewed() {
    let ca = scripted(without_information());
    let world = start(&ca).await;
    let wanted = || new_order().with_renewal(Renewal::default());
    let (revoked, deleted) = (world.submit(wanted()).await.unwrap(), world.submit(wanted()).await.unwrap());
    world.work().await;
    world.revoke(&joe(), &revoked.id, RevocationReason::KeyCompromise).await.unwrap();
    assert!(world.delete(&joe(), &deleted.id).await.unwrap().is_none(), "a renewal does not hold a record");
    world.pass(70 * YEAR).await;
    assert_eq!((ca.calls(CaCall::Issue), ca.calls(CaCall::Revoke)), (2, 1));
}

/// Tests that a renewal order is placed only once, even if the process ends between the writes of the old and the new
/// order.
#[tokio::test]
async fn a_renewal_is_placed_once() {
    let (storage, keys, clock) = (memory(), ring(), Arc::default());
    let ca = scripted(without_information());
    let host = |storage: &Arc<dyn Storage>| builder(storage, &keys, &clock).authority(given("ca", &ca));
    let world = World::start(host(&storage), &clock).await;
    world.submit(new_order().with_renewal(Renewal::default())).await.unwrap();
    world.work().await;
    clock.advance(67 * YEAR);
    // The process ends at each of these commits: the claim, the new order, and the step that notes the new order.
    for commits in 0..4 {
        for applied in [false, true] {
            let dying = dying(&storage, commits, applied, false);
            let host = World::start(host(&dying), &clock).await;
            let _ = host.host.run_due(clock.advance(DELAY)).await;
        }
    }
    let world = World::start(host(&storage), &clock).await;
    world.host.recover().await.unwrap();
    ca.script(CaCall::Issue, (0..9).map(|_| Step::fault(Fault::Unavailable)));
    world.host.run_due(clock.advance(DELAY)).await.unwrap();
    let orders = world.list(&joe()).await.unwrap();
    let renewals: Vec<_> = orders.iter().filter_map(|order| order.state.renewal.as_ref()?.order()).collect();
    assert_eq!((renewals.len(), orders.len()), (1, 2), "{orders:?}");
    assert_eq!(ca.doubled(), []);
}
