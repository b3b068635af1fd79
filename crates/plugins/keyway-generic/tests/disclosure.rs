//! Tests that data at rest shows no value and no name without a key, and that errors and `Debug`
//! show no value.
//!
//! See decision C15.

mod support;

use std::error::Error;
use std::sync::Arc;

use base64::Engine;
use keyway_core::{PluginError, SecretValue, Structured, Table};
use keyway_secrets::{
    Configure, EnvironmentChange, ListQuery, NewEnvironment, NewSecret, SecretChange, SecretStore,
    SecretVersion, StoreError,
};
use keyway_storage::{Batch, Expectation, Sqlite, Storage};
use support::*;

const NAME: &str = "the-name-of-the-secret";
const ENVIRONMENT: &str = "the-environment-of-it";
const VALUE: &str = "canary-4711-canary-4711";
const DESCRIPTION: &str = "described-in-so-many-words";
const URL: &str = "https://inner.example.org/path";

async fn filled(storage: &Arc<dyn Storage>, keys: &keyway_seal::KeyRing) -> Arc<dyn SecretStore> {
    let store = open(storage, keys);
    store.initialize().await.unwrap();
    let environment = NewEnvironment { name: environment(ENVIRONMENT), external_url: Some(URL.to_owned()) };
    store.create_environment(environment).await.unwrap();
    for address in [at(NAME), at_in(NAME, ENVIRONMENT)] {
        let secret = NewSecret::new(address, SecretValue::text(VALUE)).with_description(DESCRIPTION);
        store.create(secret).await.unwrap();
    }
    store.info().await.unwrap();
    store
}

/// Returns the bytes of a text, and its Base64 encodings for each offset within a group of three bytes.
fn appearances(text: &str) -> Vec<Vec<u8>> {
    let mut all = vec![text.as_bytes().to_vec()];
    for engine in [&base64::prelude::BASE64_STANDARD_NO_PAD, &base64::prelude::BASE64_URL_SAFE_NO_PAD] {
        for skipped in 0..3 {
            // Only whole groups of three bytes are encoded, so that neighbouring bytes do not matter.
            let part = &text.as_bytes()[skipped..];
            all.push(engine.encode(&part[..part.len() / 3 * 3]).into_bytes());
        }
    }
    all
}

#[tokio::test]
async fn nothing_is_readable_at_rest() {
    let (storage, keys) = (memory(), ring());
    let store = filled(&storage, &keys).await;
    store.modify(&at(NAME), SecretChange::value(SecretValue::text(VALUE))).await.unwrap();
    store.rotate(&ring(), &silent).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open_or_create(folder.path().join("store.db")).unwrap();
    filled(&(Arc::new(sqlite.clone()) as Arc<dyn Storage>), &keys).await;
    let mut haystacks: Vec<Vec<u8>> = Vec::new();
    for entry in records(&storage).await {
        haystacks.extend([entry.key, entry.value]);
    }
    for file in std::fs::read_dir(folder.path()).unwrap() {
        haystacks.push(std::fs::read(file.unwrap().path()).unwrap());
    }
    assert!(haystacks.len() >= 12);
    for needle in [NAME, ENVIRONMENT, VALUE, DESCRIPTION, URL, "Keyway Generic", "written_by"] {
        for appearance in appearances(needle) {
            for haystack in &haystacks {
                let found = haystack.windows(appearance.len()).any(|window| window == appearance);
                assert!(!found, "{needle} is readable");
            }
        }
    }
}

#[test]
fn the_search_finds_what_is_hidden_in_base64() {
    for before in ["", "x", "xy"] {
        let text = base64::prelude::BASE64_STANDARD.encode(format!("{before}{NAME} and more"));
        let found = appearances(NAME)
            .iter()
            .any(|appearance| text.as_bytes().windows(appearance.len()).any(|window| window == appearance));
        assert!(found, "{before}");
    }
}

fn shown(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?} {error:#?} {:?} {:?}", error.detail(), error.kind());
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text} {error} {error:?}");
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn no_error_and_no_debug_shows_a_value() {
    let (storage, keys) = (memory(), ring());
    let store = filled(&storage, &keys).await;
    let value = || SecretValue::text(VALUE);
    let seventh = store.get(&at(NAME)).await.unwrap().header.with_version(SecretVersion::new(7).unwrap());
    let mut errors = vec![
        store.create(NewSecret::new(at(NAME), value())).await.unwrap_err(),
        store.create(NewSecret::new(at_in(NAME, "none"), value())).await.unwrap_err(),
        store.modify(&at("none"), SecretChange::value(value())).await.unwrap_err(),
        store.modify(&at(NAME), SecretChange::value(value()).if_unchanged(&seventh)).await.unwrap_err(),
        store.destroy(&at(NAME), Some(seventh.revision())).await.unwrap_err(),
        store.initialize().await.unwrap_err(),
        store
            .create(NewSecret::new(at("large"), SecretValue::text(VALUE.repeat(400_000))))
            .await
            .unwrap_err(),
        store
            .modify_environment(&environment("none"), EnvironmentChange { external_url: None })
            .await
            .unwrap_err(),
    ];
    let mut deep = Structured::text(VALUE);
    for _ in 0..200 {
        deep = Structured::Array(vec![deep]);
    }
    errors.push(store.create(NewSecret::new(at("deep"), SecretValue::Structured(deep))).await.unwrap_err());
    let mut limit = Table::new();
    limit.insert("maximum_value_bytes", Structured::Integer(1.into()));
    store.configure(Configure::Write(limit)).await.unwrap();
    errors.push(store.create(NewSecret::new(at("new"), value())).await.unwrap_err());
    errors.push(store.modify(&at(NAME), SecretChange::value(value())).await.unwrap_err());
    errors.push(open(&storage, &ring()).get(&at(NAME)).await.unwrap_err());
    errors.push(open(&dying(&storage, 0), &keys).create_environment(new_environment("e")).await.unwrap_err());
    for entry in records(&storage).await {
        let mut broken = entry.value.clone();
        let last = broken.len() - 8;
        broken[last] ^= 1;
        let put = |value: &[u8]| Batch::new().put(entry.key.as_slice(), value, Expectation::Any);
        let _ = storage.commit(put(&broken)).await.unwrap();
        let handle = open(&storage, &keys);
        errors.extend(handle.get(&at(NAME)).await.err());
        errors.extend(handle.list(&ListQuery::all().with_values()).await.err());
        errors.extend(handle.list_environments(None, 3).await.err());
        let _ = storage.commit(put(&entry.value)).await.unwrap();
    }
    let mut texts: Vec<String> = errors.iter().map(shown).collect();
    assert!(texts.len() > 16);
    let secret = store.get(&at(NAME)).await.unwrap();
    assert_eq!(secret.value.expose_text(), Some(VALUE));
    let page = store.list(&ListQuery::all().with_values()).await.unwrap();
    texts.extend([
        format!("{store:?} {store:#?}"),
        format!("{secret:?} {secret:#?}"),
        format!("{page:?}"),
        format!("{:?}", NewSecret::new(at("x"), value())),
        format!("{:?}", SecretChange::value(value())),
        format!("{:?}", store.info().await.unwrap()),
    ]);
    for text in texts {
        assert!(!text.contains("4711"), "{text}");
    }
}
