//! Tests one client on many threads, with the asynchronous and the blocking methods, inside and outside runtimes.

mod support;

use std::sync::Arc;

use keyway_client::{Error, Resolution, Secrets, blocking};
use keyway_host::Host;
use keyway_secrets::seal::{Key, KeyRing};
use keyway_secrets::{StoreName, core::plugins};
use keyway_storage::Memory;
use support::wait;
use tokio::runtime::Builder;

const THREADS: usize = 16;
const ROUNDS: usize = 20;

/// Changes the thread's own secret, reads the secret `common`, and tries to create and delete the secret `contended`,
/// which all threads share.
fn work(thread: usize, client: &blocking::Secrets) {
    let (key, prod) = (format!("key-{thread}"), client.in_environment("prod"));
    prod.create(&key, "0").unwrap();
    for round in 1..=ROUNDS {
        prod.modify(&key, round.to_string()).unwrap();
        assert_eq!(prod.get_required(&key).unwrap().expose(), round.to_string());
        let layered = prod.with_resolution(Resolution::SharedFallback);
        assert_eq!(layered.get_required("common").unwrap().expose(), "of all");
        let failed = prod.create("contended", "mine").is_err();
        let deleted = !failed && prod.delete("contended").is_ok();
        assert!(failed || deleted, "who made it can delete it");
    }
}

#[test]
fn sixteen_threads_share_a_blocking_client() {
    let client = blocking::Secrets::from(Secrets::new(wait(support::store())));
    client.create_environment("prod", None).unwrap();
    client.create("common", "of all").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let client = client.clone();
            scope.spawn(move || work(thread, &client));
        }
    });
    let listed = client.in_environment("prod").list().unwrap();
    assert_eq!(listed.len(), THREADS);
    assert!(listed.iter().all(|secret| secret.expose_text() == Some(&ROUNDS.to_string())));
}

#[test]
fn sixteen_threads_share_a_client() {
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).build().unwrap();
    runtime.block_on(async {
        let client = Secrets::new(support::store().await);
        client.create("counter", "0").await.unwrap();
        let tasks: Vec<_> = (0..THREADS)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    for _ in 0..ROUNDS {
                        // Increments the counter by compare-and-set. No update may be lost.
                        loop {
                            let read = client.retrieve("counter").await.unwrap();
                            let next = read.expose_text().unwrap().parse::<usize>().unwrap() + 1;
                            let change = keyway_client::Change::from(next.to_string());
                            let change = change.if_unchanged(&read.header);
                            match client.modify("counter", change).await {
                                Ok(_) => break,
                                Err(error) => assert_eq!(error.code(), "conflict", "{error}"),
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let counted = client.get_required("counter").await.unwrap();
        assert_eq!(counted.expose(), (THREADS * ROUNDS).to_string());
    });
}

#[test]
fn in_asynchronous_code_the_blocking_client_refuses() {
    let client = blocking::Secrets::from(Secrets::new(wait(support::store())));
    client.create("K", "v").unwrap();
    for runtime in [
        Builder::new_current_thread().build().unwrap(),
        Builder::new_multi_thread().worker_threads(1).build().unwrap(),
    ] {
        let on = blocking::Secrets::on(client.client().clone(), runtime.handle().clone());
        runtime.block_on(async {
            for client in [&client, &on] {
                let error = client.get("K").unwrap_err();
                assert!(matches!(error, Error::InsideRuntime), "{error:?}");
                let in_a_task = client.clone();
                let error = tokio::spawn(async move { in_a_task.delete("K") }).await.unwrap().unwrap_err();
                assert!(matches!(error, Error::InsideRuntime), "{error:?}");
                let where_blocking_is_allowed = client.clone();
                let got = tokio::task::spawn_blocking(move || where_blocking_is_allowed.get("K"));
                assert_eq!(got.await.unwrap().unwrap().unwrap().expose(), "v");
            }
        });
    }
}

#[test]
fn a_store_that_needs_a_runtime_is_waited_for_on_it() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let store = runtime.block_on(async {
        let ring = || KeyRing::new([Key::generate().unwrap()]).unwrap();
        let registry = plugins! { keyway_generic }.registry().unwrap();
        let host = Host::builder(registry, Arc::new(Memory::new()), ring()).start().await.unwrap();
        let name = StoreName::new("hosted").unwrap();
        host.stores().create(&name, "generic", serde_json::json!({}), &ring()).await.unwrap()
    });
    let client = blocking::Secrets::on(Secrets::new(Arc::new(store)), runtime.handle().clone());
    client.create("K", "v").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(client.get("K").unwrap().unwrap().expose(), "v"));
        }
    });
}

/// Tests a store whose futures use the blocking client of another store, so that one wait runs inside another wait.
#[test]
fn a_wait_may_stand_inside_of_another() {
    let inner = blocking::Secrets::from(Secrets::new(wait(support::store())));
    inner.create("K", "v").unwrap();
    let mut polled = false;
    let outer = std::future::poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return std::task::Poll::Ready(());
        }
        // The wake-up of the outer wait is pending, and the inner wait may consume it.
        context.waker().wake_by_ref();
        assert!(inner.get("K").unwrap().is_some());
        std::task::Poll::Pending
    });
    pollster::block_on(outer);
}
