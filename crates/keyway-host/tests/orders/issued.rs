//! Tests the checks of issued certificates, and the log of them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::{
    CaInformation, CertificateAuthority as _, CertificateAuthorityLayer, CertificateError, CertificateStatus,
    IssuedCertificate, Layered, OrderMetadata, Pem, RevocationReason,
};
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use keyway_core::{Clock as _, ErrorKind, Json, JsonObject, PluginError};
use keyway_host::orders::{
    Authority, End, IssuedBy, KeptAs, NewOrder, Order, OrderStatus, OrdersError, Phase, TransitionError,
};
use keyway_storage::Storage;

use crate::world::*;

pub(crate) const REQUEST: &str = include_str!("pem/request.pem");
pub(crate) const CERTIFICATE: &str = include_str!("pem/certificate.pem");
pub(crate) const ROOT: &str = include_str!("pem/root.pem");

pub(crate) fn issued(certificate: &str, intermediates: &str) -> IssuedCertificate {
    IssuedCertificate::new(Pem::new(certificate).unwrap())
        .with_intermediates(Pem::new(intermediates).unwrap())
}

pub(crate) fn simple_cmc() -> NewOrder {
    simple_cmc_of(REQUEST)
}

pub(crate) fn simple_cmc_of(request: &str) -> NewOrder {
    let data = Json::from(STANDARD.encode(request));
    let mut fields = JsonObject::new();
    fields.insert("request_type".to_owned(), "simple-cmc".into());
    fields.insert("request_data".to_owned(), data);
    NewOrder::new(joe(), OrderMetadata::new(fields).unwrap())
}

async fn ended(ca: ScriptedCa, order: NewOrder, later: Duration) -> (World, Order) {
    let world = start(&ca.looks(0)).await;
    world.clock.advance(later);
    let order = world.submit(order).await.unwrap();
    world.work().await;
    let order = world.look(&order).await;
    (world, order)
}

#[tokio::test]
async fn a_certificate_that_breaks_a_rule_ends_the_order_and_is_kept_in_quarantine() {
    let century = Duration::from_secs(120 * 366 * 24 * 3600);
    let none = Duration::ZERO;
    for (certificate, intermediates, later, reason) in [
        (ROOT, ROOT, none, "key"),
        (CERTIFICATE, CERTIFICATE, none, "names another issuer"),
        (CERTIFICATE, ROOT, century, "valid"),
        ("no certificate", ROOT, none, "PEM"),
        (CERTIFICATE, "no certificate", none, "PEM"),
    ] {
        let ca = ScriptedCa::new().with_certificate(issued(certificate, intermediates));
        let (world, order) = ended(ca, simple_cmc(), later).await;
        let state = order.state;
        assert_eq!((state.phase, state.status()), (Phase::Finished(End::Failed), OrderStatus::Error));
        assert!(state.message.contains(reason), "{reason}: {}", state.message);
        assert_eq!(state.sub_status, Some(CertificateStatus::Generated));
        assert_eq!(state.certificate.unwrap().certificate.as_str(), certificate, "it is kept");
        assert!(order.container.is_none());
        if certificate != CERTIFICATE {
            continue;
        }
        let logged =
            async || world.issued(IssuedBy::Name("door.example.com"), None, 9).await.unwrap().entries;
        let entries = logged().await;
        let [entry] = entries.as_slice() else { panic!("the authority made it: {entries:?}") };
        let quarantined = (&order.id, KeptAs::Quarantined, None);
        assert_eq!((&entry.order, entry.kept_as, entry.revoked), quarantined);
        world.revoke(&joe(), &order.id, RevocationReason::KeyCompromise).await.unwrap();
        world.work().await;
        assert_eq!(logged().await[0].revoked, Some(world.clock.now()));
    }
    // The certificate is for a different key than the request.
    let (_, order) = ended(ScriptedCa::new(), simple_cmc(), none).await;
    assert!(order.state.message.contains("key"), "{}", order.state.message);
}

/// An authority that describes only its root.
#[derive(Debug)]
struct RootOnly(ScriptedCa);

impl CertificateAuthorityLayer for RootOnly {
    type Inner = ScriptedCa;

    fn inner(&self) -> &ScriptedCa {
        &self.0
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        let all = self.0.ca_information().await?;
        Ok(all.into_iter().map(|ca| ca.with_signing_certificate(Pem::new(ROOT).unwrap())).collect())
    }
}

