//! Tests the resealing of the records when the host's keys change.

use keyway_certificates::{CertificateAuthority as _, CertificateRevocation, IntentId, RevocationReason};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Batch, Expectation, KeyRange};
use pollster::block_on;

use crate::support::{Desk, TestOrder, certified};

/// Makes a record of each kind: the account, an open order with its claim, and a revocation.
fn records(desk: &Desk) -> (TestOrder, CertificateRevocation) {
    let acme = desk.open();
    let made = certified(&acme, &TestOrder::new("made", &["door.example.com"]));
    let intent = IntentId::new("revocation").unwrap();
    let revocation = CertificateRevocation::new(intent, made.certificate, RevocationReason::Superseded);
    block_on(acme.revoke(&revocation)).unwrap();
    let open = TestOrder::new("open", &["gate.example.com"]);
    block_on(acme.issue(&open.order)).unwrap();
    (open, revocation)
}

#[test]
fn records_move_to_a_new_key() {
    let mut desk = Desk::new();
    let (open, revocation) = records(&desk);
    let new = KeyRing::new([Key::generate().unwrap()]).unwrap();
    desk.keys = new.with_retiring(&desk.keys);
    assert_eq!(block_on(desk.open().reseal()).unwrap(), 4);
    assert_eq!(block_on(desk.open().reseal()).unwrap(), 0);

    desk.keys = new;
    let acme = desk.open();
    certified(&acme, &TestOrder { order: open.after_kill(), ..open });
    let revocations = desk.server.count("revokeCert");
    block_on(acme.revoke(&revocation)).unwrap();
    assert_eq!((desk.server.accounts(), desk.server.count("revokeCert")), (1, revocations));
}

#[test]
fn a_damaged_record_is_an_error_after_all_others_were_resealed() {
    let mut desk = Desk::new();
    records(&desk);
    let (old, new) = (desk.keys.clone(), KeyRing::new([Key::generate().unwrap()]).unwrap());
    let all = || block_on(desk.storage.scan(&KeyRange::all(), None, 99)).unwrap().entries;
    let first = all().remove(0);
    let batch = Batch::new().put(first.key, &first.value[..first.value.len() / 2], Expectation::Any);
    let _ = block_on(desk.storage.commit(batch)).unwrap();
    desk.keys = new.with_retiring(&old);
    let error = block_on(desk.open().reseal()).unwrap_err();
    assert!(error.to_string().contains("a record of the ACME connection"), "{error}");
    let readable = |value: &[u8]| new.open(&value[1..]).is_ok();
    let entries = block_on(desk.storage.scan(&KeyRange::all(), None, 99)).unwrap().entries;
    assert_eq!(entries.iter().filter(|entry| readable(&entry.value)).count(), 3);
}
