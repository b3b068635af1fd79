//! Tests values that a document's store generates.
//!
//! See decision C11.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use keyway_core::{MediaKind, PluginMetadata, SecretValue, Structured, Table};
use keyway_seal::KeyRing;
use pollster::block_on;

use super::hooks::{Memory, Stored, handle};
use super::{at, ring, secret};
use crate::{
    AccessMode, Capabilities, Configure, Document, DocumentHooks, DocumentStore, NewSecret, Recipe,
    SecretChange, SecretStore, StoreError,
};

/// Hooks that generate a value by repeating the setting `word`. The length in the recipe is the number of repetitions;
/// without a length, the value is the word itself.
#[derive(Debug)]
struct Maker(Memory);

const WORD: &str = "word";

#[async_trait]
impl DocumentHooks for Maker {
    fn metadata(&self) -> &PluginMetadata {
        self.0.metadata()
    }

    fn check_settings(&self, settings: &Table) -> Result<(), StoreError> {
        match settings.get(WORD) {
            None => Ok(()),
            Some(Structured::Text(word)) if !word.is_empty() => Ok(()),
            Some(_) => Err(StoreError::invalid("the settings", "`word` is not a word")),
        }
    }

    fn check_stored_settings(&self, settings: &Table) -> Result<(), StoreError> {
        match settings.get(WORD) {
            None | Some(Structured::Text(_)) => Ok(()),
            Some(_) => Err(StoreError::invalid("the settings", "`word` is not a text")),
        }
    }

    fn settings_in_force(&self, mut settings: Table) -> Table {
        if settings.get(WORD).is_none() {
            settings.insert(WORD, Structured::text("default"));
        }
        settings
    }

    fn generates_values(&self) -> bool {
        true
    }

    fn generate(&self, settings: &Table, recipe: &Recipe) -> Result<Structured, StoreError> {
        match (settings.get(WORD), recipe.length.unwrap_or(1)) {
            (Some(Structured::Text(word)), 1..=9) if !word.is_empty() => {
                Ok(Structured::text(word.repeat(recipe.length.unwrap_or(1) as usize)))
            }
            _ => Err(StoreError::invalid("the recipe", "not so often")),
        }
    }

    async fn read(&self, keys: &KeyRing, access: AccessMode) -> Result<Option<Document>, StoreError> {
        self.0.read(keys, access).await
    }

    async fn write(&self, document: &Document, keys: &KeyRing) -> Result<(), StoreError> {
        self.0.write(document, keys).await
    }

    async fn remove(&self) -> Result<(), StoreError> {
        self.0.remove().await
    }

    fn close(&self) {
        self.0.close();
    }
}

fn maker(stored: &Arc<Mutex<Stored>>, keys: &KeyRing) -> DocumentStore<Maker> {
    DocumentStore::new(Maker(Memory::new(stored)), keys.clone())
}

fn made(name: &str, recipe: Recipe) -> NewSecret {
    NewSecret::generated(at(name), recipe)
}

fn get(store: &dyn SecretStore, name: &str) -> String {
    let value = block_on(store.get(&at(name))).unwrap().value;
    assert_eq!(value.kind(), MediaKind::Text);
    value.expose_text().unwrap().to_owned()
}

fn word(word: &str) -> Table {
    let mut settings = Table::new();
    settings.insert(WORD, Structured::text(word));
    settings
}

#[test]
fn the_settings_in_the_document_make_each_value() {
    let (stored, keys) = (Arc::default(), ring());
    let store = maker(&stored, &keys);
    assert!(store.capabilities().generates_values);
    block_on(store.initialize()).unwrap();
    block_on(store.create(made("a", Recipe::new()))).unwrap();
    assert_eq!(get(&store, "a"), "default");

    // Another handle changes the settings. The first handle then generates with the new settings.
    block_on(maker(&stored, &keys).configure(Configure::Write(word("other")))).unwrap();
    block_on(store.create(made("b", Recipe::new().length(2)))).unwrap();
    assert_eq!(get(&store, "b"), "otherother");
    block_on(store.modify(&at("a"), SecretChange::generated(Recipe::new()))).unwrap();
    assert_eq!(get(&maker(&stored, &keys), "a"), "other");
}

