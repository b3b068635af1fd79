//! Tests the records: they are sealed, bound to their places, and resealed when keys change.

use std::sync::Arc;

use keyway_certificates::core::{ErrorKind, PluginError as _};
use keyway_certificates::{CaId, CertificateAuthority as _, DeleteCa};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Batch, Entry, Expectation, KeyRange, Memory, Storage};
use pollster::block_on;

use crate::support::{Client, Desk, create, intent, issued, order, root};

/// The index of the kind in a key. Authorities are of kind 0, orders of kind 2, states of revocation lists of kind 4.
const KIND: usize = 16;

fn entries(storage: &Arc<dyn Storage>, kind: u8) -> Vec<Entry> {
    let page = block_on(storage.scan(&KeyRange::all(), None, 4096)).unwrap();
    page.entries.into_iter().filter(|entry| entry.key[KIND] == kind).collect()
}

fn put(storage: &Arc<dyn Storage>, key: &[u8], value: &[u8]) {
    let _ = block_on(storage.commit(Batch::new().put(key, value, Expectation::Any))).unwrap();
}

#[test]
fn nothing_of_a_key_and_no_name_is_readable() {
    let desk = Desk::new();
    let ca = desk.with_root();
    create(&ca, "Subordinate");
    let made = issued(&ca, &Client::new("door.example.com"), None);
    let der = &keyway_x509::certificates_of_pem(made.certificate.as_str()).unwrap()[0];
    let page = block_on(desk.storage.scan(&KeyRange::all(), None, 4096)).unwrap();
    for entry in page.entries {
        let all = [&entry.key[..], &entry.value[..]].concat();
        // Sealed bytes are random, so a short text could be among them by chance.
        for text in ["door.example", "Test Root", "Subordinate", "base", "intent"] {
            assert!(!all.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
        }
        assert!(!all.windows(32).any(|window| window == &der[..32]));
    }
}

#[test]
fn a_record_in_another_place_is_refused() {
    let desk = Desk::new();
    let ca = desk.with_root();
    create(&ca, "Sub");
    let authorities = entries(&desk.storage, 0);
    put(&desk.storage, &authorities[0].key, &authorities[1].value);
    put(&desk.storage, &authorities[1].key, &authorities[0].value);
    let error = block_on(desk.with_root().ca_information()).unwrap_err();
    assert!(error.to_string().contains("sealed for another place"), "{error}");
}

#[test]
fn a_changed_record_is_refused() {
    let desk = Desk::new();
    let ca = desk.with_root();
    root(&ca);
    let whole = entries(&desk.storage, 0).remove(0);
    for length in [0, 1, 5, 9, 40, whole.value.len() - 1] {
        put(&desk.storage, &whole.key, &whole.value[..length]);
        let error = block_on(desk.with_root().ca_information()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{length}: {error}");
    }
    let mut flipped = whole.value.clone();
    flipped[60] ^= 1;
    put(&desk.storage, &whole.key, &flipped);
    let error = block_on(desk.with_root().ca_information()).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn records_move_to_a_new_key() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let certificate = root(&ca);
    let client = Client::new("a.example.com");
    let one = order("order-1", &client.metadata());
    let made = crate::support::issue(&ca, &one).unwrap();

    let new = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let lost = Desk { keys: new.clone(), ..desk.clone() };
    let error = block_on(lost.with_root().ca_information()).unwrap_err();
    assert!(error.to_string().contains("lend the old key too"), "{error}");

    let both = Desk { keys: new.with_retiring(&desk.keys), ..desk };
    let ca = both.with_root();
    assert_eq!(block_on(ca.reseal()).unwrap(), 2);
    assert_eq!(block_on(ca.reseal()).unwrap(), 0);
    assert_eq!(root(&lost.with_root()), certificate);
    assert_eq!(crate::support::issue(&lost.with_root(), &one).unwrap(), made);
}

#[test]
fn a_damaged_record_does_not_stop_the_resealing_of_others() {
    let desk = Desk::new();
    let ca = desk.with_root();
    create(&ca, "Sub");
    crate::support::issue(&ca, &order("order-1", &Client::new("a.example.com").metadata())).unwrap();
    let first = entries(&desk.storage, 0).remove(0);
    put(&desk.storage, &first.key, &first.value[..40]);
    let new = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let id = new.primary_id().to_bytes();
    let both = Desk { keys: new.with_retiring(&desk.keys), ..desk };
    let error = block_on(both.with_root().reseal()).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    let all = [entries(&both.storage, 0), entries(&both.storage, 2)].concat();
    assert_eq!((all.len(), all.iter().filter(|entry| entry.value[1..].starts_with(&id)).count()), (3, 2));
}

#[test]
fn connections_share_an_engine_and_nothing_else() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let desk = Desk::over(storage);
    let ca = desk.with_root();
    let mut context = desk.context(crate::support::with_root());
    context.name = keyway_certificates::AuthorityName::new("other").unwrap();
    let other = keyway_local_ca::LocalCa::new(&context).unwrap();
    assert_ne!(root(&ca), root(&other));
}

#[test]
fn a_damaged_record_of_a_list_does_not_stop_the_lists_of_others() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let list = |id: &CaId| block_on(ca.revocation_list(id)).unwrap();
    list(&CaId::new("base").unwrap());
    put(&desk.storage, &entries(&desk.storage, 4)[0].key, &[9]);
    let sub = create(&ca, "Sub");
    let damaged = block_on(ca.maintain()).unwrap_err();
    assert!(damaged.to_string().contains("damaged"), "{damaged}");
    assert_eq!(entries(&desk.storage, 4).len(), 2);
    assert_eq!(list(&sub.id).number, 1);
}

