//! Tests revocation and revocation lists.

use std::sync::Arc;

use keyway_certificates::core::{Clock as _, ErrorKind, PluginError as _};
use keyway_certificates::{CaId, CertificateAuthority as _, DeleteCa, Pem, RevocationReason};
use keyway_local_ca::{LocalCa, RevocationList};
use keyway_storage::{Layered, Limits, Memory, Storage as _, StorageLayer};
use keyway_x509::IssuedFacts;
use keyway_x509::issuing::to_pem;
use pollster::block_on;
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::CrlReason;

use crate::foreign::{Foreign, renumbered};
use crate::support::{Client, Desk, create, intent, issued, revoke, try_create, with_root};

fn list(ca: &LocalCa, id: &str) -> RevocationList {
    block_on(ca.revocation_list(&CaId::new(id).unwrap())).unwrap()
}

/// Reads the serial numbers of a list, with their reasons.
fn entries(list: &RevocationList) -> Vec<(Vec<u8>, Option<CrlReason>)> {
    let read: CertificateList = CertificateList::from_der(&list.der).unwrap();
    assert_eq!(read.to_der().unwrap(), list.der);
    let revoked = read.tbs_cert_list.revoked_certificates.unwrap_or_default();
    revoked
        .iter()
        .map(|entry| {
            let reason = entry.crl_entry_extensions.as_ref().map(|extensions| {
                assert_eq!(extensions.len(), 1);
                CrlReason::from_der(extensions[0].extn_value.as_bytes()).unwrap()
            });
            (entry.serial_number.as_bytes().to_vec(), reason)
        })
        .collect()
}

#[test]
fn every_reason_is_on_the_list() {
    let desk = Desk::new();
    let ca = desk.with_root();
    assert!(entries(&list(&ca, "base")).is_empty());
    let mut expected = Vec::new();
    for reason in RevocationReason::ALL {
        let made = issued(&ca, &Client::new("a.example.com"), None);
        revoke(&ca, &made.certificate, None, reason).unwrap();
        expected.push((IssuedFacts::read(made.certificate.as_str()).unwrap().serial_bytes(), reason.code()));
    }
    expected.sort();
    let found = entries(&list(&ca, "base"));
    let found: Vec<_> =
        found.into_iter().map(|(serial, reason)| (serial, reason.map_or(0, |reason| reason as u8))).collect();
    assert_eq!(found, expected);
    assert_eq!(entries(&list(&desk.with_root(), "base")).len(), expected.len(), "another handle");
}

#[test]
fn a_list_is_signed_again_when_something_changed_or_half_of_its_time_has_passed() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let first = list(&ca, "base");
    assert_eq!(first.number, 1);
    assert_eq!(first.next_update.as_seconds() / 86_400, desk.clock.now().as_seconds() / 86_400 + 7);
    assert_eq!(list(&ca, "base"), first);
    assert_eq!(block_on(ca.renew_revocation_lists()).unwrap(), []);
    assert_eq!(list(&desk.with_root(), "base"), first, "another handle reads it");

    let made = issued(&ca, &Client::new("a.example.com"), None);
    revoke(&ca, &made.certificate, None, RevocationReason::Superseded).unwrap();
    let second = list(&ca, "base");
    assert_eq!((second.number, entries(&second).len()), (2, 1));

    desk.clock.advance_days(4);
    let sub = create(&ca, "Sub");
    let renewed = block_on(ca.renew_revocation_lists()).unwrap();
    let numbers: Vec<_> =
        renewed.iter().map(|(ca, list)| (ca.as_str(), list.number, entries(list).len())).collect();
    assert_eq!(numbers, [("base", 3, 1), (sub.id.as_str(), 1, 0)]);
    assert!(renewed[0].1.next_update > second.next_update);

    // In a host, the engine calls `maintain` to renew the lists.
    let half = block_on(ca.maintain()).unwrap().unwrap();
    assert!(half > desk.clock.now() && half < renewed[0].1.next_update);
    desk.clock.advance_days(4);
    assert!(block_on(ca.maintain()).unwrap().unwrap() > half);
    let another = desk.with_root();
    assert_eq!([list(&another, "base").number, list(&another, sub.id.as_str()).number], [4, 2]);
}

/// A storage engine with a small limit for values. Only the revocation list exceeds the limit.
#[derive(Debug)]
struct Small(Memory);

impl StorageLayer for Small {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.0
    }

    fn limits(&self) -> Limits {
        Limits { value_bytes: 300, ..self.0.limits() }
    }
}