#[test]
fn settings_that_are_left_out_are_answered_and_stored() {
    let (stored, keys) = (Arc::default(), ring());
    let store = maker(&stored, &keys);
    block_on(store.initialize()).unwrap();
    let is_default =
        |settings: &Table| Structured::Table(settings.clone()).same_as(&Structured::Table(word("default")));
    assert!(is_default(&block_on(store.configure(Configure::Read)).unwrap()));
    assert!(is_default(&block_on(store.configure(Configure::Write(Table::new()))).unwrap()));
    let stored = stored.lock().unwrap();
    assert!(is_default(&stored.document.as_ref().unwrap().0.settings));
}

#[test]
fn an_impossible_generation_is_refused_and_writes_nothing() {
    let (stored, keys) = (Arc::default(), ring());
    let store = maker(&stored, &keys);
    block_on(store.initialize()).unwrap();
    block_on(store.create(secret("a", "1"))).unwrap();
    let writes = || store.hooks().0.calls.lock().unwrap().writes;
    let before = writes();
    let often = || Recipe::new().length(10);
    assert!(matches!(block_on(store.create(made("b", often()))), Err(StoreError::Invalid { .. })));
    // A bad recipe is refused whether or not the secret exists.
    for name in ["a", "missing"] {
        let refused = block_on(store.modify(&at(name), SecretChange::generated(often())));
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{name}");
    }
    let refused = block_on(store.create(made("a", Recipe::new())));
    assert!(matches!(refused, Err(StoreError::SecretExists { .. })));
    let refused = block_on(store.modify(&at("missing"), SecretChange::generated(Recipe::new())));
    assert!(matches!(refused, Err(StoreError::SecretNotFound { .. })));
    assert_eq!((writes(), get(&store, "a")), (before, "1".to_owned()));
    store.hooks().0.assert_closed();
}

#[test]
fn stored_settings_that_could_not_be_written_are_read() {
    let (stored, keys) = (Arc::default(), ring());
    let store = maker(&stored, &keys);
    block_on(store.initialize()).unwrap();
    block_on(store.create(secret("a", "1"))).unwrap();
    stored.lock().unwrap().document.as_mut().unwrap().0.settings = word("");
    assert_eq!(get(&store, "a"), "1");
    assert!(matches!(block_on(store.create(made("b", Recipe::new()))), Err(StoreError::Invalid { .. })));
    let refused = block_on(store.configure(Configure::Write(word(""))));
    assert!(matches!(refused, Err(StoreError::Invalid { .. })));
    block_on(store.configure(Configure::Write(word("w")))).unwrap();
    block_on(store.create(made("b", Recipe::new()))).unwrap();
}

#[test]
fn hooks_that_make_no_values_are_not_asked_to() {
    let (stored, keys) = (Arc::default(), ring());
    let store = handle(&stored, &keys);
    assert_eq!(
        store.capabilities(),
        Capabilities::MINIMAL
            .structured()
            .bulk(crate::document::store::BULK)
            .ordered(crate::ListOrder::Insertion)
    );
    block_on(store.initialize()).unwrap();
    block_on(store.create(secret("a", "1"))).unwrap();
    let reads = store.hooks().calls.lock().unwrap().reads;
    let refused = block_on(store.create(made("b", Recipe::new())));
    assert!(matches!(refused, Err(StoreError::Unsupported { .. })));
    let refused = block_on(store.modify(&at("a"), SecretChange::generated(Recipe::new())));
    assert!(matches!(refused, Err(StoreError::Unsupported { .. })));
    assert_eq!(store.hooks().calls.lock().unwrap().reads, reads, "nothing is touched");
    assert_eq!(get(&store, "a"), SecretValue::text("1").expose_text().unwrap());
}
