//! Tests a rotation: the keys that read, the keys that write, and the state after a crash.
//!
//! See decision C7.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use pollster::block_on;

use super::hooks::{Fault, Point, Store, Stored, handle};
use super::{at, ring, secret};
use crate::{Progress, SecretStore, StoreError};

fn value(store: &Store) -> Result<String, StoreError> {
    block_on(store.get(&at("a"))).map(|secret| secret.value.expose_text().unwrap().to_owned())
}

#[test]
fn afterwards_the_new_keys_alone_read_and_write() {
    let stored = Arc::default();
    let (old, new) = (ring(), ring());
    let store = handle(&stored, &old);
    block_on(store.initialize()).unwrap();
    block_on(store.create(secret("a", "1"))).unwrap();

    let told = Mutex::new(Vec::new());
    let listener = |progress: Progress| {
        // The store must not hold the lock here, so another call must complete.
        let mut info = pin!(store.info());
        let mut context = Context::from_waker(Waker::noop());
        assert!((0..100).any(|_| info.as_mut().poll(&mut context).is_ready()));
        told.lock().unwrap().push(progress);
    };
    block_on(store.rotate(&new, &listener)).unwrap();
    assert_eq!(*told.lock().unwrap(), [Progress { done: 1, total: 1 }]);

    assert_eq!(value(&handle(&stored, &new)).unwrap(), "1");
    assert!(matches!(value(&handle(&stored, &old)), Err(StoreError::WrongKey { .. })));
    block_on(store.create(secret("b", "2"))).unwrap();
    let written = store.hooks().calls.lock().unwrap().sealed_by.clone().unwrap();
    assert_eq!(written.ids().collect::<Vec<_>>(), new.ids().collect::<Vec<_>>());
    // A second rotation changes nothing that a reader sees.
    block_on(store.rotate(&new, &|_| {})).unwrap();
    assert_eq!(value(&store).unwrap(), "1");
}

#[test]
fn keys_that_do_not_open_the_document_rotate_nothing() {
    let stored: Arc<Mutex<Stored>> = Arc::default();
    let (old, new) = (ring(), ring());
    block_on(handle(&stored, &old).initialize()).unwrap();
    let store = handle(&stored, &ring());
    assert!(matches!(block_on(store.rotate(&new, &|_| {})), Err(StoreError::WrongKey { .. })));
    let sealed = stored.lock().unwrap().document.as_ref().unwrap().1.primary_id();
    assert_eq!(sealed, old.primary_id());
}

#[test]
fn a_rotation_that_ends_anywhere_can_be_taken_up_again() {
    for point in [Point::BeforeRead, Point::AfterRead, Point::BeforeWrite, Point::AfterWrite] {
        for fault in [Fault::Error, Fault::Hang] {
            for same_handle in [true, false] {
                take_up_again(point, fault, same_handle);
            }
        }
    }
}

fn take_up_again(point: Point, fault: Fault, same_handle: bool) {
    let case = format!("{point:?} {fault:?} {same_handle}");
    let stored = Arc::default();
    let (old, new) = (ring(), ring());
    let store = handle(&stored, &old);
    block_on(store.initialize()).unwrap();
    block_on(store.create(secret("a", "1"))).unwrap();

    *store.hooks().fault.lock().unwrap() = Some((point, fault));
    {
        let listener = |_| panic!("{case}: nothing is done yet");
        let mut rotation = pin!(store.rotate(&new, &listener));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match rotation.as_mut().poll(&mut context) {
                std::task::Poll::Ready(outcome) => {
                    assert!(outcome.is_err(), "{case}");
                    break;
                }
                std::task::Poll::Pending if store.hooks().calls.lock().unwrap().hanging => break,
                std::task::Poll::Pending => {}
            }
        }
    }
    store.hooks().assert_closed();

    // Until the rotation is known to be done, the handle opens the document with the old or the new keys, and seals it
    // with the keys that sealed it last.
    assert_eq!(value(&store).unwrap(), "1", "{case}");
    let (open_it, do_not) = if point == Point::AfterWrite { (&new, &old) } else { (&old, &new) };
    block_on(store.create(secret("b", "2"))).unwrap();
    store.hooks().assert_closed();
    assert_eq!(value(&handle(&stored, open_it)).unwrap(), "1", "{case}");
    assert!(matches!(value(&handle(&stored, do_not)), Err(StoreError::WrongKey { .. })), "{case}");

    // The same handle resumes the rotation, or a new handle with the old and the new keys does so, as after a crash.
    let again = if same_handle { store } else { handle(&stored, &new.with_retiring(&old)) };
    block_on(again.rotate(&new, &|_| {})).unwrap();
    assert_eq!(value(&handle(&stored, &new)).unwrap(), "1", "{case}");
    assert!(matches!(value(&handle(&stored, &old)), Err(StoreError::WrongKey { .. })), "{case}");
}

#[test]
fn a_rotation_that_failed_here_and_was_ended_elsewhere_is_not_undone() {
    let stored = Arc::default();
    let (old, new) = (ring(), ring());
    let store = handle(&stored, &old);
    block_on(store.initialize()).unwrap();
    block_on(store.create(secret("a", "1"))).unwrap();
    *store.hooks().fault.lock().unwrap() = Some((Point::BeforeWrite, Fault::Error));
    block_on(store.rotate(&new, &|_| {})).unwrap_err();
    // Another handle completes the rotation, so the old keys may be discarded.
    block_on(handle(&stored, &new.with_retiring(&old)).rotate(&new, &|_| {})).unwrap();
    for name in ["b", "c"] {
        block_on(store.create(secret(name, "2"))).unwrap();
        assert_eq!(value(&handle(&stored, &new)).unwrap(), "1");
    }
    store.hooks().assert_closed();
}
