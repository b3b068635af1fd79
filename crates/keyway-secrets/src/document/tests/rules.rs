//! Tests the rules that `DocumentStore` keeps for every document.

use std::sync::{Arc, Mutex};

use keyway_core::{ErrorKind, IncompatibleReason, PluginError, SecretValue, Structured, Table, WrittenBy};
use pollster::block_on;

use super::hooks::{Stored, handle, handle_of_version};
use super::{at, metadata, ring, secret};
use crate::{
    Configure, Document, EnvironmentFilter, EnvironmentName, ListQuery, NewSecret, SecretAddress,
    SecretChange, SecretHeader, SecretName, SecretStore, StoreError,
};

fn put(stored: &Mutex<Stored>, keys: &keyway_seal::KeyRing, written_by: WrittenBy) {
    let mut document = Document::empty(written_by, Table::new());
    document.secrets.insert("a", Structured::text("1"));
    stored.lock().unwrap().document = Some((document, keys.clone()));
}

#[test]
fn a_forbidden_read_is_refused_before_anything_else() {
    let keys = ring();
    let stamp = |version: &str| metadata("1.0.0").written_by().version_of(version);
    let cases = [
        (stamp("2.0.0"), IncompatibleReason::Version),
        (stamp("0.9"), IncompatibleReason::Version),
        (WrittenBy { plugin_name: "Other".to_owned(), ..stamp("1.0.0") }, IncompatibleReason::OtherName),
    ];
    for (written_by, reason) in cases {
        let stored = Arc::default();
        put(&stored, &keys, written_by.clone());
        let store = handle(&stored, &keys);
        let outcomes = [
            block_on(store.rotate(&ring(), &|_| panic!("nothing is done"))),
            block_on(store.create(secret("b", "2"))).map(|_| ()),
            block_on(store.destroy(&at("a"), None)),
            block_on(store.get(&at("a"))).map(|_| ()),
            block_on(store.modify(&at("a"), SecretChange::value(SecretValue::text("2")))).map(|_| ()),
            block_on(store.list(&ListQuery::all())).map(|_| ()),
            block_on(store.configure(Configure::Read)).map(|_| ()),
            block_on(store.configure(Configure::Write(Table::new()))).map(|_| ()),
            block_on(store.info()).map(|_| ()),
            block_on(store.marked_for_delete()),
        ];
        for outcome in outcomes {
            match outcome {
                Err(StoreError::Incompatible(error)) => assert_eq!(error.reason(), reason),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(block_on(store.initialize()), Err(StoreError::AlreadyInitialized)));
        // `written_by` still returns the last writer.
        assert_eq!(block_on(store.written_by()).unwrap(), Some(written_by));
        let calls = store.hooks().calls.lock().unwrap();
        assert_eq!((calls.writes, calls.removes), (0, 0));
    }
}

/// Changes the version in a [`WrittenBy`].
trait VersionOf {
    fn version_of(self, version: &str) -> Self;
}

impl VersionOf for WrittenBy {
    fn version_of(mut self, version: &str) -> Self {
        self.version = keyway_core::Version::parse(version).unwrap();
        self
    }
}

#[test]
fn the_version_that_wrote_last_is_only_raised_and_only_by_a_write() {
    let keys = ring();
    for (stored_version, running, after) in
        [("1.0.0", "1.2.0", "1.2.0"), ("1.7.0", "1.2.0", "1.7.0"), ("1.2.0-rc.1", "1.2.0", "1.2.0")]
    {
        let stored = Arc::default();
        put(&stored, &keys, metadata("1.0.0").written_by().version_of(stored_version));
        let store = handle_of_version(&stored, &keys, running);
        let version = || block_on(store.written_by()).unwrap().unwrap().version.to_string();
        block_on(store.get(&at("a"))).unwrap();
        block_on(store.info()).unwrap();
        assert!(block_on(store.create(secret("a", "2"))).is_err());
        assert_eq!(version(), stored_version);
        block_on(store.create(secret("b", "2"))).unwrap();
        assert_eq!(version(), after);
    }
}

#[test]
fn refused_values_touch_nothing() {
    let stored = Arc::default();
    let keys = ring();
    let store = handle(&stored, &keys);
    block_on(store.initialize()).unwrap();
    block_on(store.create(secret("a", "1"))).unwrap();
    let calls_before = store.hooks().calls.lock().unwrap().reads;

    let environment = EnvironmentName::new("prod").unwrap();
    let elsewhere = SecretAddress::in_environment(SecretName::new("a").unwrap(), environment.clone());
    let read = SecretHeader::new("a", at("a"));
    let date = || SecretValue::Structured(Structured::DateTime("2024-01-01".to_owned().into()));
    let change = |value| SecretChange::value(value);
    let mut bad = Table::new();
    bad.insert("bad", Structured::text(""));
    let refused = [
        block_on(store.create(NewSecret::new(at("b"), SecretValue::bytes([1])))).map(|_| ()),
        block_on(store.create(NewSecret::new(at("b"), date()))).map(|_| ()),
        block_on(store.create(secret("", "x"))).map(|_| ()),
        block_on(store.create(secret("a\n", "x"))).map(|_| ()),
        block_on(store.create(secret("b", "x").with_description("d"))).map(|_| ()),
        block_on(store.create(NewSecret::new(elsewhere.clone(), SecretValue::text("x")))).map(|_| ()),
        block_on(store.modify(&at("a"), change(SecretValue::bytes([1])))).map(|_| ()),
        block_on(store.modify(&at("a"), change(date()))).map(|_| ()),
        block_on(store.modify(&at("a"), SecretChange::description(None))).map(|_| ()),
        block_on(store.modify(&at("a"), change(SecretValue::text("x")).if_unchanged(&read))).map(|_| ()),
        block_on(store.modify(&elsewhere, change(SecretValue::text("x")))).map(|_| ()),
        block_on(store.destroy(&at("a"), Some(read.revision()))),
        block_on(store.destroy(&elsewhere, None)),
        block_on(store.get(&elsewhere)).map(|_| ()),
        block_on(store.list(&ListQuery::all().of(EnvironmentFilter::In(environment)))).map(|_| ()),
        block_on(store.configure(Configure::Write(bad))).map(|_| ()),
    ];
    for (index, outcome) in refused.into_iter().enumerate() {
        let kind = outcome.unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::Invalid | ErrorKind::Unsupported), "{index}: {kind:?}");
    }
    assert_eq!(store.hooks().calls.lock().unwrap().reads, calls_before, "nothing was even read");
}

