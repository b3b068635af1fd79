//! Tests an attacker who can write to the storage but has no key. The attacker can destroy records, and nothing more.

mod support;

use std::sync::Arc;

use keyway_core::SecretValue;
use keyway_seal::KeyRing;
use keyway_secrets::{
    EnvironmentFilter, ListQuery, NewSecret, SecretChange, SecretHeader, SecretStore, SecretVersion,
    StoreError,
};
use keyway_storage::{Batch, Entry, Expectation, Storage};
use support::*;

async fn filled() -> (Arc<dyn Storage>, KeyRing) {
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    for name in ["e", "f"] {
        store.create_environment(new_environment(name)).await.unwrap();
    }
    store.create(new(at("a"), "value of a")).await.unwrap();
    store.create(new(at("b"), "value of b")).await.unwrap();
    store.create(new(at_in("a", "e"), "value of a in e")).await.unwrap();
    store.info().await.unwrap();
    (storage, keys)
}

async fn put(storage: &Arc<dyn Storage>, key: &[u8], value: &[u8]) {
    let _ = storage.commit(Batch::new().put(key, value, Expectation::Any)).await.unwrap();
}

fn is_refusal(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. } | StoreError::WrongKey { .. })
}

/// Reads all secrets and environments with every operation that reads. Each operation must return the true content or
/// refuse. Returns the number of refusals.
async fn refusals(store: &dyn SecretStore) -> usize {
    let mut refused = 0;
    let mut note = |error: StoreError| {
        assert!(is_refusal(&error), "{error}");
        refused += 1;
    };
    for (address, value) in
        [(at("a"), "value of a"), (at("b"), "value of b"), (at_in("a", "e"), "value of a in e")]
    {
        match text(store, &address).await {
            Ok(read) => assert_eq!(read, value),
            Err(error) => note(error),
        }
    }
    for query in [ListQuery::all(), ListQuery::all().with_values()] {
        match store.list(&query).await {
            Ok(page) => {
                assert_eq!(page.secrets.len(), 3);
                for listed in page.secrets {
                    assert_eq!(listed.header.version, Some(SecretVersion::FIRST));
                    if let Some(value) = listed.value {
                        assert!(value.expose_text().unwrap().starts_with("value of "));
                    }
                }
            }
            Err(error) => note(error),
        }
    }
    match store.list(&ListQuery::all().of(EnvironmentFilter::In(environment("e")))).await {
        Ok(page) => assert_eq!(page.secrets.len(), 1),
        Err(error) => note(error),
    }
    for name in ["e", "f"] {
        match store.retrieve_environment(&environment(name)).await {
            Ok(found) => assert_eq!(found.name, environment(name)),
            Err(error) => note(error),
        }
    }
    match store.list_environments(None, 9).await {
        Ok(page) => assert_eq!(page.environments.len(), 2),
        Err(error) => note(error),
    }
    refused
}

/// Tells whether an entry holds the counters, which are the only records in the clear. Their key is the prefix of the
/// store, followed by the byte 1.
fn is_counters(entry: &Entry) -> bool {
    entry.key.len() == 17 && entry.key[16] == 1
}

#[tokio::test]
async fn flipped_bits_and_cuts_are_refused() {
    let (storage, keys) = filled().await;
    assert_eq!(refusals(&*open(&storage, &keys)).await, 0);
    for entry in records(&storage).await {
        if is_counters(&entry) {
            put(&storage, &entry.key, b"7 bytes").await;
            let error = open(&storage, &keys).info().await.unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { .. }));
            assert_eq!(refusals(&*open(&storage, &keys)).await, 0);
            put(&storage, &entry.key, &entry.value).await;
            continue;
        }
        let mut broken = Vec::new();
        for at in 0..entry.value.len() {
            let mut flipped = entry.value.clone();
            flipped[at] ^= 1 << (at % 8);
            broken.push(flipped);
        }
        for length in [0, 1, 8, 9, 12, 13, 14, entry.value.len() / 2, entry.value.len() - 1] {
            broken.push(entry.value[..length].to_vec());
        }
        broken.push(vec![0xff; entry.value.len()]);
        broken.push([entry.value.as_slice(), b"A"].concat());
        for value in broken {
            put(&storage, &entry.key, &value).await;
            let refused = refusals(&*open(&storage, &keys)).await;
            assert!(refused > 0, "{:?} passed", value.escape_ascii().to_string());
        }
        put(&storage, &entry.key, &entry.value).await;
    }
    assert_eq!(refusals(&*open(&storage, &keys)).await, 0);
}

