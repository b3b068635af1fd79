//! Tests handles that overtake each other, and processes that end in the middle of their work.

use std::sync::Arc;

use keyway_certificates::{
    CaId, CertificateAuthority as _, CertificateRevocation, CreateCa, DeleteCa, IntendedCall,
    IssuedCertificate, ObjectRef, Owner, Reconciled, RevocationReason,
};
use keyway_storage::{Batch, Expectation, Fault, FaultyStorage, KeyRange, Layered, Storage};
use pollster::block_on;

use crate::support::{Client, Desk, create, intent, issue, issued, order, root, with_root};

/// Opens an authority over a storage in which a test can cause faults.
fn disturbed(desk: &Desk) -> (Desk, Arc<Layered<FaultyStorage>>) {
    let engine = FaultyStorage::over(&desk.storage).into_engine();
    (Desk { storage: engine.clone() as Arc<dyn Storage>, ..desk.clone() }, engine)
}

#[test]
fn two_handles_make_one_root() {
    let desk = Desk::new();
    let (slow, engine) = disturbed(&desk);
    let fast = desk.with_root();
    let made = Arc::new(std::sync::Mutex::new(String::new()));
    let kept = Arc::clone(&made);
    engine.0.before_commit(0, async move {
        let base = fast.default_ca().await.unwrap().unwrap();
        *kept.lock().unwrap() = base.signing_certificate.unwrap().as_str().to_owned();
    });
    assert_eq!(root(&slow.with_root()), *made.lock().unwrap());
}

/// A read that fails after the commit would tell the host that nothing happened, and the authority would have no owner.
#[test]
fn a_created_authority_is_not_read_again() {
    let desk = Desk::new();
    for is_root in [true, false] {
        let (dying, engine) = disturbed(&desk);
        let (last, storage) = (Arc::clone(&engine), Arc::clone(&desk.storage));
        engine.0.before_commit(0, async move {
            last.0.before_operation(0, async move {
                for entry in storage.scan(&KeyRange::all(), None, 100).await.unwrap().entries {
                    let batch = Batch::new().put(entry.key, [9], Expectation::Any);
                    let _ = storage.commit(batch).await.unwrap();
                }
            });
        });
        let ca = dying.with_root();
        let made = if is_root {
            block_on(ca.default_ca()).map(Option::unwrap)
        } else {
            block_on(ca.create_ca(&creation()))
        };
        assert_eq!(made.unwrap().name, if is_root { "Local CA" } else { "Sub" });
        assert!(engine.0.has_planned_events(), "nothing was read after the commit");
    }
}

#[test]
fn two_handles_make_one_certificate_of_an_order() {
    let desk = Desk::new();
    root(&desk.with_root());
    let (slow, engine) = disturbed(&desk);
    let fast = desk.with_root();
    let one = order("order-1", &Client::new("a.example.com").metadata());
    let same = one.clone();
    let first = Arc::new(std::sync::Mutex::new(None));
    let kept = Arc::clone(&first);
    engine.0.before_commit(0, async move {
        *kept.lock().unwrap() = Some(fast.issue(&same).await.unwrap());
    });
    let made = issue(&slow.with_root(), &one).unwrap();
    assert_eq!(first.lock().unwrap().take(), Some(made.into()), "the one that was stored first");
}

#[test]
fn a_list_has_the_revocation_that_overtook_it() {
    let desk = Desk::new();
    let fast = desk.with_root();
    let made = issued(&fast, &Client::new("a.example.com"), None);
    let (slow, engine) = disturbed(&desk);
    engine.0.before_commit(0, async move {
        let request = CertificateRevocation::new(intent(), made.certificate, RevocationReason::KeyCompromise);
        fast.revoke(&request).await.unwrap();
    });
    let base = CaId::new("base").unwrap();
    let list = block_on(slow.with_root().revocation_list(&base)).unwrap();
    let read: x509_cert::crl::CertificateList =
        <x509_cert::crl::CertificateList as x509_cert::der::Decode>::from_der(&list.der).unwrap();
    assert_eq!(read.tbs_cert_list.revoked_certificates.unwrap().len(), 1);
    assert_eq!(list.number, 1);
}

