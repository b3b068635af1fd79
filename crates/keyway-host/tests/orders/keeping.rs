//! Tests that certificates are kept in a secret store of the host.

use std::sync::Arc;

use keyway_certificates::Pem;
use keyway_conformance::certificates::ScriptedCa;
use keyway_core::{Plugins, plugins};
use keyway_host::Host;
use keyway_host::orders::{Action, End, Phase};
use keyway_secrets::{SecretAddress, SecretName, SecretStore, StoreName};

use crate::world::*;

const PLUGINS: Plugins = plugins! { keyway_generic };

#[tokio::test]
async fn a_certificate_is_kept_under_the_name_of_its_order() {
    let (keys, clock, ca) = (ring(), Arc::default(), ScriptedCa::new().looks(0));
    let store = StoreName::new("certificates").unwrap();
    let builder = Host::builder(PLUGINS.registry().unwrap(), memory(), keys.clone())
        .order_limits(limits())
        .clock(Arc::clone(&clock) as Arc<_>)
        .certificate_store(store.clone())
        .authority(given("ca", &ca));
    let world = World::start(builder, &clock).await;

    // The store does not exist yet, so the certificate waits in its order.
    let order = world.placed().await;
    world.host.run_due(clock.advance(std::time::Duration::ZERO)).await.unwrap();
    let storing = world.look(&order).await;
    assert_eq!((storing.state.phase, storing.container), (Phase::Storing, None));
    assert_eq!(storing.state.scheduled.unwrap().action, Action::Store);
    assert!(storing.state.message.contains("is not stored yet"), "{}", storing.state.message);

    world.host.stores().create(&store, "generic", serde_json::json!({}), &keys).await.unwrap();
    world.pass(DELAY).await;
    let ready = world.look(&order).await;
    assert_eq!(ready.state.phase, Phase::Finished(End::Generated));
    assert_eq!(ready.container, Some(format!("certificates/order-{}", order.id)));
    let opened = world.host.stores().open(&store).await.unwrap();
    let kept = ready.state.certificate.unwrap();
    for (part, pem) in
        [("certificate", Some(&kept.certificate)), ("intermediates", kept.intermediates.as_ref())]
    {
        let name = SecretName::new(format!("order-{}.{part}", order.id)).unwrap();
        let secret = opened.get(&SecretAddress::shared(name)).await.unwrap();
        assert_eq!(secret.value.expose_text(), pem.map(Pem::as_str), "{part}");
    }
}
