//! Tests many tasks of one process that change one authority at once.

use std::pin::Pin;
use std::task::Poll;

use keyway_certificates::{
    CaId, CertificateAuthority as _, CertificateError, CertificateRevocation, CreateCa, DeleteCa, Owner,
    RevocationReason,
};
use keyway_local_ca::LocalCa;
use keyway_storage::{FaultyStorage, Memory};
use pollster::block_on;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode as _;

use crate::support::{Client, Desk, create, intent, issued};

/// More writers than an operation makes attempts.
const WRITERS: usize = 70;

type Task<'a> = Pin<Box<dyn Future<Output = Result<(), CertificateError>> + 'a>>;

/// Polls all tasks in turn until they have ended. Each of them must succeed.
fn all_succeed(mut tasks: Vec<Task<'_>>) {
    block_on(std::future::poll_fn(|context| {
        tasks.retain_mut(|task| match task.as_mut().poll(context) {
            Poll::Ready(ended) => {
                ended.unwrap();
                false
            }
            Poll::Pending => true,
        });
        if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }));
}

/// Opens an authority over a storage engine that lets all tasks read before the first of them writes.
fn desk() -> Desk {
    Desk::over(FaultyStorage::over(&(std::sync::Arc::new(Memory::new()) as _)).pauses().into_engine())
}

fn entries(ca: &LocalCa) -> usize {
    let list = block_on(ca.revocation_list(&CaId::new("base").unwrap())).unwrap();
    let read: CertificateList = CertificateList::from_der(&list.der).unwrap();
    read.tbs_cert_list.revoked_certificates.unwrap_or_default().len()
}

#[test]
fn many_revocations_and_lists_at_once_all_succeed() {
    let desk = desk();
    let ca = desk.with_root();
    let client = Client::new("a.example.com");
    let requests: Vec<_> = (0..WRITERS)
        .map(|_| {
            let certificate = issued(&ca, &client, None).certificate;
            CertificateRevocation::new(intent(), certificate, RevocationReason::Superseded)
        })
        .collect();
    let base = CaId::new("base").unwrap();
    let mut tasks: Vec<Task<'_>> = requests.iter().map(|request| ca.revoke(request) as _).collect();
    tasks.push(Box::pin(async { ca.revocation_list(&base).await.map(drop) }));
    all_succeed(tasks);
    assert_eq!(entries(&ca), WRITERS);
}

#[test]
fn many_creations_and_then_many_deletions_at_once_all_succeed() {
    let desk = desk();
    let ca = desk.with_root();
    create(&ca, "First");
    let creations: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (name, base) = (format!("Sub {number}"), CaId::new("base").unwrap());
            let subject = format!("CN={name}");
            CreateCa::new(intent(), name, subject, base, Owner::new("test").unwrap())
        })
        .collect();
    let made = std::sync::Mutex::new(Vec::new());
    let creating = |request| {
        let (ca, made) = (&ca, &made);
        Box::pin(async move {
            let id = ca.create_ca(request).await?.id;
            made.lock().unwrap().push(id);
            Ok(())
        }) as Task<'_>
    };
    all_succeed(creations.iter().map(creating).collect());
    let made = made.into_inner().unwrap();
    assert_eq!(block_on(ca.ca_information()).unwrap().len(), WRITERS + 2);

    let deletions: Vec<_> = made.into_iter().map(|id| DeleteCa::new(intent(), id)).collect();
    all_succeed(deletions.iter().map(|request| ca.delete_ca(request) as _).collect());
    assert_eq!((block_on(ca.ca_information()).unwrap().len(), entries(&ca)), (2, WRITERS));
}