#[test]
fn an_authority_is_not_deleted_while_another_is_created_below_it() {
    let desk = Desk::new();
    let mut configuration = with_root();
    configuration["root"]["path_length"] = 2.into();
    let fast = desk.open(configuration.clone());
    let sub = create(&fast, "Sub");
    let (slow, engine) = disturbed(&desk);
    let parent = sub.id.clone();
    engine.0.before_commit(0, async move {
        let owner = Owner::new("test").unwrap();
        fast.create_ca(&CreateCa::new(intent(), "Below", "CN=Below", parent, owner)).await.unwrap();
    });
    let slow = slow.open(configuration);
    assert!(block_on(slow.delete_ca(&DeleteCa::new(intent(), sub.id))).is_err());
    assert_eq!(block_on(slow.ca_information()).unwrap().len(), 3);
}

/// Tests every call that has an effect. Repeating the call after a kill must give the result of a call without a kill.
#[test]
fn a_call_is_settled_after_a_kill_at_every_commit() {
    // All calls end before the kill in the last round, so no commit is left out.
    const ROUNDS: u64 = 8;
    for fault in [Fault::EndsBefore, Fault::EndsAfter] {
        for commit in 0..ROUNDS {
            let desk = Desk::new();
            let (dying, engine) = disturbed(&desk);
            engine.0.end_after(commit, fault);
            let client = Client::new("a.example.com");
            let (one, create) = (order("order-1", &client.metadata()), creation());
            let dying = dying.with_root();
            let mut done = 0;
            let made = issue(&dying, &one).inspect(|_| done += 1).ok();
            let sub = block_on(dying.create_ca(&create)).inspect(|_| done += 1).ok();
            let revocation = made.as_ref().map(superseded);
            if let Some(revocation) = &revocation {
                done += u32::from(block_on(dying.revoke(revocation)).is_ok());
            }
            let delete = sub.as_ref().map(|sub| DeleteCa::new(intent(), sub.id.clone()));
            if let Some(delete) = &delete {
                done += u32::from(block_on(dying.delete_ca(delete)).is_ok());
            }
            assert!(done == 4 || commit < ROUNDS - 1, "{done} calls ended, {fault:?} at {commit}");

            // The next process asks for outcomes, and repeats calls with the same intents, whether or not they had
            // their effect. A call that had its effect gives the same result again.
            let next = desk.with_root();
            let told = |call: IntendedCall| block_on(next.reconcile(&call.into())).unwrap();
            let issued = told(IntendedCall::Issue(one.clone()));
            if made.is_some() {
                assert_eq!(issued, Reconciled::Made(ObjectRef::Order(one.id.clone())));
            }
            let again = issue(&next, &one).unwrap();
            assert!(made.is_none_or(|made| made == again), "another certificate, {fault:?} at {commit}");
            if delete.is_none() {
                let created = block_on(next.create_ca(&create)).unwrap();
                assert!(sub.is_none_or(|sub| sub.id == created.id));
                assert_eq!(told(IntendedCall::CreateCa(create)), Reconciled::Made(ObjectRef::Ca(created.id)));
                assert_eq!(block_on(next.ca_information()).unwrap().len(), 2);
            } else if let Some(delete) = delete {
                block_on(next.delete_ca(&delete)).unwrap();
                assert_eq!(told(IntendedCall::DeleteCa(delete)), Reconciled::Destroyed);
                assert_eq!(block_on(next.ca_information()).unwrap().len(), 1);
            }
            let revocation = revocation.unwrap_or_else(|| superseded(&again));
            block_on(next.revoke(&revocation)).unwrap();
            assert_eq!(told(IntendedCall::Revoke(revocation)), Reconciled::Destroyed);
            let base = CaId::new("base").unwrap();
            assert!(block_on(next.revocation_list(&base)).is_ok());
        }
    }
}

fn superseded(made: &IssuedCertificate) -> CertificateRevocation {
    CertificateRevocation::new(intent(), made.certificate.clone(), RevocationReason::Superseded)
}

fn creation() -> CreateCa {
    CreateCa::new(intent(), "Sub", "CN=Sub", CaId::new("base").unwrap(), Owner::new("test").unwrap())
}
