//! Tests requests that the host makes from keys in secret stores.

use std::sync::{Arc, Mutex};

use keyway_certificates::{
    CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder, OrderOutcome,
    OrderRequest, Pem, RequestTypes, Support, Waiting, async_trait,
};
use keyway_core::{ErrorKind, PluginError, Plugins, SecretValue, plugins};
use keyway_host::Host;
use keyway_host::orders::{AllowList, Authority, NamePattern, NewOrder, OrdersError, Rule};
use keyway_secrets::{NewSecret, SecretAddress, SecretName, SecretStore, StoreName};
use keyway_x509::{AlternativeName, CertificateRequest};

use crate::world::*;

const PLUGINS: Plugins = plugins! { keyway_generic };
const KEY: &str = include_str!("pem/key.pem");
const ENCRYPTED: &str = include_str!("pem/encrypted-key.pem");

/// An authority that waits, and records the requests that the host made.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<Option<Pem>>>);

impl Noting {
    fn note(&self, csr: Option<&Pem>) {
        self.0.lock().unwrap().push(csr.cloned());
    }
}

#[async_trait]
impl CertificateAuthority for Noting {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.request_types(RequestTypes::STORED_KEY).modifies(true)
    }

    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
        self.note(request.context.generated_csr.as_ref());
        Ok(Support::Yes)
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.note(order.context.generated_csr.as_ref());
        Ok(OrderOutcome::WaitingForCa(Waiting::new("")))
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.issue(order).await
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        Ok(Vec::new())
    }
}

/// Starts a host with a store `vault` that holds these secrets.
async fn vault(secrets: &[(&str, &str)], policy: Option<AllowList>) -> (World, Arc<Noting>) {
    let (keys, clock, ca) = (ring(), Arc::default(), Arc::new(Noting::default()));
    let authority = Authority::with_authority(named("ca"), Arc::clone(&ca) as Arc<_>);
    let mut builder = Host::builder(PLUGINS.registry().unwrap(), memory(), keys.clone())
        .order_limits(limits())
        .clock(Arc::clone(&clock) as Arc<_>)
        .authority(authority);
    if let Some(policy) = policy {
        builder = builder.order_policy(policy);
    }
    let world = World::start(builder, &clock).await;
    let name = StoreName::new("vault").unwrap();
    let store = world.host.stores().create(&name, "generic", serde_json::json!({}), &keys).await.unwrap();
    for (name, value) in secrets {
        let at = SecretAddress::shared(SecretName::new(*name).unwrap());
        store.create(NewSecret::new(at, SecretValue::text(*value))).await.unwrap();
    }
    (world, ca)
}

fn order(container: &str) -> NewOrder {
    let json = serde_json::json!({
        "request_type": "stored-key", "container_ref": container, "subject_dn": "CN=www.example.org,O=Example",
        "subject_alternative_names": ["dns:www.example.org", "IP:10.0.0.7"],
    });
    NewOrder::new(joe(), metadata(&json.to_string()))
}

#[tokio::test]
async fn the_host_makes_the_request_once_and_every_call_has_it() {
    let encrypted = [("web.private_key", ENCRYPTED), ("web.private_key_passphrase", "a-needle-passphrase")];
    for secrets in [&[("web", KEY)][..], &[("web.private_key", KEY)], &encrypted] {
        let (world, ca) = vault(secrets, None).await;
        world.submit(order("vault/web")).await.unwrap();
        world.work().await;
        world.pass(2 * DELAY).await;
        let seen = ca.0.lock().unwrap().clone();
        assert!(seen.len() == 3 && seen.iter().all(|csr| *csr == seen[0]), "{}", seen.len());
        let request = CertificateRequest::from_pem(seen[0].as_ref().unwrap().as_str()).unwrap();
        assert_eq!(request.subject().to_string(), "CN=www.example.org,O=Example");
        let names =
            [AlternativeName::dns("www.example.org").unwrap(), AlternativeName::Ip([10, 0, 0, 7].into())];
        assert_eq!(request.names(), names);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_named_by_its_container() {
    let bad = [("web", "no key"), ("web.private_key_passphrase", "x")];
    let wrong = [("web", ENCRYPTED), ("web.private_key_passphrase", "needle-wrong")];
    for (secrets, container, kind) in [
        (&[][..], "vault/web", ErrorKind::NotFound),
        (&[], "elsewhere/web", ErrorKind::NotFound),
        (&bad, "vault/web", ErrorKind::Invalid),
        (&[("web", ENCRYPTED)], "vault/web", ErrorKind::Invalid),
        (&wrong, "vault/web", ErrorKind::WrongKey),
    ] {
        let (world, ca) = vault(secrets, None).await;
        let refused = world.submit(order(container)).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{refused}");
        assert!(matches!(&refused, OrdersError::StoredKey { .. }) && refused.to_string().contains(container));
        for shown in [refused.to_string(), format!("{refused:?}"), refused.detail()] {
            assert!(!shown.contains("needle"), "{shown}");
        }
        assert!(ca.0.lock().unwrap().is_empty() && world.list(&joe()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_policy_judges_the_names_of_the_request() {
    let allows = |pattern| {
        let rule =
            Rule::new().name(NamePattern::new(pattern).unwrap()).name(NamePattern::new("10.0.0.7").unwrap());
        Some(AllowList::new().owner(joe(), rule))
    };
    let (world, _) = vault(&[("web", KEY)], allows("www.example.org")).await;
    world.submit(order("vault/web")).await.unwrap();
    let (world, _) = vault(&[("web", KEY)], allows("*.example.com")).await;
    assert_eq!(world.submit(order("vault/web")).await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn the_names_of_a_request_that_is_made_do_not_change() {
    let (world, _) = vault(&[("web", KEY)], None).await;
    let order = world.submit(order("vault/web")).await.unwrap();
    world.work().await;
    let change = |field: &str, value: &str| {
        let mut json: serde_json::Value = serde_json::from_str(&order.metadata().to_ascii()).unwrap();
        json[field] = value.into();
        metadata(&json.to_string())
    };
    let refused = world.modify(&joe(), &order.id, &change("subject_dn", "CN=other")).await.unwrap_err();
    assert!(refused.to_string().contains("subject_dn"), "{refused}");
    assert!(world.modify(&joe(), &order.id, &change("contact", "ada@example.org")).await.is_ok());
}