#[test]
fn a_damaged_record_of_an_authority_does_not_stop_the_others() {
    let desk = Desk::new();
    let ca = desk.with_root();
    root(&ca);
    let base = entries(&desk.storage, 0).remove(0).key;
    let damaged = create(&ca, "Damaged");
    for entry in entries(&desk.storage, 0).iter().filter(|entry| entry.key != base) {
        put(&desk.storage, &entry.key, &entry.value[..40]);
    }
    let sub = create(&ca, "Sub");

    let error = block_on(ca.maintain()).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    let list = |id: &CaId| block_on(ca.revocation_list(id)).unwrap();
    assert_eq!(entries(&desk.storage, 4).len(), 2);
    assert_eq!([list(&CaId::new("base").unwrap()).number, list(&sub.id).number], [1, 1]);

    let ids = || -> Vec<_> {
        block_on(ca.ca_information()).unwrap().into_iter().map(|ca| ca.id.as_str().to_owned()).collect()
    };
    assert_eq!(ids(), ["base", sub.id.as_str()]);
    block_on(ca.delete_ca(&DeleteCa::new(intent(), sub.id))).unwrap();
    assert_eq!(ids(), ["base"]);
    let error = block_on(desk.with_root().revocation_list(&damaged.id)).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn an_authority_that_may_be_above_a_damaged_one_is_not_deleted() {
    let desk = Desk::new();
    let mut configuration = crate::support::with_root();
    configuration["root"]["path_length"] = 2.into();
    let ca = desk.open(configuration);
    root(&ca);
    let base = entries(&desk.storage, 0).remove(0).key;
    let above = create(&ca, "Above");
    let known: Vec<_> = entries(&desk.storage, 0).into_iter().map(|entry| entry.key).collect();
    crate::support::try_create(&ca, "Below", Some(&above.id)).unwrap();
    let below = entries(&desk.storage, 0).into_iter().find(|entry| !known.contains(&entry.key)).unwrap();
    assert_ne!(below.key, base);
    put(&desk.storage, &below.key, &below.value[..40]);
    let error = block_on(ca.delete_ca(&DeleteCa::new(intent(), above.id))).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn a_deleted_authority_leaves_a_short_record() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let sub = create(&ca, &"x".repeat(60));
    let shortest = || entries(&desk.storage, 0).iter().map(|entry| entry.value.len()).min().unwrap();
    assert!(shortest() > 800, "{}", shortest());
    block_on(ca.delete_ca(&DeleteCa::new(intent(), sub.id))).unwrap();
    assert!(shortest() < 400, "{}", shortest());
}
