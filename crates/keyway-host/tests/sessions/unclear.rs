//! Tests fetches whose outcome is unknown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyway_conformance::credentials::{Fault, NoCredentials, Step, StoreCall};
use keyway_credentials::{
    Asset, AssetGenerator, AssetRules, Busy, Candidates, CredentialError, Denial, FetchOutcome, Found,
    IntendedCall, NeedInfo, Reconciled,
};
use keyway_host::sessions::Vault;

use crate::odd::*;
use crate::world::*;

fn lost() -> CredentialError {
    CredentialError::failed("sorry", "the answer is lost")
}

/// Returns a store that has nothing for the first candidate, and whose answer about the second one is lost. When it is
/// asked again, it has a lease for the first candidate, and no answer about the second one.
fn store_that_finds_one_and_cannot_tell() -> Odd {
    let mut odd = Odd::new();
    let asked = AtomicBool::new(false);
    odd.fetch = Box::new(move |fetch| match (fetch.candidate.asset.as_str(), asked.load(Ordering::SeqCst)) {
        ("web1", false) => Ok(FetchOutcome::NotFound),
        ("web1", true) => Ok(gives(lease(fetch.intent.as_ref().unwrap().as_str()))),
        _ => {
            asked.store(true, Ordering::SeqCst);
            Err(lost())
        }
    });
    odd
}

/// Tests that a lease that the host found is checked in, although the store never tells the rest.
#[tokio::test]
async fn a_lease_of_an_unclear_fetch_is_returned_although_the_rest_stays_unknown() {
    let idempotent = {
        let mut odd = store_that_finds_one_and_cannot_tell();
        odd.capabilities = odd.capabilities.idempotent(true);
        odd
    };
    let reconciling = |fails: bool| {
        let mut odd = store_that_finds_one_and_cannot_tell();
        odd.capabilities = odd.capabilities.reconciles(true);
        odd.reconcile = Box::new(move |question| match &question.context {
            IntendedCall::Fetch(_, fetch) if fetch.candidate.asset.as_str() == "web1" => {
                Ok(Reconciled::Made(lease(fetch.intent.as_ref().unwrap().as_str())))
            }
            _ if fails => Err(lost()),
            _ => Ok(Reconciled::Unknown),
        });
        odd
    };
    for odd in [idempotent, reconciling(false), reconciling(true)] {
        let (odd, clock) = (Arc::new(odd), Arc::default());
        let world = start(vault_of(Arc::clone(&odd) as _), &clock).await;
        let session = world.session("s");
        passwords(&session).await.unwrap_err();
        for _ in 0..9 {
            world.pass(Duration::from_secs(60)).await;
        }
        let returned = odd.lines("check_in");
        assert!(matches!(returned.as_slice(), [one] if one.contains("HostLost")), "{returned:?}");
        assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), 1, "the rest is for a person");
    }
}

/// Tests that a refusal of the repeated call does not settle the first one (decision H376).
#[tokio::test]
async fn a_lease_is_returned_although_the_store_first_refuses_to_be_asked_again() {
    for refusal in [
        NoCredentials::Unavailable { retry_after: None },
        NoCredentials::Busy(Busy::new()),
        NoCredentials::Denied(Denial::new("Not now.")),
        NoCredentials::NeedInfo(NeedInfo::new("Who are you?")),
    ] {
        let clock = Arc::default();
        let store = store(&clock).with_capabilities(plain().reconciles(false));
        store.script(StoreCall::Passwords, [Step::fault(Fault::LostAnswer), Step::outcome(refusal.clone())]);
        let world = start(vault(&store), &clock).await;
        let session = world.session("s");
        passwords(&session).await.unwrap_err();
        world.pass(Duration::from_secs(60)).await;
        assert_eq!((store.held().len(), store.count(StoreCall::Passwords)), (1, 2), "{refusal:?}");
        session.end().await.unwrap();
        world.pass(Duration::from_secs(60)).await;
        assert_eq!((store.held().len(), returned(&store)), (0, vec!["HostLost".into()]), "{refusal:?}");
        assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), 0);
    }
}

/// Returns a store that is asked again, and answers about the candidates as `fetch` says.
fn store_that_is_asked_again(
    fetch: impl Fn(&str) -> Result<FetchOutcome<()>, CredentialError> + Send + Sync + 'static,
) -> Arc<Odd> {
    let mut odd = Odd::new();
    odd.capabilities = odd.capabilities.idempotent(true);
    odd.fetch = Box::new(move |asked| {
        let intent = asked.intent.as_ref().unwrap().as_str();
        Ok(match fetch(asked.candidate.asset.as_str())? {
            FetchOutcome::Found(_) => gives(lease(intent)),
            other => other.map(|()| unreachable!()),
        })
    });
    Arc::new(odd)
}