#[test]
fn a_list_beyond_the_largest_value_is_signed_by_each_handle() {
    let desk = Desk::over(Arc::new(Layered(Small(Memory::new()))));
    let ca = desk.with_root();
    let small = list(&ca, "base");
    assert_eq!(list(&desk.with_root(), "base"), small, "a short list is read");
    for _ in 0..5 {
        let made = issued(&ca, &Client::new("a.example.com"), None);
        revoke(&ca, &made.certificate, None, RevocationReason::Superseded).unwrap();
    }
    let long = list(&ca, "base");
    assert!(long.der.len() > 300 && long.number == 2 && entries(&long).len() == 5);
    assert_eq!(list(&ca, "base"), long, "the handle that signed it returns it");

    // The stored list is older than the state, so it is never returned.
    let another = desk.with_root();
    let own = list(&another, "base");
    assert_eq!((own.number, entries(&own)), (3, entries(&long)));
    assert_eq!(list(&another, "base"), own);
    assert_eq!(list(&ca, "base").number, 4, "the newest list counts, and this handle does not have it");
}

#[test]
fn a_certificate_of_another_authority_is_not_revoked() {
    let desk = Desk::new();
    let (ca, other) = (desk.with_root(), Desk::new().with_root());
    let sub = create(&ca, "Sub");
    let reason = RevocationReason::KeyCompromise;
    let foreign = issued(&other, &Client::new("a.example.com"), None);
    let refused = revoke(&ca, &foreign.certificate, None, reason).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let by_sub = issued(&ca, &Client::new("a.example.com"), Some(&sub.id));
    assert!(revoke(&ca, &by_sub.certificate, None, reason).is_err());
    revoke(&ca, &by_sub.certificate, Some(&sub.id), reason).unwrap();
    assert!(entries(&list(&ca, "base")).is_empty());
    assert_eq!(entries(&list(&ca, sub.id.as_str())).len(), 1);
    let unknown = block_on(ca.revocation_list(&CaId::new("none").unwrap())).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

#[test]
fn a_deleted_authority_is_revoked_by_its_parent_and_signs_nothing() {
    let desk = Desk::new();
    let mut configuration = with_root();
    configuration["root"]["path_length"] = 2.into();
    let ca = desk.open(configuration.clone());
    let sub = create(&ca, "Sub");
    let below = try_create(&ca, "Below", Some(&sub.id)).unwrap();
    let delete = |id: &CaId| block_on(ca.delete_ca(&DeleteCa::new(intent(), id.clone())));
    assert_eq!(delete(&sub.id).unwrap_err().kind(), ErrorKind::Denied, "it has another one below it");

    // Another handle has loaded the authority before its deletion.
    let another = desk.open(configuration);
    issued(&another, &Client::new("a.example.com"), Some(&below.id));
    delete(&below.id).unwrap();
    delete(&sub.id).unwrap();
    let reason = Some(CrlReason::CessationOfOperation);
    let serial = IssuedFacts::read(sub.signing_certificate.unwrap().as_str()).unwrap().serial_bytes();
    assert_eq!(entries(&list(&ca, "base")), [(serial, reason)]);
    let client = Client::new("a.example.com");
    let order = crate::support::order("late", &client.metadata())
        .with_context(keyway_certificates::RequestContext::new().with_ca(below.id.clone()));
    assert_eq!(block_on(another.issue(&order)).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(block_on(another.revocation_list(&below.id)).is_err());
    // The name of the deleted authority can be used again.
    create(&ca, "Sub");
}

#[test]
fn a_list_has_each_serial_number_as_its_certificate_has_it() {
    let ca = Desk::new().open(serde_json::json!({}));
    let authority = Foreign::new("CN=Old", None, 300, |_| {});
    block_on(ca.import(authority.key_pem(), None, &authority.pem(), None)).unwrap();
    let made = issued(&ca, &Client::new("a.example.com"), None);
    let der = &keyway_x509::certificates_of_pem(made.certificate.as_str()).unwrap()[0];
    // A number of 20 bytes whose first bit is set, its negative twin, and numbers that a list without signs confuses.
    let (mut long, short) = (vec![0x91; 21], [vec![0xff], vec![0, 0xff], vec![0]]);
    long[0] = 0;
    let mut expected = vec![(long[1..].to_vec(), None), (long, None)];
    expected.extend(short.map(|serial| (serial, None)));
    for (serial, _) in &expected {
        let foreign = to_pem("CERTIFICATE", &renumbered(der, &authority.key, serial));
        let foreign = Pem::new(foreign).unwrap();
        revoke(&ca, &foreign, None, RevocationReason::Unspecified).unwrap();
        revoke(&ca, &foreign, None, RevocationReason::Unspecified).unwrap();
    }
    expected.sort();
    assert_eq!(entries(&list(&ca, "base")), expected);
}

#[test]
fn a_list_that_begins_in_the_future_is_signed_again() {
    let desk = Desk::new();
    let ca = desk.with_root();
    list(&ca, "base");
    desk.clock.advance_days(300);
    assert_eq!(list(&ca, "base").number, 2);
    desk.clock.set_back_days(300);
    let now = list(&ca, "base");
    assert!(now.number == 3 && now.this_update <= desk.clock.now(), "{now:?}");
    assert_eq!(list(&ca, "base"), now);
}
