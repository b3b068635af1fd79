//! Tests of the scripted authority.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_certificates::{
    Capabilities, CertificateAuthority, CertificateError, CertificateOrder, CertificateRevocation, IntentId,
    JsonObject, OrderId, OrderMetadata, OrderOutcome, PluginMeta, RetryMethod, RevocationReason,
};
use keyway_core::{Effect, PluginError as _};

use super::{CaCall, ScriptedCa, Step};
use crate::runtime::runtime;
use crate::scripted::Fault;

fn order(id: &str, intent: &str) -> CertificateOrder {
    let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
    let (id, intent) = (OrderId::new(id).unwrap(), IntentId::new(intent).unwrap());
    CertificateOrder::new(id, intent, OrderMetadata::default(), meta)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    runtime().unwrap().block_on(future)
}

#[test]
fn steps_are_followed_by_order_first() {
    let ca = ScriptedCa::new();
    let (one, other) = (order("o-1", "i-1"), order("o-2", "i-2"));
    let canceled = OrderOutcome::Canceled("by the script".into());
    ca.script(CaCall::Issue, [Step::fault(Fault::Refused), Step::work()]);
    ca.script_order(&other.id, CaCall::Issue, [Step::outcome(canceled.clone())]);
    run(async {
        assert_eq!(ca.issue(&other).await.unwrap(), canceled);
        assert_eq!(ca.issue(&one).await.unwrap_err().effect(), Effect::None);
        assert!(ca.effects().is_empty());
        assert!(matches!(ca.issue(&one).await.unwrap(), OrderOutcome::WaitingForCa(_)));
        assert!(matches!(ca.check(&one).await.unwrap(), OrderOutcome::Generated(_)));
    });
    assert_eq!((ca.calls(CaCall::Issue), ca.calls(CaCall::Check)), (3, 1));
}

#[test]
fn each_fault_has_its_effect_or_none() {
    for (fault, effects) in [
        (Fault::Unavailable, 0),
        (Fault::Refused, 0),
        (Fault::LostRequest, 0),
        (Fault::LostAnswer, 1),
        (Fault::Hangs, 0),
        (Fault::HangsAfterwards, 1),
        (Fault::Panics, 0),
        (Fault::PanicsAfterwards, 1),
    ] {
        let ca = ScriptedCa::new();
        ca.script(CaCall::Issue, [Step::fault(fault)]);
        let called = std::thread::spawn({
            let (ca, order) = (ca.clone(), order("o-1", "i-1"));
            move || run(async { tokio::time::timeout(Duration::from_millis(50), ca.issue(&order)).await })
        });
        match called.join() {
            Ok(Ok(answer)) => {
                let error = answer.unwrap_err();
                assert!(effects == 0 || error.effect() == Effect::Unknown, "{fault:?}");
            }
            Ok(Err(_)) => assert!(matches!(fault, Fault::Hangs | Fault::HangsAfterwards)),
            Err(_) => assert!(matches!(fault, Fault::Panics | Fault::PanicsAfterwards)),
        }
        assert_eq!(ca.effects().len(), effects, "{fault:?}");
    }
}

#[test]
fn a_delay_passes_before_the_answer() {
    let ca = ScriptedCa::new();
    ca.script(CaCall::Issue, [Step::work().after(Duration::from_secs(3600))]);
    let order = order("o-1", "i-1");
    let waited = run(async { tokio::time::timeout(Duration::from_millis(20), ca.issue(&order)).await });
    assert!(waited.is_err() && ca.effects().is_empty());
}

#[test]
fn a_killed_authority_ends_its_calls_and_is_opened_again() {
    let ca = ScriptedCa::new();
    ca.script(CaCall::Issue, [Step::fault(Fault::HangsAfterwards)]);
    let order = order("o-1", "i-1");
    let killer = std::thread::spawn({
        let ca = ca.clone();
        move || {
            while ca.effects().is_empty() {
                std::thread::sleep(Duration::from_millis(1));
            }
            ca.kill();
        }
    });
    assert_eq!(run(ca.issue(&order)).unwrap_err().effect(), Effect::Unknown);
    killer.join().unwrap();
    assert!(matches!(run(ca.issue(&order)), Err(CertificateError::Unavailable { .. })));
    assert!(matches!(run(ca.reopened().check(&order)).unwrap(), OrderOutcome::Generated(_)));
}

#[test]
fn books_in_a_folder_are_shared_and_show_doubled_effects() {
    let folder = tempfile::tempdir().unwrap();
    let open = |capabilities| ScriptedCa::in_folder(folder.path()).with_capabilities(capabilities);
    let (ca, order) = (open(ScriptedCa::CAPABILITIES), order("o-1", "i-1"));
    run(async {
        drop(ca.issue(&order).await.unwrap());
        drop(open(ScriptedCa::CAPABILITIES).issue(&order).await.unwrap());
        assert_eq!((ca.effects().len(), ca.doubled().len()), (1, 0));
        drop(open(Capabilities::MINIMAL).issue(&order).await.unwrap());
    });
    assert_eq!((ca.effects().len(), ca.doubled().len()), (2, 1));
    assert_eq!(ca.calls(CaCall::Issue), 3);
}

#[test]
fn an_order_that_did_not_arrive_is_placed_again() {
    let ca = ScriptedCa::new();
    let order = order("o-1", "i-1");
    order.plugin_meta.set("ticket", "ticket-o-1").unwrap();
    let outcome = run(ca.check(&order)).unwrap();
    assert_eq!(outcome.next_method(RetryMethod::Check), Some(RetryMethod::Issue));
}

#[test]
fn the_books_tell_the_orders_of_one_certificate_apart() {
    let ca = ScriptedCa::new();
    run(async {
        for id in ["o-1", "o-2", "o-3"] {
            let order = order(id, id);
            drop(ca.issue(&order).await.unwrap());
            if id == "o-3" {
                break;
            }
            let OrderOutcome::Generated(issued) = ca.check(&order).await.unwrap() else { panic!("{id}") };
            let intent = IntentId::new(format!("{id}.revoke")).unwrap();
            let request =
                CertificateRevocation::new(intent, issued.certificate, RevocationReason::Superseded);
            ca.revoke(&request).await.unwrap();
            ca.revoke(&request).await.unwrap();
        }
    });
    assert_eq!(ca.issued_orders(), ["o-1", "o-2"]);
    let revoked = ca.effects().into_iter().filter(|effect| effect.call == CaCall::Revoke);
    assert_eq!(revoked.map(|effect| effect.intent).collect::<Vec<_>>(), ["o-1.revoke", "o-2.revoke"]);
}
