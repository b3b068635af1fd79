//! Tests subordinate authorities of a local authority, with a crash between any two steps of host and plugin.

use std::sync::Arc;

use keyway_certificates::{CertificateAuthority as _, Owner};
use keyway_host::Host;
use keyway_host::orders::subordinate::{NewCa, Phase};
use keyway_host::orders::{End, Phase as OrderPhase};
use keyway_storage::{Fault, FaultyStorage, Storage};
use keyway_x509::IssuedFacts;

use crate::office::{Office, joe};

fn team(host: &Host) -> Option<NewCa> {
    let base = host.orders().cas(&eve()).pop()?.id;
    Some(NewCa::new(joe(), base, "Team", "CN=Team,O=Example").with_request_id("team"))
}

fn eve() -> Owner {
    Owner::new("eve").unwrap()
}

/// Creates an authority and deletes it. Stops at the first error.
async fn life(host: &Host) -> Option<()> {
    let subordinate = host.orders().subordinate_cas();
    let made = subordinate.create(team(host)?).await.ok()?;
    subordinate.delete(&joe(), &made.id?).await.ok()
}

/// Returns how many subordinate authorities exist.
async fn existing(office: &Office) -> usize {
    office.local_ca().ca_information().await.unwrap().len() - 1
}

#[tokio::test]
async fn it_issues_the_orders_of_its_owner() {
    let office = Office::new();
    let host = office.host(&office.storage).await.unwrap();
    let subordinate = host.orders().subordinate_cas();
    let made = subordinate.create(team(&host).unwrap()).await.unwrap();
    let id = made.id.unwrap();
    let hosted = host.orders().cas(&joe()).into_iter().find(|ca| ca.id == id).unwrap();

    let order = office.issued(&host, Some(id.as_str())).await;
    assert_eq!(order.state.phase, OrderPhase::Finished(End::Generated), "{}", order.state.message);
    let issued = order.state.certificate.unwrap();
    let facts = IssuedFacts::read(issued.certificate.as_str()).unwrap();
    assert_eq!(facts.issuer, "CN=Team,O=Example".parse().unwrap());
    // The chain is the own certificate of the subordinate authority.
    assert_eq!(issued.intermediates, hosted.information.signing_certificate);

    subordinate.delete(&joe(), &id).await.unwrap();
    assert_eq!((existing(&office).await, subordinate.list(&joe()).await.unwrap().len()), (0, 0));
}

/// Ends the storage engine that host and plugin share at its n-th commit, twice for every n: once before the commit
/// takes effect, and once after. Then a new run continues: the authority exists once with its record, or not at all,
/// and belongs to no other owner.
#[tokio::test]
async fn nothing_is_lost_or_doubled_wherever_the_process_ends() {
    let mut left = 0;
    for commits in 1..14 {
        for fault in [Fault::EndsBefore, Fault::EndsAfter] {
            let (office, case) = (Office::new(), format!("{commits} {fault:?}"));
            drop(office.host(&office.storage).await.unwrap());
            let engine = FaultyStorage::over(&office.storage).ends_reads().into_engine();
            engine.0.end_after(commits, fault);
            let dying: Arc<dyn Storage> = engine;
            if let Some(host) = office.host(&dying).await {
                life(&host).await;
            }

            let host = office.host(&office.storage).await.unwrap();
            assert_eq!(host.orders().cas(&eve()).len(), 1, "{case}");
            host.recover().await.unwrap();
            office.work(&host).await;
            let subordinate = host.orders().subordinate_cas();
            let listed = subordinate.list(&joe()).await.unwrap();
            assert_eq!(listed.len(), existing(&office).await, "{case}: {listed:?}");
            left += listed.len();
            let made = match listed.into_iter().next() {
                Some(made) => made,
                // A request id serves only one authority, and the first authority may have been deleted.
                None => subordinate.create(team(&host).unwrap().with_request_id("again")).await.unwrap(),
            };
            assert_eq!(made.state.phase, Phase::Active, "{case}");
            let id = made.id.unwrap();
            let order = office.issued(&host, Some(id.as_str())).await;
            assert_eq!(order.state.phase, OrderPhase::Finished(End::Generated), "{case}");
            assert_eq!(host.orders().cas(&eve()).len(), 1, "{case}");
            subordinate.delete(&joe(), &id).await.unwrap();
            assert_eq!((existing(&office).await, host.orders().cas(&joe()).len()), (0, 1), "{case}");
        }
    }
    assert!(left > 0, "no run was cut short while an authority was there");
}