#[tokio::test]
async fn writes_and_rotations_meet_damage_without_doing_more() {
    let (storage, keys) = filled().await;
    for entry in records(&storage).await {
        if is_counters(&entry) {
            continue;
        }
        let mut flipped = entry.value.clone();
        let last = flipped.len() - 10;
        flipped[last] ^= 1;
        put(&storage, &entry.key, &flipped).await;
        let store = open(&storage, &keys);
        let mut errors = Vec::new();
        for address in [at("a"), at("b"), at_in("a", "e")] {
            let ninth = SecretHeader::new("9", address.clone()).with_version(SecretVersion::new(9).unwrap());
            let change = SecretChange::value(SecretValue::text("x")).if_unchanged(&ninth);
            errors.push(store.modify(&address, change).await.unwrap_err());
            errors.push(store.destroy(&address, Some(ninth.revision())).await.unwrap_err());
        }
        assert!(
            errors
                .iter()
                .all(|error| is_refusal(error) || matches!(error, StoreError::VersionConflict { .. }))
        );
        let fresh = ring();
        let error = store.rotate(&fresh, &silent).await.unwrap_err();
        assert!(is_refusal(&error), "{error}");
        // After the record is restored, the rotation finishes.
        put(&storage, &entry.key, &entry.value).await;
        let both = keys.with_retiring(&fresh);
        open(&storage, &both).rotate(&keys, &silent).await.unwrap();
        assert_eq!(refusals(&*open(&storage, &keys)).await, 0);
    }
}

#[tokio::test]
async fn records_in_each_others_place_are_refused() {
    let (storage, keys) = filled().await;
    let all = records(&storage).await;
    for one in &all {
        for two in &all {
            if one.key == two.key || is_counters(one) || is_counters(two) {
                continue;
            }
            put(&storage, &one.key, &two.value).await;
            put(&storage, &two.key, &one.value).await;
            assert!(refusals(&*open(&storage, &keys)).await > 0);
            put(&storage, &one.key, &one.value).await;
            put(&storage, &two.key, &two.value).await;
        }
    }
    assert_eq!(refusals(&*open(&storage, &keys)).await, 0);
    // Finds two records of secrets. Only the keys of secrets are 41 bytes long.
    let (a, b) = {
        let mut of_shared = Vec::new();
        for entry in &all {
            // The key of a secret consists of prefix, kind, group and place.
            if entry.key.len() == 41 {
                of_shared.push(entry);
            }
        }
        (of_shared[0], of_shared[1])
    };
    put(&storage, &a.key, &b.value).await;
    put(&storage, &b.key, &a.value).await;
    let store = open(&storage, &keys);
    let mut corrupt = 0;
    for address in [at("a"), at("b"), at_in("a", "e")] {
        if let Err(error) = store.get(&address).await {
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
            corrupt += 1;
        }
    }
    assert_eq!(corrupt, 2);
}

#[tokio::test]
async fn the_header_of_another_store_is_refused() {
    let (storage, keys) = filled().await;
    let own: Vec<Vec<u8>> = records(&storage).await.into_iter().map(|entry| entry.key).collect();
    open_as(&storage, &keys, "other", "1.0.0").initialize().await.unwrap();
    let other = records(&storage).await.into_iter().find(|entry| !own.contains(&entry.key)).unwrap();
    let header = own.iter().find(|key| key.len() == 17 && key[16] == 0).unwrap();
    put(&storage, header, &other.value).await;
    let error = open(&storage, &keys).get(&at("a")).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn halves_of_two_versions_are_refused() {
    fn halves(record: &[u8]) -> (&[u8], &[u8]) {
        let length = usize::try_from(u32::from_le_bytes(record[9..13].try_into().unwrap())).unwrap();
        record.split_at(13 + length)
    }
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    store.create(NewSecret::new(at("a"), SecretValue::text("one")).with_description("first")).await.unwrap();
    let before = records(&storage).await.pop().unwrap();
    store.modify(&at("a"), SecretChange::value(SecretValue::text("two"))).await.unwrap();
    let after = records(&storage).await.pop().unwrap();
    assert_eq!(before.key, after.key);
    let ((old_header, old_value), (new_header, new_value)) = (halves(&before.value), halves(&after.value));
    for mixed in [[old_header, new_value].concat(), [new_header, old_value].concat()] {
        put(&storage, &after.key, &mixed).await;
        for error in [
            store.list(&ListQuery::all().with_values()).await.unwrap_err(),
            store.get(&at("a")).await.unwrap_err(),
            store.modify(&at("a"), SecretChange::description(None)).await.unwrap_err(),
            store.destroy(&at("a"), Some(SecretHeader::new("1", at("a")).revision())).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        }
    }
}

/// Tests the loss of the header, which holds the key of the name index.
#[tokio::test]
async fn a_store_without_its_header_is_damaged_and_neither_new_nor_deleted() {
    let (storage, keys) = filled().await;
    let before = records(&storage).await;
    let header = &before[0];
    let _ = storage.commit(Batch::new().delete(header.key.clone(), Expectation::Any)).await.unwrap();

    let store = open(&storage, &keys);
    let answers = [
        ("written_by", store.written_by().await.map(drop)),
        ("initialize", store.initialize().await),
        ("get", store.get(&at("a")).await.map(drop)),
        ("list", store.list(&ListQuery::all()).await.map(drop)),
        ("rotate", store.rotate(&ring(), &silent).await),
        ("marked_for_delete", store.marked_for_delete().await),
    ];
    for (operation, answer) in answers {
        match answer {
            Err(StoreError::Corrupt { .. }) => {}
            other => panic!("{operation}: {other:?}"),
        }
    }
    assert_eq!(records(&storage).await.len(), before.len() - 1, "nothing was made or deleted");

    put(&storage, &header.key, &header.value).await;
    assert_eq!(refusals(&*open(&storage, &keys)).await, 0);
}
