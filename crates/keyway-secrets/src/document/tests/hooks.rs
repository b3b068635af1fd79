//! Implements `DocumentHooks` on a document in memory.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use keyway_core::{PluginMetadata, Structured, Table};
use keyway_seal::KeyRing;

use super::metadata;
use crate::{AccessMode, Document, DocumentHooks, DocumentStore, StoreError};

/// A point in a hook at which the hook waits for one poll, and at which a test can make the hook fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    BeforeRead,
    AfterRead,
    BeforeWrite,
    AfterWrite,
    BeforeRemove,
    AfterRemove,
}

pub(super) const POINTS: [Point; 6] = [
    Point::BeforeRead,
    Point::AfterRead,
    Point::BeforeWrite,
    Point::AfterWrite,
    Point::BeforeRemove,
    Point::AfterRemove,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Error,
    Panic,
    /// Waits for ever: the caller can only drop the future.
    Hang,
}

/// The stored document. Handles share it as they would share a file.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) document: Option<(Document, KeyRing)>,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) reads: usize,
    pub(super) writes: usize,
    pub(super) removes: usize,
    pub(super) closes: usize,
    pub(super) open: bool,
    pub(super) overlapped: bool,
    pub(super) last_access: Option<AccessMode>,
    pub(super) sealed_by: Option<KeyRing>,
    pub(super) hanging: bool,
}

#[derive(Debug)]
pub(super) struct Memory {
    metadata: PluginMetadata,
    pub(super) stored: Arc<Mutex<Stored>>,
    pub(super) calls: Mutex<Calls>,
    pub(super) fault: Mutex<Option<(Point, Fault)>>,
    pub(super) close_panics: Mutex<bool>,
}

pub(super) type Store = DocumentStore<Memory>;

/// Opens a handle on `stored`.
pub(super) fn handle(stored: &Arc<Mutex<Stored>>, keys: &KeyRing) -> Store {
    handle_of_version(stored, keys, "1.0.0")
}

pub(super) fn handle_of_version(stored: &Arc<Mutex<Stored>>, keys: &KeyRing, version: &str) -> Store {
    DocumentStore::new(Memory::of_version(stored, version), keys.clone())
}

impl Memory {
    pub(super) fn new(stored: &Arc<Mutex<Stored>>) -> Self {
        Self::of_version(stored, "1.0.0")
    }

    fn of_version(stored: &Arc<Mutex<Stored>>, version: &str) -> Self {
        Self {
            metadata: metadata(version),
            stored: Arc::clone(stored),
            calls: Mutex::default(),
            fault: Mutex::default(),
            close_panics: Mutex::default(),
        }
    }

    async fn pass(&self, point: Point) -> Result<(), StoreError> {
        let mut waited = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let fault = self.fault.lock().unwrap().take_if(|(at, _)| *at == point);
        match fault {
            None => Ok(()),
            Some((_, Fault::Error)) => Err(StoreError::system("do as asked", "a fault of the test")),
            Some((_, Fault::Panic)) => panic!("a fault of the test"),
            Some((_, Fault::Hang)) => {
                self.calls.lock().unwrap().hanging = true;
                std::future::pending().await
            }
        }
    }

    /// Checks that all cycles are closed.
    pub(super) fn assert_closed(&self) {
        let calls = self.calls.lock().unwrap();
        assert_eq!(calls.closes, calls.reads, "one close for each cycle: {calls:?}");
        assert!(!calls.open && !calls.overlapped, "{calls:?}");
    }
}

#[async_trait]
impl DocumentHooks for Memory {
    fn metadata(&self) -> &PluginMetadata {
        &self.metadata
    }

    fn blocking(&self) -> bool {
        false
    }

    fn check_settings(&self, settings: &Table) -> Result<(), StoreError> {
        match settings.get("bad") {
            None => Ok(()),
            Some(_) => Err(StoreError::invalid("the settings", "`bad` is not good")),
        }
    }

    fn check_value(&self, value: &Structured) -> Result<(), StoreError> {
        match value {
            Structured::DateTime(_) => Err(StoreError::invalid("the value", "no dates here")),
            _ => Ok(()),
        }
    }

    async fn read(&self, keys: &KeyRing, access: AccessMode) -> Result<Option<Document>, StoreError> {
        {
            let mut calls = self.calls.lock().unwrap();
            calls.reads += 1;
            calls.last_access = Some(access);
            calls.overlapped |= std::mem::replace(&mut calls.open, true);
        }
        self.pass(Point::BeforeRead).await?;
        let read = match &self.stored.lock().unwrap().document {
            None => None,
            Some((document, sealed)) if keys.contains(sealed.primary_id()) => Some(document.clone()),
            Some(_) => return Err(StoreError::WrongKey { what: "the document", sealed_by: None }),
        };
        self.pass(Point::AfterRead).await?;
        Ok(read)
    }

    async fn write(&self, document: &Document, keys: &KeyRing) -> Result<(), StoreError> {
        {
            let mut calls = self.calls.lock().unwrap();
            assert!(calls.open && calls.last_access == Some(AccessMode::Update), "{calls:?}");
            calls.writes += 1;
            calls.sealed_by = Some(keys.clone());
        }
        self.pass(Point::BeforeWrite).await?;
        self.stored.lock().unwrap().document = Some((document.clone(), keys.clone()));
        self.pass(Point::AfterWrite).await
    }

    async fn remove(&self) -> Result<(), StoreError> {
        {
            let mut calls = self.calls.lock().unwrap();
            assert!(calls.open && calls.last_access == Some(AccessMode::Update), "{calls:?}");
            calls.removes += 1;
        }
        self.pass(Point::BeforeRemove).await?;
        self.stored.lock().unwrap().document = None;
        self.pass(Point::AfterRemove).await
    }

    fn close(&self) {
        {
            let mut calls = self.calls.lock().unwrap();
            calls.closes += 1;
            calls.overlapped |= !std::mem::replace(&mut calls.open, false);
        }
        assert!(!*self.close_panics.lock().unwrap(), "a fault of the test");
    }
}
