//! Tests `keyway-acme` and the host's engine for orders against a real Pebble, which fetches each proof.

mod books;
mod connection;
mod exchange;
mod load;
mod proxy;
mod server;

use std::sync::Arc;
use std::time::Duration;

use connection::{Connection, certified, dns, finished, metadata};
use keyway_acme::ExternalAccount;
use keyway_certificates::{
    CertificateAuthority as _, CertificateOrder, IntendedCall, IntentId, JsonObject, OrderId, OrderMetadata,
    OrderOutcome, Owner, PluginMeta, Reconciled, RenewalQuestion, RevocationReason,
};
use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Memory, Storage};
use keyway_tests::services::OrSkip as _;
use keyway_x509::AlternativeName;
use proxy::{Faults, Proxy};
use serde_json::json;
use server::{MAC_KEY, Pebble, Settings};

#[tokio::test(flavor = "multi_thread")]
async fn names_are_proved_by_pages_and_by_records() {
    let Some(programs) = Pebble::find().or_skip("certificates from Pebble") else { return };
    let connection = Connection::new(programs.start(Settings::default()));
    connection
        .run(async |host| {
            certified(&host, &[dns("door.example.com"), dns("gate.example.com")]).await;
            certified(&host, &[dns("example.org"), dns("*.example.org")]).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_proved_by_a_page() {
    let Some(programs) = Pebble::find().or_skip("certificates for addresses from Pebble") else { return };
    let connection = Connection::new(programs.start(Settings::default()));
    let address = AlternativeName::Ip([127, 0, 0, 1].into());
    connection.run(async |host| drop(certified(&host, &[address, dns("door.example.com")]).await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_bound_and_its_key_rolled_over() {
    let Some(programs) = Pebble::find().or_skip("accounts at Pebble") else { return };
    let external = ExternalAccount::new("kid-1", MAC_KEY).expect("a key");
    let server = programs.start(Settings { external: true, ..Settings::default() });
    let connection = Connection { external: Some(external), ..Connection::new(server) };
    connection
        .run(async |host| {
            let id = certified(&host, &[dns("door.example.com")]).await.id;
            let other = connection.open();
            tokio::task::spawn_blocking(move || pollster::block_on(other.roll_over_account_key()))
                .await
                .expect("no panic")
                .expect("another key");
            certified(&host, &[dns("gate.example.com")]).await;
            let owner = Owner::new("joe").expect("an owner");
            let orders = host.orders();
            orders.revoke(&owner, &id, RevocationReason::Superseded).await.expect("a wish");
            let mut waits = 0;
            loop {
                let order = orders.get(&owner, &id).await.expect("an order");
                let revocation = order.state.revocation.expect("a revocation");
                if revocation.revoked {
                    break;
                }
                waits += 1;
                assert!(waits < 600, "{revocation:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_renewal_information_is_told_which_certificate_is_replaced() {
    let Some(programs) = Pebble::find().or_skip("renewal information") else { return };
    let server = programs.start(Settings::default());
    let proxy = Proxy::start(&server, Faults::NONE);
    let connection = Connection { directory: proxy.directory(), ..Connection::new(server) };
    connection
        .run(async |host| {
            let order = certified(&host, &[dns("door.example.com")]).await;
            let old = order.state.certificate.expect("a certificate").certificate;
            let acme = connection.open();
            let question = RenewalQuestion::new(old.clone());
            let asked =
                tokio::task::spawn_blocking(move || pollster::block_on(acme.renewal_information(&question)));
            let told = asked.await.expect("no panic").expect("renewal information");
            assert_eq!(told.check_again_after, Some(Duration::from_secs(21_600)));
            let request = metadata(&[dns("door.example.com")]);
            let request = request.required_text("request_data").expect("a request");
            let renewing = json!({ "request_data": request, "replaces": old.as_str() });
            let renewing = OrderMetadata::from_json(renewing.to_string().as_bytes()).expect("metadata");
            finished(&host, renewing).await;
        })
        .await;
    assert_eq!(proxy.take_books().replaced.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_was_lost_is_taken_up_from_the_list() {
    let Some(programs) = Pebble::find().or_skip("lists of orders at Pebble") else { return };
    let connection = Connection::new(programs.start(Settings::default()));
    let taken = tokio::task::spawn_blocking(move || pollster::block_on(taken_up(connection)));
    taken.await.expect("no panic");
}

/// Places an order, deletes every record except that of the account, and asks for the outcome of the order.
async fn taken_up(connection: Connection) {
    const KIND: usize = 16;
    let placed = order("lost", JsonObject::new());
    connection.open().issue(&placed).await.expect("an outcome");

    let page = connection.storage.scan(&KeyRange::all(), None, 99).await.expect("a page");
    let forgotten: Arc<dyn Storage> = Arc::new(Memory::new());
    for entry in page.entries.iter().filter(|entry| entry.key[KIND] == 0) {
        let batch = Batch::new().put(entry.key.clone(), entry.value.clone(), Expectation::Absent);
        let outcome = forgotten.commit(batch).await.expect("a commit");
        assert!(matches!(outcome, CommitOutcome::Committed(_)));
    }
    let connection = Connection { storage: forgotten, ..connection };
    // The plugin made this checkpoint before it placed the order.
    let mut checkpoint = JsonObject::new();
    checkpoint.insert("placing".into(), "yes".into());
    let mut killed = order("lost", checkpoint);
    killed.metadata = placed.metadata;
    let acme = connection.open();
    let told = acme.reconcile(&IntendedCall::Issue(killed.clone()).into()).await.expect("an answer");
    assert!(matches!(told, Reconciled::Made(_)), "{told:?}");
    let mut outcome = acme.check(&killed).await.expect("an outcome");
    for _ in 0..200 {
        if outcome.waiting().is_none() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        outcome = acme.check(&killed).await.expect("an outcome");
    }
    assert!(matches!(outcome, OrderOutcome::Generated(_)), "{outcome:?}\n{}", connection.server.log());
}

fn order(id: &str, values: JsonObject) -> CertificateOrder {
    let meta = PluginMeta::new(values, Arc::new(std::sync::Mutex::new(JsonObject::new())));
    let intent = IntentId::new("intent-1").expect("an id");
    CertificateOrder::new(
        OrderId::new(id).expect("an id"),
        intent,
        metadata(&[dns("door.example.com")]),
        meta,
    )
}
