//! Tests that `close` follows exactly once on every path, and that cycles never overlap.
//!
//! See decision C13.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use keyway_core::{CallError, SecretValue, Structured, Table};
use pollster::block_on;

use super::hooks::{Fault, POINTS, Point, Stored, handle};
use super::{at, ring, secret};
use crate::{Configure, ListQuery, SecretChange, SecretStore, StoreError};

type Pending<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// All operations. The store holds the secret "a".
const OPERATIONS: [&str; 11] = [
    "written_by",
    "initialize",
    "rotate",
    "create",
    "destroy",
    "get",
    "modify",
    "list",
    "configure",
    "info",
    "delete",
];

fn start<'a>(store: &'a dyn SecretStore, operation: &str) -> Pending<'a> {
    match operation {
        "written_by" => Box::pin(async { store.written_by().await.map(|_| ()) }),
        "initialize" => Box::pin(store.initialize()),
        "rotate" => Box::pin(async { store.rotate(&ring(), &|_| {}).await }),
        "create" => Box::pin(async { store.create(secret("b", "2")).await.map(|_| ()) }),
        "destroy" => Box::pin(async { store.destroy(&at("a"), None).await }),
        "get" => Box::pin(async { store.get(&at("a")).await.map(|_| ()) }),
        "modify" => Box::pin(async {
            store.modify(&at("a"), SecretChange::value(SecretValue::text("9"))).await.map(|_| ())
        }),
        "list" => Box::pin(async { store.list(&ListQuery::all()).await.map(|_| ()) }),
        "configure" => Box::pin(async {
            let mut settings = Table::new();
            settings.insert("new", Structured::text("x"));
            store.configure(Configure::Write(settings)).await.map(|_| ())
        }),
        "info" => Box::pin(async { store.info().await.map(|_| ()) }),
        "delete" => Box::pin(store.marked_for_delete()),
        other => panic!("no operation {other}"),
    }
}

/// Returns the names of the secrets, the value of "a" and the number of settings. Returns `None` if there is no store.
fn content(stored: &Mutex<Stored>) -> Option<(Vec<String>, Option<String>, usize)> {
    let stored = stored.lock().unwrap();
    let (document, _) = stored.document.as_ref()?;
    let names = document.secrets.iter().map(|(name, _)| name.to_owned()).collect();
    let value = document.secrets.get("a").map(|value| match value {
        Structured::Text(text) => text.to_string(),
        other => panic!("{other:?}"),
    });
    Some((names, value, document.settings.len()))
}

#[test]
fn every_operation_closes_once_wherever_it_ends() {
    let mut ended_by_fault = 0;
    for operation in OPERATIONS {
        for initialized in [true, false] {
            for point in POINTS {
                for fault in [Fault::Error, Fault::Panic, Fault::Hang] {
                    ended_by_fault += u32::from(end_at(operation, initialized, point, fault));
                }
            }
        }
    }
    // Each operation reads, whether or not the store exists. Operations that write or remove also reach the points in
    // the hooks `write` and `remove`.
    assert_eq!(ended_by_fault, 3 * (11 * 2 * 2 + 2 * (1 + 5) + 2 * 2));
}