/// Tests that a candidate about which the store refuses to answer does not hide the leases of the others, and that a
/// person decides about it.
#[tokio::test]
async fn a_refused_candidate_does_not_keep_the_host_from_asking_about_the_others() {
    let (clock, storage, keys) = (Arc::default(), memory(), ring());
    let odd = store_that_is_asked_again(|asset| match asset {
        "web1" => Ok(FetchOutcome::Denied(Denial::new("Not here."))),
        _ => Ok(FetchOutcome::Found(Found::new(()))),
    });
    let start = async |storage: &_| {
        let host = builder(storage, &keys, &clock).vault(vault_of(Arc::clone(&odd) as _));
        World::start(host, &clock).await
    };
    // The process dies before the answer is stored, so the number of the last candidate is not known. The commits before
    // are those of the index key and of the intent.
    let world = start(&dying(&storage, 2, false, true)).await;
    let session = world.session("s");
    passwords(&session).await.unwrap_err();
    std::mem::forget(session);
    let before = odd.lines("check_in").len();

    let world = start(&storage).await;
    world.host.recover().await.unwrap();
    world.pass(Duration::ZERO).await;
    assert_eq!(odd.lines("check_in").len(), before + 1, "the lease of the second candidate is returned");
    for _ in 0..9 {
        world.pass(Duration::from_secs(60)).await;
    }
    assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), 1);
}

/// Tests that the answers that the fetch itself had are not asked for again.
#[tokio::test]
async fn a_refusal_before_the_unclear_candidate_settles_it() {
    let clock = Arc::default();
    let asked = AtomicBool::new(false);
    let odd = store_that_is_asked_again(move |asset| match asset {
        "web1" => Ok(FetchOutcome::Denied(Denial::new("Not here."))),
        _ if asked.swap(true, Ordering::SeqCst) => Ok(FetchOutcome::NotFound),
        _ => Err(lost()),
    });
    let world = start(vault_of(Arc::clone(&odd) as _), &clock).await;
    passwords(&world.session("s")).await.unwrap_err();
    for _ in 0..9 {
        world.pass(Duration::from_secs(60)).await;
    }
    assert_eq!(odd.lines("passwords").len(), 4, "each candidate is asked for once more");
    assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), 0);
}

/// Tests that an interrupted fetch is settled by a later run of the host if its vault does not open in the first one.
#[tokio::test]
async fn a_fetch_that_was_interrupted_waits_for_a_vault_that_does_not_open() {
    for (capabilities, is_configured) in [(plain(), true), (plain(), false), (forgetful(), true)] {
        let (clock, storage, keys) = (Arc::default(), memory(), ring());
        let store = store(&clock).with_capabilities(capabilities);
        let host = |storage: &_| builder(storage, &keys, &clock);
        World::start(host(&storage).vault(vault(&store)), &clock).await;
        // The process dies before the answer is stored.
        store.script(StoreCall::CheckIn, [Step::fault(Fault::Unavailable)]);
        let world = World::start(host(&dying(&storage, 1, false, true)).vault(vault(&store)), &clock).await;
        let session = world.session("s");
        passwords(&session).await.unwrap_err();
        std::mem::forget(session);
        assert_eq!((store.held().len(), store.count(StoreCall::Passwords)), (1, 1));

        let broken = host(&storage);
        let broken = if is_configured { broken.vault(Vault::new(hall(), "gone")) } else { broken };
        let world = World::start(broken, &clock).await;
        world.host.recover().await.unwrap();
        world.pass(Duration::from_secs(3600)).await;
        assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), 0, "it may still be settled");

        let world = World::start(host(&storage).vault(vault(&store)), &clock).await;
        world.host.recover().await.unwrap();
        world.pass(Duration::from_secs(3600)).await;
        let is_forgetful = capabilities == forgetful();
        assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), usize::from(is_forgetful));
        assert_eq!(store.held().len(), usize::from(is_forgetful));
        assert_eq!(store.count(StoreCall::Passwords), 1, "the fetch is not made again");
    }
}

/// Tests that a fetch with many candidates is settled in parts, since the other work of its lane waits for each part.
#[tokio::test(start_paused = true)]
async fn settling_a_long_fetch_makes_room_for_other_sessions() {
    let clock = Arc::default();
    let mut odd = Odd::new();
    odd.capabilities = odd.capabilities.own_assets(true).reconciles(true);
    odd.assets = Box::new(|_| {
        Ok(Candidates::new((0..100).map(|number| Asset::new(format!("asset-{number}")).unwrap())))
    });
    odd.fetch = Box::new(|fetch| match fetch.candidate.asset.as_str() {
        "asset-99" => Err(lost()),
        _ => Ok(FetchOutcome::NotFound),
    });
    odd.reconcile = Box::new(|_| Ok(Reconciled::NothingHappened));
    odd.reconciles_in = Duration::from_secs(1);
    let odd = Arc::new(odd);
    let mut assets = AssetRules::default();
    assets.generators = vec![AssetGenerator::from_name("own")];
    let world = start(vault_of(Arc::clone(&odd) as _).assets(assets), &clock).await;
    let session = world.session("s");
    passwords(&session).await.unwrap_err();
    let mut most = 0;
    for _ in 0..40 {
        let before = odd.lines("reconcile").len();
        world.pass(Duration::from_secs(2)).await;
        most = most.max(odd.lines("reconcile").len() - before);
    }
    assert!((1..10).contains(&most), "{most} questions in one part");
    assert_eq!(odd.lines("reconcile").len(), 100, "each candidate is asked about once");
    assert_eq!(world.undecided(None, 9).await.unwrap().fetches.len(), 0);
}
