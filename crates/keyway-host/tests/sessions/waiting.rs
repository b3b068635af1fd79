//! Tests the queue for accounts that another session holds exclusively.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use keyway_conformance::credentials::{NoCredentials, Step, StoreCall};
use keyway_credentials::{
    Account, Busy, CheckInTrigger, CheckInTriggers, FetchOutcome, Passwords, TotpCodes,
};
use keyway_host::sessions::{FetchRequest, Fetched};

use crate::odd::*;
use crate::world::*;

fn waiting(wait: Duration) -> FetchRequest {
    FetchRequest::new().with_busy_wait(wait)
}

/// Tests that a session waits for the next one-time code of an account whose password it holds.
#[tokio::test]
async fn a_session_waits_for_a_code_of_its_own_account() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    let busy = || Step::outcome(NoCredentials::Busy(Busy::new()));
    // Each fetch asks for two candidates.
    store.script(StoreCall::TotpCodes, [busy(), busy(), busy(), busy()]);
    let code = session.fetch::<TotpCodes>(&hall(), waiting(Duration::ZERO)).await.unwrap();
    assert!(code.found().is_none(), "it does not wait if it is told not to");
    let code = session.fetch::<TotpCodes>(&hall(), waiting(Duration::from_secs(20))).await.unwrap();
    code.found().expect("the next code");
    session.end().await.unwrap();
}

#[tokio::test]
async fn sessions_wait_in_the_order_in_which_they_came() {
    let clock = Arc::default();
    let store = store(&clock).exclusive(true);
    let world = start(vault(&store), &clock).await;
    let first = world.session("first");
    found(&first).await;
    // Another session takes the second candidate. When all candidates are busy, a fetch waits only for the first one.
    let order: Arc<Mutex<Vec<u32>>> = Arc::default();
    let second = world.session("second");
    found(&second).await;
    let mut tasks = Vec::new();
    for number in 0..6 {
        let (session, order) = (world.session(&number.to_string()), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let request = waiting(Duration::from_secs(20));
            let answer = session.fetch::<keyway_credentials::Passwords>(&hall(), request).await.unwrap();
            let found = answer.found().expect("its turn comes");
            assert_eq!(found.candidate.asset.as_str(), "web1");
            order.lock().unwrap().push(number);
            session.end().await.unwrap();
        }));
        let asked = 4 + usize::try_from(number).unwrap();
        until("the session waits", || store.count(StoreCall::Passwords) >= asked.min(5)).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A session that comes later does not overtake those in the queue, although the account is free for a moment.
    let begun = Instant::now();
    first.end().await.unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
    assert!(begun.elapsed() < Duration::from_secs(5), "a check-in wakes the next: {:?}", begun.elapsed());
    second.end().await.unwrap();
    assert_eq!(store.held().len(), 0);
}

#[tokio::test]
async fn a_session_waits_no_longer_than_its_time() {
    let clock = Arc::default();
    let store = store(&clock).exclusive(true);
    let world = start(vault(&store), &clock).await;
    let (first, second) = (world.session("first"), world.session("second"));
    found(&first).await;
    found(&second).await;
    let begun = Instant::now();
    let request = waiting(Duration::from_millis(300));
    let third = world.session("third");
    let answer = third.fetch::<keyway_credentials::Passwords>(&hall(), request).await.unwrap();
    let Fetched::Nothing(attempts) = answer else { panic!() };
    assert!((Duration::from_millis(300)..Duration::from_secs(3)).contains(&begun.elapsed()));
    let FetchOutcome::Busy(busy) = &attempts[0].outcome else { panic!("{attempts:?}") };
    assert!(busy.held_for.is_some());
    for session in [first, second, third] {
        session.end().await.unwrap();
    }
}

#[tokio::test]
async fn an_end_that_was_given_up_does_not_cut_a_later_wait_short() {
    let clock = Arc::default();
    let store = store(&clock).exclusive(true);
    let world = start(vault(&store), &clock).await;
    let (first, second, third) = (world.session("first"), world.session("second"), world.session("third"));
    found(&first).await;
    found(&second).await;
    let hall = hall();
    {
        let mut fetch = pin!(third.fetch::<Passwords>(&hall, waiting(Duration::MAX)));
        let waits = tokio::time::timeout(Duration::from_millis(100), fetch.as_mut()).await;
        assert!(waits.is_err(), "the fetch waits in the queue, and other calls of the session wait for it");
        let mut end = pin!(third.end());
        assert!(poll_fn(|context| Poll::Ready(end.as_mut().poll(context).is_pending())).await);
    }
    let begun = Instant::now();
    let answer = third.fetch::<Passwords>(&hall, waiting(Duration::from_millis(300))).await.unwrap();
    assert!(matches!(answer, Fetched::Nothing(_)));
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    for session in [first, second, third] {
        session.end().await.unwrap();
    }
}

#[tokio::test]
async fn an_account_that_is_not_busy_any_more_but_missing_ends_the_wait() {
    let clock = Arc::default();
    let store = store(&clock).exclusive(true);
    let world = start(vault(&store), &clock).await;
    let (first, second) = (world.session("first"), world.session("second"));
    found(&first).await;
    found(&second).await;
    let root = Account::new("root").unwrap();
    let gone = keyway_conformance::credentials::Step::outcome(
        keyway_conformance::credentials::NoCredentials::NotFound,
    );
    let third = world.session("third");
    let waits = tokio::spawn(async move {
        third.fetch::<keyway_credentials::Passwords>(&hall(), waiting(Duration::MAX)).await.unwrap()
    });
    until("it waits", || store.count(StoreCall::Passwords) >= 6).await;
    store.script_account(&root, StoreCall::Passwords, [gone]);
    first.end().await.unwrap();
    assert!(matches!(waits.await.unwrap(), Fetched::Nothing(_)));
    second.end().await.unwrap();
}