/// Runs the operation with a fault at the point. Returns whether the operation reached that point.
fn end_at(operation: &str, initialized: bool, point: Point, fault: Fault) -> bool {
    let stored = Arc::default();
    let keys = ring();
    if initialized {
        let store = handle(&stored, &keys);
        block_on(store.initialize()).unwrap();
        block_on(store.create(secret("a", "1"))).unwrap();
    }
    let case = format!("{operation} {initialized} {point:?} {fault:?}");
    let before = content(&stored);
    let store = handle(&stored, &keys);
    *store.hooks().fault.lock().unwrap() = Some((point, fault));
    let finished = match fault {
        Fault::Hang => {
            let mut pending = start(&store, operation);
            let mut context = Context::from_waker(Waker::noop());
            loop {
                if pending.as_mut().poll(&mut context).is_ready() {
                    break true;
                }
                if store.hooks().calls.lock().unwrap().hanging {
                    break false;
                }
            }
        }
        _ => match catch_unwind(AssertUnwindSafe(|| block_on(start(&store, operation)))) {
            Ok(outcome) => !matches!(outcome, Err(StoreError::System { .. })),
            Err(_) => false,
        },
    };
    store.hooks().assert_closed();
    let faulted = store.hooks().fault.lock().unwrap().take().is_none();
    assert_eq!(faulted, !finished, "{case}");
    if faulted && !matches!(point, Point::AfterWrite | Point::AfterRemove) {
        assert_eq!(content(&stored), before, "{case}");
    }

    // The handle still works: the same operation now succeeds, or returns its regular error.
    let again = block_on(start(&store, operation));
    assert!(
        !matches!(again, Err(StoreError::System { .. } | StoreError::WrongKey { .. })),
        "{case}: {again:?}"
    );
    store.hooks().assert_closed();
    faulted
}

#[test]
fn a_close_that_panics_is_told_and_ends_nothing_else() {
    let stored = Arc::default();
    let keys = ring();
    let store = handle(&stored, &keys);
    block_on(store.initialize()).unwrap();
    *store.hooks().close_panics.lock().unwrap() = true;
    for operation in ["create", "get", "delete"] {
        // The operation "get" itself fails, so the caller sees that error instead of the panic of `close`.
        let error = block_on(start(&store, operation)).err();
        match operation {
            "get" => assert!(matches!(error, Some(StoreError::SecretNotFound { .. })), "{error:?}"),
            _ => assert!(
                matches!(error, Some(StoreError::Call(CallError::Panicked { operation: "close" }))),
                "{error:?}"
            ),
        }
        store.hooks().assert_closed();
    }
    // A hook panics, and then `close` panics; the process survives.
    let store = handle(&stored, &keys);
    *store.hooks().close_panics.lock().unwrap() = true;
    *store.hooks().fault.lock().unwrap() = Some((Point::AfterRead, Fault::Panic));
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(store.info()))).is_err());
    store.hooks().assert_closed();
}

#[test]
fn cycles_of_one_handle_never_overlap() {
    let stored = Arc::default();
    let store = handle(&stored, &ring());
    block_on(store.initialize()).unwrap();
    let names: Vec<String> = (0..20).map(|number| format!("n{number}")).collect();
    let mut pending: Vec<Pending<'_>> = Vec::new();
    for name in &names {
        let store = &store;
        pending.push(Box::pin(async move { store.create(secret(name, "v")).await.map(|_| ()) }));
        pending.push(Box::pin(async move { store.info().await.map(|_| ()) }));
    }
    // Polls the operations in turns, so that their steps interleave. Every seventh round drops an operation
    // before it ends.
    let mut context = Context::from_waker(Waker::noop());
    let mut finished = 0;
    let mut rounds = 0;
    while !pending.is_empty() {
        rounds += 1;
        assert!(rounds < 100_000, "an operation waits for ever");
        pending.retain_mut(|future| match future.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => {
                outcome.unwrap();
                finished += 1;
                false
            }
            Poll::Pending => true,
        });
        if rounds % 7 == 0 && pending.len() > 2 {
            drop(pending.remove(rounds % pending.len()));
        }
    }
    store.hooks().assert_closed();
    assert!(finished >= 10, "{finished}");

    // Also runs the operations on several threads. No operation is dropped, so no write is lost.
    let before = block_on(store.info()).unwrap().secrets.number;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..25 {
                    block_on(store.create(secret(&format!("t{thread}-{number}"), "v"))).unwrap();
                }
            });
        }
    });
    store.hooks().assert_closed();
    assert_eq!(block_on(store.info()).unwrap().secrets.number, before + 100);
}
