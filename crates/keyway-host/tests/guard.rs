//! Tests that a host gets an answer whatever its plugin does.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_core::{CallError, Effect, ErrorKind, PluginError, PluginMetadata, SecretValue};
use keyway_host::stores::{GuardedStore, Isolation, Limits};
use keyway_secrets::{
    Configure, EnvironmentName, ListQuery, NewSecret, OpenContext, Recipe, SecretChange, SecretHeader,
    SecretStore, SecretStorePlugin, SecretVersion, StoreError, StoreName,
};
use support::*;
use tokio::task::JoinSet;

static YIELDING: Misbehaving = Misbehaving { blocking: false };
static BLOCKING: Misbehaving = Misbehaving { blocking: true };
const DEADLINE: Duration = Duration::from_millis(100);

fn guarded(plugin: &'static dyn SecretStorePlugin, store: &str, isolation: Isolation) -> GuardedStore {
    guarded_with(DEADLINE, plugin, store, isolation)
}

fn guarded_with(
    deadline: Duration,
    plugin: &'static dyn SecretStorePlugin,
    store: &str,
    isolation: Isolation,
) -> GuardedStore {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121, "compatibility": ">=:1.0",
            "plugin": {"name": "Misbehaving", "type": "Secret", "description": ""}}"#,
    )
    .unwrap();
    let opening = OpenContext::new(StoreName::new(store).unwrap(), metadata, ring());
    let limits = Limits::default().with_deadline(deadline).with_stall(deadline).with_isolation(isolation);
    GuardedStore::open(plugin, opening, limits).unwrap()
}

