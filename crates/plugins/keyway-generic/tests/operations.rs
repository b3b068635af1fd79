//! Tests the operations one after another, on the in-memory engine.

mod support;

use keyway_core::{ErrorKind, Integer, PluginError, SecretValue, Structured, Table};
use keyway_secrets::{
    Configure, Count, Cursor, EnvironmentChange, EnvironmentFilter, ListQuery, NewSecret, SecretChange,
    SecretName, SecretStore, SecretVersion, SecretWrite, StoreError,
};
use support::*;

async fn fresh() -> std::sync::Arc<dyn SecretStore> {
    let store = open(&memory(), &ring());
    store.initialize().await.unwrap();
    store
}

#[tokio::test]
async fn before_initialize_and_after_deletion_nothing_works() {
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    assert!(store.written_by().await.unwrap().is_none());
    assert!(matches!(store.get(&at("a")).await, Err(StoreError::NotInitialized)));
    assert!(matches!(store.create(new(at("a"), "1")).await, Err(StoreError::NotInitialized)));
    assert!(matches!(store.list(&ListQuery::all()).await, Err(StoreError::NotInitialized)));
    assert!(matches!(store.info().await, Err(StoreError::NotInitialized)));
    assert!(matches!(store.configure(Configure::Read).await, Err(StoreError::NotInitialized)));
    assert!(matches!(store.rotate(&ring(), &silent).await, Err(StoreError::NotInitialized)));

    store.initialize().await.unwrap();
    store.create_environment(new_environment("e")).await.unwrap();
    store.create(new(at_in("a", "e"), "1")).await.unwrap();
    let other_handle = open(&storage, &keys);
    assert_eq!(text(&*other_handle, &at_in("a", "e")).await.unwrap(), "1");

    store.marked_for_delete().await.unwrap();
    store.marked_for_delete().await.unwrap();
    assert!(matches!(store.get(&at_in("a", "e")).await, Err(StoreError::Deleted)));
    assert!(matches!(store.initialize().await, Err(StoreError::Deleted)));
    assert!(matches!(store.written_by().await, Err(StoreError::Deleted)));
    assert!(matches!(other_handle.get(&at_in("a", "e")).await, Err(StoreError::NotInitialized)));
    assert!(storage.scan(&keyway_storage::KeyRange::all(), None, 10).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn initialize_never_overwrites() {
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    store.create(new(at("a"), "1")).await.unwrap();
    assert!(matches!(store.initialize().await, Err(StoreError::AlreadyInitialized)));
    assert!(matches!(open(&storage, &ring()).initialize().await, Err(StoreError::AlreadyInitialized)));
    assert_eq!(text(&*store, &at("a")).await.unwrap(), "1");
}

#[tokio::test]
async fn secrets_are_created_changed_and_destroyed() {
    let store = fresh().await;
    let created = store.create(new(at("a"), "1").with_description("first")).await.unwrap();
    assert_eq!(created.version, Some(SecretVersion::FIRST));
    assert!(matches!(store.create(new(at("a"), "2")).await, Err(StoreError::SecretExists { .. })));
    let changed = store.modify(&at("a"), SecretChange::value(SecretValue::text("2"))).await.unwrap();
    assert_eq!(changed.version, SecretVersion::new(2));
    assert_eq!((&changed.id, changed.created), (&created.id, created.created));
    let secret = store.get(&at("a")).await.unwrap();
    assert_eq!(secret.header, changed);
    assert_eq!(secret.header.description.as_deref(), Some("first"));
    let described = store.modify(&at("a"), SecretChange::description(None)).await.unwrap();
    assert_eq!((described.description, described.version), (None, SecretVersion::new(3)));
    assert_eq!(text(&*store, &at("a")).await.unwrap(), "2");
    store.destroy(&at("a"), None).await.unwrap();
    for error in [
        store.destroy(&at("a"), None).await.unwrap_err(),
        store.get(&at("a")).await.unwrap_err(),
        store.modify(&at("a"), SecretChange::default()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::SecretNotFound { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let again = store.create(new(at("a"), "3")).await.unwrap();
    assert_ne!(again.id, created.id);
}

#[tokio::test]
async fn compare_and_set_refuses_what_has_changed() {
    let store = fresh().await;
    let first = store.create(new(at("a"), "1")).await.unwrap();
    let second = store
        .modify(&at("a"), SecretChange::value(SecretValue::text("2")).if_unchanged(&first))
        .await
        .unwrap();
    let late = SecretChange::value(SecretValue::text("3")).if_unchanged(&first);
    for error in [
        store.modify(&at("a"), late).await.unwrap_err(),
        store.destroy(&at("a"), Some(first.revision())).await.unwrap_err(),
    ] {
        assert!(matches!(&error, StoreError::VersionConflict { expected, actual, .. }
                if (expected, actual) == (&first.revision(), &second.revision())));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("has version 2, not 1"), "{error}");
    }
    assert_eq!(text(&*store, &at("a")).await.unwrap(), "2");
    store.destroy(&at("a"), Some(second.revision())).await.unwrap();
}

/// Tests a secret that replaced another one of the same name. Versions start from 1 again, so a version alone does not
/// distinguish the two.
#[tokio::test]
async fn compare_and_set_tells_a_secret_from_the_one_that_was_there_before() {
    let store = fresh().await;
    let mine = store.create(new(at("a"), "mine")).await.unwrap();
    store.destroy(&at("a"), None).await.unwrap();
    let other = store.create(new(at("a"), "somebody else's")).await.unwrap();
    assert_eq!(other.version, mine.version);
    let late = SecretChange::value(SecretValue::text("lost update")).if_unchanged(&mine);
    for error in [
        store.modify(&at("a"), late).await.expect_err("it changed another caller's secret"),
        store.destroy(&at("a"), Some(mine.revision())).await.expect_err("it destroyed it"),
    ] {
        assert!(matches!(error, StoreError::VersionConflict { .. }), "{error:?}");
        assert!(error.to_string().contains("is not the one that was read"), "{error}");
    }
    assert_eq!(text(&*store, &at("a")).await.unwrap(), "somebody else's");
    store.destroy(&at("a"), Some(other.revision())).await.unwrap();
}

#[tokio::test]
async fn every_kind_of_value_comes_back() {
    let store = fresh().await;
    let mut table = Table::new();
    table.insert(
        "big",
        Structured::Integer(Integer::parse("170141183460469231731687303715884105728").unwrap()),
    );
    table.insert("list", Structured::Array(vec![Structured::text(""), Structured::Table(Table::new())]));
    let values = [
        SecretValue::text(""),
        SecretValue::text("naïve\0\n"),
        SecretValue::bytes([0, 159, 146, 150]),
        SecretValue::Structured(Structured::Table(table)),
        SecretValue::bytes(vec![7; 300_000]),
    ];
    for (number, value) in values.iter().enumerate() {
        let address = at(&number.to_string());
        store.create(NewSecret::new(address.clone(), value.clone())).await.unwrap();
        assert!(store.get(&address).await.unwrap().value.same_as(value));
    }
}

#[tokio::test]
async fn names_outside_the_rule_are_not_created() {
    let store = fresh().await;
    for name in ["", "a\nb", "\u{7f}"] {
        let address = keyway_secrets::SecretAddress::shared(SecretName::of_existing(name));
        let error = store.create(NewSecret::new(address.clone(), SecretValue::text("x"))).await.unwrap_err();
        assert!(matches!(error, StoreError::InvalidName(_)));
        assert!(matches!(store.get(&address).await, Err(StoreError::SecretNotFound { .. })));
    }
}

#[tokio::test]
async fn environments_are_layers_of_their_own() {
    let store = fresh().await;
    assert!(matches!(
        store.create(new(at_in("a", "prod"), "1")).await,
        Err(StoreError::EnvironmentNotFound { .. })
    ));
    store.create_environment(new_environment("prod")).await.unwrap();
    assert!(matches!(
        store.create_environment(new_environment("prod")).await,
        Err(StoreError::EnvironmentExists { .. })
    ));
    store.create(new(at("a"), "shared")).await.unwrap();
    // Neither reads nor writes fall back to a secret without an environment.
    assert!(matches!(store.get(&at_in("a", "prod")).await, Err(StoreError::SecretNotFound { .. })));
    let change = SecretChange::value(SecretValue::text("x"));
    assert!(matches!(
        store.modify(&at_in("a", "prod"), change).await,
        Err(StoreError::SecretNotFound { .. })
    ));
    assert_eq!(text(&*store, &at("a")).await.unwrap(), "shared");
    store.create(new(at_in("a", "prod"), "own")).await.unwrap();
    assert_eq!(text(&*store, &at_in("a", "prod")).await.unwrap(), "own");
    // Upper and lower case differ, and an unknown environment has its own error.
    assert!(matches!(store.get(&at_in("a", "PROD")).await, Err(StoreError::EnvironmentNotFound { .. })));
    let change = EnvironmentChange { external_url: Some("prod.example".into()) };
    store.modify_environment(&environment("prod"), change.clone()).await.unwrap();
    let prod = store.retrieve_environment(&environment("prod")).await.unwrap();
    assert_eq!(prod.external_url.as_deref(), Some("prod.example"));
    assert!(matches!(
        store.modify_environment(&environment("x"), change).await,
        Err(StoreError::EnvironmentNotFound { .. })
    ));
    store.create_environment(new_environment("b")).await.unwrap();
    let first = store.list_environments(None, 1).await.unwrap();
    let second = store.list_environments(first.next.as_ref(), 1).await.unwrap();
    assert!(second.next.is_none());
    let mut names: Vec<_> =
        first.environments.iter().chain(&second.environments).map(|e| e.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["b", "prod"]);
}

#[tokio::test]
async fn lists_come_in_pages_and_by_environment() {
    let store = fresh().await;
    store.create_environment(new_environment("e")).await.unwrap();
    store.create_environment(new_environment("empty")).await.unwrap();
    for number in 0..25 {
        store.create(new(at(&format!("s{number}")), &number.to_string())).await.unwrap();
        store.create(new(at_in(&format!("s{number}"), "e"), "e")).await.unwrap();
    }
    for (filter, expected) in [
        (EnvironmentFilter::All, 50),
        (EnvironmentFilter::Shared, 25),
        (EnvironmentFilter::In(environment("e")), 25),
        (EnvironmentFilter::In(environment("empty")), 0),
    ] {
        let mut seen = std::collections::BTreeSet::new();
        let mut query = ListQuery::all().of(filter).with_values().limit(7);
        loop {
            let page = store.list(&query).await.unwrap();
            assert!(page.secrets.len() <= 7);
            for listed in page.secrets {
                let got = store.get(&listed.header.address).await.unwrap();
                assert!(got.value.same_as(&listed.value.unwrap()));
                assert_eq!(got.header, listed.header);
                assert!(seen.insert(listed.header.address));
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        assert_eq!(seen.len(), expected);
    }
    let unknown = ListQuery::all().of(EnvironmentFilter::In(environment("unknown")));
    assert!(matches!(store.list(&unknown).await, Err(StoreError::EnvironmentNotFound { .. })));
    let foreign = ListQuery::all().after(Cursor::from_bytes("foreign"));
    assert!(matches!(store.list(&foreign).await, Err(StoreError::Invalid { .. })));
    let names_only = store.list(&ListQuery::all()).await.unwrap();
    assert!(names_only.secrets.iter().all(|listed| listed.value.is_none()));
}

/// Tests a value that is far too large. Sealing its 40 MB took 22 seconds without optimisation.
#[tokio::test]
async fn a_value_that_is_too_large_is_refused_by_its_own_size_and_before_it_is_sealed() {
    let store = open(&memory(), &ring());
    store.initialize().await.unwrap();
    store.create(new(at("there"), "1")).await.unwrap();
    let large = "x".repeat(40_000_000);
    let begun = std::time::Instant::now();
    let created = store.create(new(at("a"), &large)).await.unwrap_err();
    let change = SecretChange::value(SecretValue::text(large.as_str()));
    let modified = store.modify(&at("there"), change).await.unwrap_err();
    let taken = begun.elapsed();
    for error in [created, modified] {
        let StoreError::TooLarge { what: "the value", bytes: 40_000_000, limit } = error else {
            panic!("{error:?}")
        };
        assert!((6_000_000..8 << 20).contains(&limit), "{limit}");
    }
    assert!(taken < std::time::Duration::from_secs(2), "{taken:?}");
}

#[tokio::test]
async fn settings_hold_at_once_and_after_a_restart() {
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    let other = open(&storage, &keys);
    other.create(new(at("before"), "12345")).await.unwrap();
    let mut settings = Table::new();
    settings.insert("maximum_value_bytes", Structured::Integer(4.into()));
    store.configure(Configure::Write(settings.clone())).await.unwrap();
    for store in [&store, &other, &open(&storage, &keys)] {
        let error = store.create(new(at("a"), "12345")).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { bytes: 5, limit: 4, .. }), "{error}");
        let in_force = store.configure(Configure::Read).await.unwrap();
        assert!(Structured::Table(in_force).same_as(&Structured::Table(settings.clone())));
    }
    let mut wrong = Table::new();
    wrong.insert("maximum_value_byte", Structured::Integer(4.into()));
    let error = store.configure(Configure::Write(wrong)).await.unwrap_err();
    assert!(error.to_string().contains("maximum_value_bytes"), "{error}");
    assert!(store.configure(Configure::Read).await.unwrap().get("maximum_value_bytes").is_some());
}

#[tokio::test]
async fn info_counts_secrets_reads_and_writes() {
    let store = fresh().await;
    for number in 0..3 {
        store.create(new(at(&format!("{number}")), "x")).await.unwrap();
    }
    store.get(&at("1")).await.unwrap();
    let info = store.info().await.unwrap();
    assert_eq!((info.secrets.number, info.secrets.exact), (3, true));
    assert_eq!((info.reads, info.writes), (1, 3));
    assert_eq!(info.plugin.name(), "Keyway Generic");
    assert!(info.rotation.is_none());
}

#[tokio::test]
async fn another_versions_data_is_refused_and_left_alone() {
    let (storage, keys) = (memory(), ring());
    let store = open_as(&storage, &keys, "s", "1.2.0");
    store.initialize().await.unwrap();
    store.create(new(at("a"), "1")).await.unwrap();
    // An older version that is compatible may write, and does not lower the stored version.
    let older = open_as(&storage, &keys, "s", "1.0.0");
    older.create(new(at("b"), "2")).await.unwrap();
    assert_eq!(older.written_by().await.unwrap().unwrap().version.to_string(), "1.2.0");
    // A newer version raises the stored version with its first write, not earlier.
    let newer = open_as(&storage, &keys, "s", "1.3.0");
    newer.get(&at("a")).await.unwrap();
    assert_eq!(newer.written_by().await.unwrap().unwrap().version.to_string(), "1.2.0");
    newer.create(new(at("c"), "3")).await.unwrap();
    assert_eq!(newer.written_by().await.unwrap().unwrap().version.to_string(), "1.3.0");

    let foreign = keyway_core::PluginMetadata::from_json(
        r#"{"version": "2.0.0", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:2.0", "plugin": {"name": "Keyway Generic", "type": "Secret", "description": ""}}"#,
    )
    .unwrap();
    let opening =
        keyway_secrets::OpenContext::new(keyway_secrets::StoreName::new("s").unwrap(), foreign, keys.clone())
            .with_resources(keyway_core::Resources::new().with(std::sync::Arc::clone(&storage)));
    let later = keyway_secrets::SecretStorePlugin::open(&keyway_generic::GenericPlugin, &opening).unwrap();
    for error in [
        later.get(&at("a")).await.unwrap_err(),
        later.create(new(at("d"), "4")).await.unwrap_err(),
        later.marked_for_delete().await.unwrap_err(),
        later.rotate(&ring(), &silent).await.unwrap_err(),
        later.list(&ListQuery::all()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
    }
    assert_eq!(text(&*store, &at("a")).await.unwrap(), "1");
}

#[tokio::test]
async fn two_stores_on_one_engine_do_not_meet() {
    let (storage, keys) = (memory(), ring());
    let one = open_as(&storage, &keys, "one", "1.0.0");
    let two = open_as(&storage, &keys, "two", "1.0.0");
    one.initialize().await.unwrap();
    one.create(new(at("a"), "1")).await.unwrap();
    assert!(matches!(two.get(&at("a")).await, Err(StoreError::NotInitialized)));
    two.initialize().await.unwrap();
    two.create(new(at("a"), "2")).await.unwrap();
    one.marked_for_delete().await.unwrap();
    assert_eq!(text(&*two, &at("a")).await.unwrap(), "2");
}

#[tokio::test]
async fn the_secrets_of_a_large_store_are_tallied_and_counted_when_asked_for() {
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    let writes: Vec<_> =
        (0..1200).map(|number| SecretWrite::Create(new(at(&format!("a{number}")), "v"))).collect();
    let limits = store.capabilities().bulk;
    for batch in SecretWrite::batches(writes, limits) {
        SecretWrite::write_batch(&*store, batch).await.unwrap();
    }
    store.destroy(&at("a7"), None).await.unwrap();
    for handle in [&store, &open(&storage, &keys)] {
        assert_eq!(handle.info().await.unwrap().secrets, Count::about(1199));
        assert_eq!(handle.exact_info().await.unwrap().secrets, Count::exact(1199));
    }
    for number in 100..400 {
        store.destroy(&at(&format!("a{number}")), None).await.unwrap();
    }
    assert_eq!(open(&storage, &keys).info().await.unwrap().secrets, Count::exact(899), "few are counted");
}