/// Changes the last byte of a certificate. This byte belongs to the signature.
fn with_another_signature(pem: &str) -> String {
    let (_, lines) = pem.split_once('\n').unwrap();
    let (body, _) = lines.split_once("-----END").unwrap();
    let mut der = STANDARD.decode(body.replace('\n', "")).unwrap();
    *der.last_mut().unwrap() ^= 1;
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

#[tokio::test]
async fn a_certificate_without_a_chain_needs_the_signature_of_the_described_authority() {
    let forged = with_another_signature(CERTIFICATE);
    for (certificate, end) in [(CERTIFICATE, End::Generated), (&forged, End::Failed)] {
        let issued = IssuedCertificate::new(Pem::new(certificate).unwrap());
        let ca = ScriptedCa::new().with_certificate(issued).looks(0);
        let authority = Authority::with_authority(named("ca"), Arc::new(Layered(RootOnly(ca))));
        let clock = Arc::default();
        let world = World::start(builder(&memory(), &ring(), &clock).authority(authority), &clock).await;
        let order = world.submit(simple_cmc()).await.unwrap();
        world.work().await;
        let state = world.look(&order).await.state;
        assert_eq!(state.phase, Phase::Finished(end), "{}", state.message);
        assert_eq!(state.message.contains("must be signed"), end == End::Failed, "{}", state.message);
    }
}

#[tokio::test]
async fn a_certificate_and_its_entry_in_the_log_are_one_commit() {
    let storage = memory();
    let (keys, clock) = (ring(), Arc::default());
    let ca = ScriptedCa::new().with_certificate(issued(CERTIFICATE, ROOT)).looks(0);
    let host = |storage: &Arc<dyn Storage>| builder(storage, &keys, &clock).authority(given("ca", &ca));
    World::start(host(&storage), &clock).await;
    let log =
        async |world: &World| world.issued(IssuedBy::Serial("1f2e3d"), None, 99).await.unwrap().entries.len();
    for commits in 0..6 {
        let dying = dying(&storage, commits, false, true);
        let world = World::start(host(&dying), &clock).await;
        let _ = world.submit(simple_cmc().with_request_id(format!("{commits}"))).await;
        let _ = world.host.run_due(world.clock.advance(Duration::ZERO)).await;
        let world = World::start(host(&storage), &clock).await;
        let listed = world.list(&joe()).await.unwrap();
        let have_one = listed.iter().filter(|order| order.state.certificate.is_some()).count();
        assert_eq!(log(&world).await, have_one, "after {commits} commits");
    }
    assert!(log(&World::start(host(&storage), &clock).await).await > 0);
}

#[tokio::test]
async fn a_late_certificate_is_in_the_log_with_its_revocation() {
    let ca = ScriptedCa::new();
    let world = start(&ca).await;
    let request = || new_order().with_request_id("late");
    let order = world.submit(request()).await.unwrap();
    world.work().await;
    ca.script(CaCall::Check, [Step::fault(Fault::LostAnswer)]);
    world.pass(2 * DELAY).await;
    world.cancel(&joe(), &order.id).await.unwrap();
    world.work().await;
    let canceled = world.look(&order).await.state;
    assert_eq!(canceled.phase, Phase::Finished(End::Canceled));
    assert!(canceled.late.is_some_and(|late| late.revoked));
    assert!(world.delete(&joe(), &order.id).await.unwrap().is_none());
    let logged = world.issued(IssuedBy::Name("door.example.com"), None, 9).await.unwrap().entries;
    let [entry] = logged.as_slice() else { panic!("the authority made it: {logged:?}") };
    let late = (&order.id, KeptAs::Late, Some(world.clock.now()));
    assert_eq!((&entry.order, entry.kept_as, entry.revoked), late);
    // The authority would return the revoked certificate.
    let refused = world.submit(request()).await.unwrap_err();
    assert!(matches!(refused, OrdersError::Refused(TransitionError::Deleted)), "{refused}");
}

#[tokio::test]
async fn the_request_id_of_a_deleted_order_with_a_certificate_is_refused() {
    let ca = ScriptedCa::new().with_certificate(issued(CERTIFICATE, ROOT));
    let again = || simple_cmc().with_request_id("again");
    let (world, first) = ended(ca.clone(), again(), Duration::ZERO).await;
    assert!(world.delete(&joe(), &first.id).await.unwrap().is_none());
    let effects = ca.effects().len();
    let refused = world.submit(again()).await.unwrap_err();
    assert!(matches!(refused, OrdersError::Refused(TransitionError::Deleted)), "{refused}");
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    world.work().await;
    assert_eq!(ca.effects().len(), effects);
    assert!(world.list(&joe()).await.unwrap().is_empty());
    world.submit(simple_cmc().with_request_id("another")).await.unwrap();
}

#[tokio::test]
async fn a_good_certificate_is_found_in_the_log_by_serial_and_by_name() {
    let ca = ScriptedCa::new().with_certificate(issued(CERTIFICATE, ROOT));
    let (world, order) = ended(ca, simple_cmc(), Duration::ZERO).await;
    assert_eq!(order.state.phase, Phase::Finished(End::Generated), "{}", order.state.message);
    for by in [IssuedBy::Serial("1f2e3d"), IssuedBy::Name("door.example.com")] {
        let page = world.issued(by, None, 9).await.unwrap();
        let [entry] = page.entries.as_slice() else { panic!("{by:?}: {page:?}") };
        assert_eq!((&entry.order, &entry.owner, entry.serial.as_str()), (&order.id, &joe(), "1f2e3d"));
        assert_eq!((&*entry.names, entry.kept_as), (&["door.example.com".to_owned()][..], KeptAs::Accepted));
        assert!(page.next.is_none());
    }
    for by in [IssuedBy::Serial("1f"), IssuedBy::Name("example.com"), IssuedBy::Name("1f2e3d")] {
        assert!(world.issued(by, None, 9).await.unwrap().entries.is_empty(), "{by:?}");
    }
    assert!(world.delete(&joe(), &order.id).await.unwrap().is_none());
    let page = world.issued(IssuedBy::Serial("1f2e3d"), None, 9).await.unwrap();
    assert_eq!(page.entries.len(), 1, "the log outlives the order");

    // More orders get the same certificate, and the log is read page by page.
    for _ in 0..2 {
        world.submit(simple_cmc()).await.unwrap();
    }
    world.work().await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = world.issued(IssuedBy::Name("door.example.com"), after.as_ref(), 2).await.unwrap();
        seen.extend(page.entries.into_iter().map(|entry| entry.order));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 3, "each once");
}
