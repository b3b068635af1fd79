//! Tests that the plugin gets the verified request of an order.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::{
    CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder, OrderMetadata,
    OrderOutcome, OrderRequest, Pkcs10, RequestContext, RequestTypes, Support, Waiting, async_trait,
};
use keyway_core::Clock as _;
use keyway_host::HostBuilder;
use keyway_host::orders::{Authority, NewOrder};
use keyway_x509::CertificateRequest;

use crate::world::*;

const REQUEST: &str = include_str!("pem/request.pem");

/// An authority that records the requests of the orders about which it is asked.
#[derive(Debug, Default)]
struct Reading(Mutex<Vec<Arc<CertificateRequest>>>);

impl Reading {
    fn read(&self, metadata: &OrderMetadata, context: &RequestContext) -> Result<(), CertificateError> {
        let Pkcs10::Sent(request) = metadata.pkcs10(context)? else { panic!("a request of the client") };
        self.0.lock().unwrap().push(request);
        Ok(())
    }

    fn seen(&self) -> Vec<Arc<CertificateRequest>> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl CertificateAuthority for Reading {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.request_types(RequestTypes::SIMPLE_CMC)
    }

    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
        self.read(&request.metadata, &request.context)?;
        Ok(Support::Yes)
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.read(&order.metadata, &order.context)?;
        Ok(OrderOutcome::WaitingForCa(Waiting::new("")))
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.issue(order).await
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        Ok(Vec::new())
    }
}

fn of_client() -> OrderMetadata {
    let json = serde_json::json!({ "request_type": "simple-cmc", "request_data": STANDARD.encode(REQUEST) });
    metadata(&json.to_string())
}

#[tokio::test]
async fn the_plugin_gets_the_request_that_the_host_verified() {
    let (clock, ca) = (Arc::default(), Arc::new(Reading::default()));
    let (storage, keys) = (memory(), ring());
    let host = || -> HostBuilder {
        builder(&storage, &keys, &clock)
            .authority(Authority::with_authority(named("ca"), Arc::clone(&ca) as Arc<_>))
    };
    let world = World::start(host(), &clock).await;
    let metadata = of_client();
    let verified = metadata.request_data().unwrap();
    world.submit(NewOrder::new(joe(), metadata)).await.unwrap();
    world.work().await;
    let seen = ca.seen();
    assert!(seen.len() == 2 && seen.iter().all(|request| Arc::ptr_eq(request, &verified)), "{seen:?}");

    // After the first call, and after a restart, the request is verified again, because the stored record does not
    // prove that it was verified.
    world.pass(2 * DELAY).await;
    World::start(host(), &clock).await.pass(2 * DELAY).await;
    let seen = ca.seen();
    assert!(seen.len() == 4 && seen.iter().all(|request| *request == verified), "{seen:?}");
    assert!(!Arc::ptr_eq(&seen[2], &verified) && !Arc::ptr_eq(&seen[3], &verified));
}

#[tokio::test]
async fn more_orders_than_are_remembered_are_issued_all_the_same() {
    const MANY: usize = 150;
    let (clock, ca) = (Arc::<TestClock>::default(), Arc::new(Reading::default()));
    let authority = Authority::with_authority(named("ca"), Arc::clone(&ca) as Arc<_>);
    let world = World::start(builder(&memory(), &ring(), &clock).authority(authority), &clock).await;
    for _ in 0..MANY {
        world.submit(NewOrder::new(joe(), of_client())).await.unwrap();
    }
    let now = clock.now();
    while !world.host.run_due(now).await.unwrap().is_empty() {}
    let seen = ca.seen();
    let expected = CertificateRequest::from_pem(REQUEST).unwrap();
    assert!(seen.len() == 2 * MANY && seen.iter().all(|request| **request == expected), "{}", seen.len());
    let again =
        |request: &&Arc<CertificateRequest>| !seen[..MANY].iter().any(|one| Arc::ptr_eq(one, request));
    assert_eq!(seen[MANY..].iter().filter(again).count(), MANY - 128);
}
