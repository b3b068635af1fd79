//! Tests the account: its binding to an external account, its record, and the change of its key.

use std::time::Duration;

use keyway_acme::ExternalAccount;
use keyway_certificates::CertificateAuthority as _;
use keyway_certificates::core::{ErrorKind, PluginError as _};
use keyway_storage::KeyRange;
use pollster::block_on;

use crate::support::{Desk, TestOrder, certified};

const MAC_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

#[test]
fn an_account_is_bound_to_the_external_one() {
    let mut desk = Desk::new();
    let external = ExternalAccount::new("kid-1", MAC_KEY).unwrap();
    desk.server.set(|settings| settings.external_account = Some(external.clone()));
    let order = TestOrder::new("order", &["door.example.com"]);
    let refused = block_on(desk.open().issue(&order.order)).unwrap_err();
    assert!(refused.to_string().contains("ExternalAccount"), "{refused}");
    desk.external_account = Some(external);
    certified(&desk.open(), &order);
}

#[test]
fn an_account_that_is_gone_fails_the_order_and_leaves_no_proof() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    assert_eq!(desk.server.proofs().len(), 1);
    desk.server.forget_accounts();
    let failed = block_on(acme.check(&order.order)).unwrap_err();
    assert!(failed.to_string().contains("account"), "{failed}");
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn handles_that_begin_together_have_one_account() {
    let desk = Desk::new();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let acme = desk.open();
            scope.spawn(move || {
                certified(&acme, &TestOrder::new(&format!("order-{number}"), &["door.example.com"]))
            });
        }
    });
    let made = TestOrder::new("last", &["door.example.com"]);
    certified(&desk.open(), &made);
    assert_eq!(desk.server.accounts(), 1);
}

#[test]
fn the_account_key_is_never_stored_in_the_clear() {
    let desk = Desk::new();
    certified(&desk.open(), &TestOrder::new("order", &["door.example.com"]));
    let all = block_on(desk.storage.scan(&KeyRange::all(), None, 99)).unwrap();
    // The object identifier of the curve P-256. Every unencrypted PKCS#8 key on this curve contains it, so a record
    // that contains it is not sealed.
    let curve = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    assert!(!all.entries.iter().any(|entry| entry.value.windows(curve.len()).any(|part| part == curve)));
}

#[test]
fn a_rolled_over_key_is_used_by_every_handle() {
    let desk = Desk::new();
    let (one, other) = (desk.open(), desk.open());
    certified(&one, &TestOrder::new("first", &["door.example.com"]));
    certified(&other, &TestOrder::new("second", &["door.example.com"]));
    block_on(one.roll_over_account_key()).unwrap();
    certified(&one, &TestOrder::new("third", &["door.example.com"]));
    // This handle has the old key in memory.
    certified(&other, &TestOrder::new("fourth", &["door.example.com"]));
    assert_eq!((desk.server.accounts(), desk.server.count("keyChange")), (1, 1));
}

#[test]
fn a_roll_over_whose_answer_was_lost_is_found_out() {
    let desk = Desk::new();
    let acme = desk.open();
    certified(&acme, &TestOrder::new("first", &["door.example.com"]));
    desk.server.set(|settings| settings.lost = Some("keyChange".into()));
    block_on(acme.roll_over_account_key()).unwrap_err();
    certified(&desk.open(), &TestOrder::new("second", &["door.example.com"]));
    certified(&acme, &TestOrder::new("third", &["door.example.com"]));
    assert_eq!(desk.server.accounts(), 1);
}

#[test]
fn a_roll_over_that_was_not_heard_keeps_the_old_key_and_goes_on_later() {
    let desk = Desk::new();
    let acme = desk.open();
    certified(&acme, &TestOrder::new("first", &["door.example.com"]));
    let before = desk.server.account_keys();
    desk.server.set(|settings| settings.unheard = Some("keyChange".into()));
    let failed = block_on(acme.roll_over_account_key()).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Internal);
    certified(&desk.open(), &TestOrder::new("second", &["door.example.com"]));
    assert_eq!(desk.server.account_keys(), before);
    block_on(desk.open().roll_over_account_key()).unwrap();
    assert_ne!(desk.server.account_keys(), before);
    certified(&acme, &TestOrder::new("third", &["door.example.com"]));
    assert_eq!(desk.server.accounts(), 1);
}

#[test]
fn proofs_that_the_server_was_not_told_of_are_made_again_after_a_roll_over() {
    for challenge in ["http-01", "dns-01"] {
        let mut desk = Desk::new();
        desk.configuration["challenges"] = serde_json::json!([challenge]);
        let acme = desk.open();
        let order = TestOrder::new("order", &["door.example.com", "gate.example.com"]);
        desk.server.set(|settings| settings.hidden_for = Some(Duration::from_secs(600)));
        block_on(acme.issue(&order.order)).unwrap();
        let before = desk.server.proofs();
        // Another handle changes the key.
        block_on(desk.open().roll_over_account_key()).unwrap();
        block_on(acme.check(&order.order)).unwrap();
        let shown = desk.server.proofs();
        assert!(shown.len() == 2 && !before.iter().any(|proof| shown.contains(proof)), "{shown:?}");
        certified(&acme, &order);
        assert_eq!(desk.server.proofs(), []);
    }
}

#[test]
fn a_roll_over_during_a_call_fails_no_order() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    desk.server.set(|settings| settings.slow = Some(("put".into(), Duration::from_secs(1))));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while desk.server.count("authorization") == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            // The proof is being shown.
            std::thread::sleep(Duration::from_millis(200));
            block_on(desk.open().roll_over_account_key()).unwrap();
        });
        let outcome = block_on(acme.issue(&order.order)).unwrap();
        assert!(outcome.waiting().is_some(), "{outcome:?}");
    });
    assert_eq!(desk.server.count("keyChange"), 1);
    certified(&acme, &order);
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn a_proof_that_another_open_order_uses_stays_after_a_roll_over() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.shares_authorizations = true);
    let acme = desk.open();
    let hides = || desk.server.set(|settings| settings.hidden_for = Some(Duration::from_secs(600)));
    let orders = ["one", "two"].map(|id| TestOrder::new(id, &["shared.example.com"]));
    for order in &orders {
        hides();
        block_on(acme.issue(&order.order)).unwrap();
    }
    let before = desk.server.proofs();
    assert_eq!(before.len(), 1);
    block_on(desk.open().roll_over_account_key()).unwrap();
    for order in &orders {
        hides();
        block_on(acme.check(&order.order)).unwrap();
        let shown = desk.server.proofs();
        assert!(shown.len() == 2 && shown.contains(&before[0]), "{shown:?}");
    }
    for order in &orders {
        certified(&acme, order);
    }
    let left = block_on(desk.storage.scan(&KeyRange::all(), None, 99)).unwrap();
    assert_eq!((left.entries.len(), desk.server.proofs().len()), (1, 0));
}