fn opened(store: &str) -> u32 {
    OPENED.lock().unwrap()[store]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_an_answer_and_the_instance_is_made_anew() {
    for (number, isolation) in [Isolation::Task, Isolation::Inline].into_iter().enumerate() {
        for (plugin, name) in [(&YIELDING, "yielding"), (&BLOCKING, "blocking")] {
            let store_name = format!("panic-{name}-{number}");
            // Writing a backtrace takes time, so the deadline is long.
            let store = guarded_with(Duration::from_secs(20), plugin, &store_name, isolation);
            for (panics, secret) in (2..).zip(["panics", "panics-later"]) {
                let error = store.get(&at(secret)).await.unwrap_err();
                assert!(matches!(error, StoreError::Call(CallError::Panicked { operation: "get" })));
                assert_eq!(error.kind(), ErrorKind::ContractViolation);
                assert!(!error.detail().contains("needle"), "{error}");
                assert_eq!(opened(&store_name), panics);
            }
            assert_eq!(store.get(&at("a")).await.unwrap().value.expose_text(), Some("fine"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_cannot_be_opened_again_is_refused_until_it_can() {
    for (number, isolation) in [Isolation::Task, Isolation::Inline].into_iter().enumerate() {
        let name = format!("closes-{number}");
        let store = guarded(&YIELDING, &name, isolation);
        let declared = store.capabilities();
        CLOSED.lock().unwrap().insert(name.clone());
        let error = store.get(&at("panics")).await.unwrap_err();
        assert!(matches!(error, StoreError::Call(CallError::Panicked { operation: "get" })), "{error}");
        for _ in 0..2 {
            // If the instance that panicked were called again, it would answer "fine".
            let error = store.get(&at("a")).await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Unavailable { retry_after: Some(_) }), "{error}");
            assert!(error.detail().contains("closed by the test"), "{}", error.detail());
            assert!(store.rotate(&ring(), &silent).await.is_err());
            assert_eq!(store.capabilities(), declared);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        CLOSED.lock().unwrap().remove(&name);
        assert_eq!(store.get(&at("a")).await.unwrap().value.expose_text(), Some("fine"));
        assert_eq!(opened(&name), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_never_answers_meets_the_deadline() {
    for isolation in [Isolation::Task, Isolation::Inline] {
        let store = guarded(&YIELDING, "never-answers", isolation);
        let started = Instant::now();
        let error = store.get(&at("never-answers")).await.unwrap_err();
        assert!(matches!(
            error,
            StoreError::Call(CallError::DeadlineExceeded { operation: "get", deadline: DEADLINE })
        ));
        assert!(started.elapsed() < DEADLINE * 5);
        // The call yields, so it was cancelled, and the plugin is not quarantined.
        store.get(&at("a")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_hangs_is_quarantined_until_it_comes_back() {
    for plugin in [&YIELDING, &BLOCKING] {
        let store = guarded(plugin, "hangs", Isolation::Task);
        let started = Instant::now();
        let error = store.get(&at("hangs")).await.unwrap_err();
        assert!(matches!(error, StoreError::Call(CallError::DeadlineExceeded { .. })), "{error}");
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
        let error = store.get(&at("a")).await.unwrap_err();
        assert!(matches!(error, StoreError::Call(CallError::Quarantined { operation: "get" })), "{error}");
        tokio::time::sleep(Duration::from_millis(700)).await;
        store.get(&at("a")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_panics_after_the_deadline_is_not_called_again() {
    for (plugin, name) in [(&YIELDING, "late-yielding"), (&BLOCKING, "late-blocking")] {
        let store = guarded(plugin, name, Isolation::Task);
        let error = store.get(&at("panics-late")).await.unwrap_err();
        assert!(matches!(error, StoreError::Call(CallError::DeadlineExceeded { .. })), "{error}");
        let left = Instant::now();
        while let Err(error) = store.get(&at("a")).await {
            assert!(matches!(error, StoreError::Call(CallError::Quarantined { .. })), "{error}");
            assert!(left.elapsed() < Duration::from_secs(20), "{error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(opened(name), 2);
    }
}

/// Tests that the deadline covers the run of a call, and not its wait for one of the eight threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waited_for_a_thread_in_vain_had_no_effect_and_quarantines_nothing() {
    let store = Arc::new(guarded_with(Duration::from_millis(600), &BLOCKING, "queue", Isolation::Declared));
    let mut running = JoinSet::new();
    for _ in 0..24 {
        let store = Arc::clone(&store);
        running.spawn(async move { store.get(&at("slow")).await });
    }
    let mut answered = 0;
    while let Some(answer) = running.join_next().await {
        match answer.unwrap() {
            Ok(_) => answered += 1,
            // The calls take 400 ms, so those of the third turn would begin after 800 ms.
            Err(error) => {
                assert!(matches!(error, StoreError::Call(CallError::Busy { .. })), "{error}");
                assert_eq!(error.effect(), Effect::None);
            }
        }
    }
    assert_eq!(answered, 16, "two turns of eight calls begin within 600 ms");
    store.get(&at("a")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_leaves_a_queue_leaves_no_call() {
    let store = Arc::new(guarded_with(Duration::from_millis(600), &BLOCKING, "left", Isolation::Declared));
    let mut running = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        running.spawn(async move { store.get(&at("slow")).await });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), store.get(&at("panics"))).await.is_err());
    assert!(running.join_all().await.into_iter().all(|answer| answer.is_ok()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(opened("left"), 1, "the call would have panicked");
}

#[tokio::test(flavor = "current_thread")]
async fn the_deadline_holds_on_a_single_thread_too() {
    let store = guarded(&YIELDING, "single-thread", Isolation::Task);
    let error = store.get(&at("hangs")).await.unwrap_err();
    assert!(matches!(error, StoreError::Call(CallError::DeadlineExceeded { .. })), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_is_discarded() {
    let store = guarded(&YIELDING, "lies", Isolation::Task);
    let new = NewSecret::new(at("a"), SecretValue::text("x"));
    for error in [
        store.get(&at("another")).await.unwrap_err(),
        store.get(&at("bytes")).await.unwrap_err(),
        store.create(new).await.unwrap_err(),
        store.list(&ListQuery::all()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Call(CallError::ContractViolation { .. })), "{error}");
    }
}

#[tokio::test]
async fn an_undeclared_operation_is_not_asked_for() {
    let store = guarded(&YIELDING, "minimal", Isolation::Task);
    let environment = EnvironmentName::new("e").unwrap();
    let inside = keyway_secrets::SecretAddress { environment: Some(environment.clone()), ..at("panics") };
    let first = SecretHeader::new("1", at("a")).with_version(SecretVersion::FIRST);
    let bytes = SecretValue::bytes([1]);
    for error in [
        store.get(&inside).await.unwrap_err(),
        store.retrieve_environment(&environment).await.unwrap_err(),
        store.list_environments(None, 10).await.unwrap_err(),
        store.destroy(&at("a"), Some(first.revision())).await.unwrap_err(),
        store.modify(&at("a"), SecretChange::default().if_unchanged(&first)).await.unwrap_err(),
        store.modify(&at("a"), SecretChange::description(None)).await.unwrap_err(),
        store.modify(&at("a"), SecretChange::value(bytes.clone())).await.unwrap_err(),
        store.create(NewSecret::new(at("a"), bytes)).await.unwrap_err(),
        store.create(NewSecret::generated(at("panics"), Recipe::new())).await.unwrap_err(),
        store.modify(&at("panics"), SecretChange::generated(Recipe::new())).await.unwrap_err(),
        store
            .create(NewSecret::new(at("a"), SecretValue::text("x")).with_description("d"))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_not_asked_for_what_a_foreign_service_lacks() {
    let store = guarded(&YIELDING, "foreign", Isolation::Task);
    // If the plugin were called, all of these calls would succeed.
    for error in [
        store.destroy(&at("a"), None).await.unwrap_err(),
        store.rotate(&ring(), &silent).await.unwrap_err(),
        store.configure(Configure::Read).await.unwrap_err(),
        store.marked_for_delete().await.unwrap_err(),
        store.written_by().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    // The `info` of the store shows that it exists.
    assert_eq!(store.check_written_by().await.unwrap(), Some(store.metadata().written_by()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_is_held_to_progress() {
    let store = guarded(&YIELDING, "rotation", Isolation::Task);
    let told = std::sync::Mutex::new(Vec::new());
    let listener = |progress: keyway_secrets::Progress| told.lock().unwrap().push(progress.done);
    let error = store.rotate(&ring(), &listener).await.unwrap_err();
    assert!(matches!(error, StoreError::Call(CallError::ContractViolation { .. })), "{error}");
    assert_eq!(*told.lock().unwrap(), [2]);
    // The same report again and again is no progress.
    let keys = ring();
    let rotation = store.rotate(&keys, &listener);
    let error = tokio::time::timeout(Duration::from_secs(5), rotation).await.unwrap().unwrap_err();
    assert!(
        matches!(error, StoreError::Call(CallError::DeadlineExceeded { operation: "rotate", .. })),
        "{error}"
    );
    assert_eq!(*told.lock().unwrap(), [2, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_rotation_is_an_answer() {
    // Writing a backtrace takes time, so the deadline is long.
    let store = guarded_with(Duration::from_secs(20), &YIELDING, "panics-in-rotate", Isolation::Task);
    let error = store.rotate(&ring(), &silent).await.unwrap_err();
    assert!(matches!(error, StoreError::Call(CallError::Panicked { .. })));
    store.get(&at("a")).await.unwrap();
}

#[test]
fn a_panic_while_opening_is_an_answer() {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121, "compatibility": ">=:1.0",
            "plugin": {"name": "Misbehaving", "type": "Secret", "description": ""}}"#,
    )
    .unwrap();
    let opening = OpenContext::new(StoreName::new("panics-on-open").unwrap(), metadata, ring());
    let error = GuardedStore::open(&YIELDING, opening, Limits::default()).unwrap_err();
    assert!(matches!(error, StoreError::Call(CallError::Panicked { operation: "open" })));
}

#[test]
fn without_a_runtime_it_says_so() {
    let store = guarded(&YIELDING, "no-runtime", Isolation::Task);
    let address = at("a");
    let mut get = store.get(&address);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match get.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) => assert!(error.detail().contains("runtime"), "{error}"),
        other => panic!("{other:?}"),
    }
}