#[test]
fn settings_that_are_stored_are_checked_too() {
    let stored: Arc<Mutex<Stored>> = Arc::default();
    let keys = ring();
    put(&stored, &keys, metadata("1.0.0").written_by());
    if let Some((document, _)) = &mut stored.lock().unwrap().document {
        document.settings.insert("bad", Structured::text(""));
    }
    let store = handle(&stored, &keys);
    assert!(matches!(block_on(store.get(&at("a"))), Err(StoreError::Corrupt { .. })));
    assert!(matches!(block_on(store.create(secret("b", ""))), Err(StoreError::Corrupt { .. })));
}

#[test]
fn pages_hold_everything_once_while_others_write() {
    let stored = Arc::default();
    let keys = ring();
    let store = handle(&stored, &keys);
    block_on(store.initialize()).unwrap();
    let stays: Vec<String> = (0..30).map(|number| format!("stays {number}")).collect();
    for (number, name) in stays.iter().enumerate() {
        block_on(store.create(secret(name, "v"))).unwrap();
        block_on(store.create(secret(&format!("goes {number}"), "v"))).unwrap();
    }
    let (mut seen, mut query, mut pages) = (Vec::new(), ListQuery::all().limit(7), 0);
    loop {
        let page = block_on(store.list(&query)).unwrap();
        assert!(!page.secrets.is_empty() && page.secrets.len() <= 7);
        seen.extend(page.secrets.iter().map(|secret| secret.header.id.clone()));
        // Another handle destroys listed and unlisted secrets, and adds one.
        let other = handle(&stored, &keys);
        let _ = block_on(other.destroy(&at(&format!("goes {pages}")), None));
        let _ = block_on(other.destroy(&at(&format!("goes {}", 29 - pages)), None));
        block_on(other.create(secret(&format!("new {pages}"), "v"))).unwrap();
        pages += 1;
        match page.next {
            Some(next) => query = ListQuery::all().limit(7).after(next),
            None => break,
        }
    }
    for name in stays {
        assert_eq!(seen.iter().filter(|other| **other == name).count(), 1, "{name}");
    }
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), seen.len(), "nothing twice");
}

#[test]
fn a_deleted_secret_stays_deleted() {
    let stored = Arc::default();
    let keys = ring();
    let store = handle(&stored, &keys);
    let other = handle(&stored, &keys);
    block_on(store.marked_for_delete()).unwrap();
    let store = handle(&stored, &keys);
    block_on(store.initialize()).unwrap();
    block_on(store.marked_for_delete()).unwrap();
    block_on(store.marked_for_delete()).unwrap();
    assert!(matches!(block_on(store.initialize()), Err(StoreError::Deleted)));
    assert!(matches!(block_on(store.written_by()), Err(StoreError::Deleted)));
    assert!(matches!(block_on(store.info()), Err(StoreError::Deleted)));
    // Another handle finds no store, and deleting it again succeeds.
    assert!(matches!(block_on(other.info()), Err(StoreError::NotInitialized)));
    block_on(other.marked_for_delete()).unwrap();
}

#[test]
fn counters_are_exact_and_survive_nonsense() {
    let stored: Arc<Mutex<Stored>> = Arc::default();
    let keys = ring();
    let counters = |store: &super::hooks::Store| {
        let info = block_on(store.info()).unwrap();
        (info.reads, info.writes)
    };
    let store = handle(&stored, &keys);
    block_on(store.initialize()).unwrap();
    assert_eq!(counters(&store), (2, 1));
    assert!(block_on(store.get(&at("none"))).is_err());
    assert_eq!(counters(&store), (4, 1), "a read that found nothing is a read");
    block_on(store.written_by()).unwrap();
    assert!(block_on(store.initialize()).is_err());
    assert_eq!(counters(&store), (5, 1), "`written_by` is not a read");
    block_on(store.create(secret("a", ""))).unwrap();
    assert_eq!(counters(&store), (7, 2));
    // A handle that is dropped loses only the count of its reads since the last write.
    assert_eq!(counters(&handle(&stored, &keys)), (7, 2));

    for (found, shown, after) in
        [(-1, 0, 2), (i64::MIN, 0, 2), (i64::MAX, i64::MAX.unsigned_abs() + 1, i64::MAX)]
    {
        if let Some((document, _)) = &mut stored.lock().unwrap().document {
            (document.reads, document.writes) = (found, found.saturating_sub(1));
        }
        let store = handle(&stored, &keys);
        assert_eq!(counters(&store).0, shown);
        block_on(store.modify(&at("a"), SecretChange::value(SecretValue::text("x")))).unwrap();
        assert_eq!(stored.lock().unwrap().document.as_ref().unwrap().0.reads, after);
    }
}