#[tokio::test]
async fn a_session_does_not_wait_for_itself() {
    let clock = Arc::default();
    let store = store(&clock).exclusive(true);
    let triggers = CheckInTriggers::new(CheckInTrigger::AtSessionEnd);
    let world = start(vault(&store).check_in_triggers(triggers), &clock).await;
    let (session, other) = (world.session("s"), world.session("other"));
    found(&session).await;
    session.authentication_completed().await.unwrap();
    found(&other).await;
    let begun = Instant::now();
    let answer =
        session.fetch::<keyway_credentials::Passwords>(&hall(), waiting(Duration::from_secs(20))).await;
    assert!(matches!(answer.unwrap(), Fetched::Nothing(_)));
    assert!(begun.elapsed() < Duration::from_secs(5));
    session.end().await.unwrap();
    other.end().await.unwrap();
}

/// Returns a store that gives `web1` to the session `holds`, and answers every other session that it is busy.
fn held_by_one_session() -> Arc<Odd> {
    let mut odd = Odd::new();
    odd.capabilities = odd.capabilities.idempotent(true);
    odd.fetch = Box::new(|fetch| match fetch.session.connection.session_id.as_str() {
        _ if fetch.candidate.asset.as_str() != "web1" => Ok(FetchOutcome::NotFound),
        "holds" => Ok(gives(lease(fetch.intent.as_ref().unwrap().as_str()))),
        _ => Ok(FetchOutcome::Busy(Busy::new())),
    });
    Arc::new(odd)
}

#[tokio::test]
async fn a_session_that_holds_an_account_is_not_queued_behind_those_that_wait_for_it() {
    let (clock, odd) = (Arc::default(), held_by_one_session());
    let triggers = CheckInTriggers::new(CheckInTrigger::AtSessionEnd);
    let world = start(vault_of(Arc::clone(&odd) as _).check_in_triggers(triggers), &clock).await;
    let (session, other) = (world.session("holds"), world.session("waits"));
    let fetch = async |request| session.fetch::<Passwords>(&hall(), request).await.unwrap().found();
    let call = || FetchRequest::new().with_call("c");
    let first = fetch(call()).await.unwrap();
    let waits = tokio::spawn({
        let other = other.clone();
        async move { other.fetch::<Passwords>(&hall(), waiting(Duration::from_secs(20))).await }
    });
    until("the other session waits", || odd.lines("passwords").len() >= 4).await;
    let again = fetch(call()).await.expect("a repeated call gets the same (S8)");
    assert_eq!(again.check_out, first.check_out);
    session.authentication_completed().await.unwrap();
    fetch(FetchRequest::new()).await.expect("the session holds the account itself");
    session.end().await.unwrap();
    other.end().await.unwrap();
    assert!(matches!(waits.await.unwrap(), Ok(Fetched::Nothing(_))));
}

#[tokio::test]
async fn a_session_that_gives_an_account_back_by_its_next_fetch_does_not_overtake_the_queue() {
    let (clock, odd) = (Arc::default(), held_by_one_session());
    let world = start(vault_of(Arc::clone(&odd) as _), &clock).await;
    let (session, other) = (world.session("holds"), world.session("waits"));
    found(&session).await;
    let waits = tokio::spawn({
        let other = other.clone();
        async move { other.fetch::<Passwords>(&hall(), waiting(Duration::from_secs(20))).await }
    });
    until("the other session waits", || odd.lines("passwords").len() >= 4).await;
    let answer = passwords(&session).await.unwrap();
    assert_eq!(odd.lines("check_in").len(), 1);
    assert!(matches!(answer, Fetched::Nothing(_)), "{answer:?}");
    other.end().await.unwrap();
    assert!(matches!(waits.await.unwrap(), Ok(Fetched::Nothing(_))));
}

/// Tests that an intent is sent for one candidate only, even by a fetch that waited in a queue (decision R2).
#[tokio::test]
async fn a_fetch_that_waited_keeps_the_intents_of_its_candidates() {
    let clock = Arc::default();
    let mut odd = Odd::new();
    let asked = AtomicUsize::new(0);
    odd.fetch = Box::new(move |fetch| {
        if fetch.candidate.asset.as_str() == "web1" {
            return Ok(FetchOutcome::NotFound);
        }
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(FetchOutcome::Busy(Busy::new())),
            _ => Ok(gives(lease(fetch.intent.as_ref().unwrap().as_str()))),
        }
    });
    odd.capabilities = odd.capabilities.idempotent(true);
    let odd = Arc::new(odd);
    let world = start(vault_of(Arc::clone(&odd) as _), &clock).await;
    let session = world.session("s");
    let request = || FetchRequest::new().with_call("c").with_busy_wait(Duration::from_secs(5));
    let first = session.fetch::<Passwords>(&hall(), request()).await.unwrap().found().unwrap();
    let again = session.fetch::<Passwords>(&hall(), request()).await.unwrap().found().unwrap();
    assert_eq!(first.check_out, again.check_out, "a repeated call makes no second check-out (S8)");
    let mut intents: Vec<String> = odd.lines("passwords");
    intents.sort();
    intents.dedup();
    let ids: BTreeSet<_> = intents.iter().map(|it| it.split(' ').nth(1).unwrap()).collect();
    assert_eq!(ids.len(), intents.len(), "{intents:#?}");
}
