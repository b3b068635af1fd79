//! Tests the sealed store with another plugin's settings: a generated value follows the settings in force when it is
//! stored, even if another handle changes them.

mod support;

use std::sync::Arc;

use keyway_core::{Resources, SecretValue, Structured, Table};
use keyway_generic::{SealedStore, StoreSettings};
use keyway_secrets::{
    Configure, NewSecret, OpenContext, Recipe, SecretChange, SecretStore, StoreError, StoreName,
};
use keyway_storage::{FaultyStorage, Storage};
use serde::{Deserialize, Serialize};
use support::*;

/// Settings under which the store generates values that repeat a word. The length in a recipe is the number of
/// repetitions; the default is one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    word: String,
    longest: u32,
}

impl StoreSettings for Words {
    const GENERATES_VALUES: bool = true;

    fn check(&self) -> Result<(), StoreError> {
        if self.word.is_empty() {
            Err(StoreError::invalid("the settings", "`word` is empty"))
        } else {
            Ok(())
        }
    }

    fn generate(&self, recipe: &Recipe) -> Result<SecretValue, StoreError> {
        match recipe.length.unwrap_or(1) {
            times if times <= self.longest => Ok(SecretValue::text(self.word.repeat(times as usize))),
            _ => Err(StoreError::invalid("the recipe", "not so often")),
        }
    }
}

fn words(word: &str, longest: u32) -> Words {
    Words { word: word.to_owned(), longest }
}

fn table(word: &str, longest: i64) -> Table {
    let mut table = Table::new();
    table.insert("word", Structured::text(word));
    table.insert("longest", Structured::Integer(longest.into()));
    table
}

fn opening(storage: &Arc<dyn Storage>, keys: &keyway_seal::KeyRing) -> OpenContext {
    OpenContext::new(StoreName::new("s").unwrap(), metadata("1.0.0"), keys.clone())
        .with_resources(Resources::new().with(Arc::clone(storage)))
}

fn store(storage: &Arc<dyn Storage>, keys: &keyway_seal::KeyRing) -> SealedStore {
    SealedStore::new(&opening(storage, keys), &words("first", 2)).unwrap()
}

fn made(name: &str, recipe: Recipe) -> NewSecret {
    NewSecret::generated(at(name), recipe)
}

#[tokio::test]
async fn settings_that_change_before_the_commit_make_the_value() {
    let (storage, keys) = (memory(), ring());
    store(&storage, &keys).initialize().await.unwrap();
    let overtaking = FaultyStorage::over(&storage).into_engine();
    // Another handle changes the settings right before a commit.
    let overtake = |commits, settings| {
        let other = store(&storage, &keys);
        overtaking.0.before_commit(commits, async move {
            other.configure(Configure::Write(settings)).await.unwrap();
        });
    };
    let lent: Arc<dyn Storage> = Arc::clone(&overtaking) as Arc<dyn Storage>;
    let handle = store(&lent, &keys);
    handle.create(made("before", Recipe::new())).await.unwrap();
    assert_eq!(text(&handle, &at("before")).await.unwrap(), "first");

    overtake(0, table("second", 2));
    overtake(1, table("third", 2));
    handle.create(made("a", Recipe::new())).await.unwrap();
    assert_eq!(text(&handle, &at("a")).await.unwrap(), "third", "overtaken twice");

    overtake(0, table("fourth", 2));
    handle.modify(&at("a"), SecretChange::generated(Recipe::new().length(2))).await.unwrap();
    assert_eq!(text(&handle, &at("a")).await.unwrap(), "fourthfourth");

    // The new settings may refuse a value that the old ones accepted.
    overtake(0, table("fifth", 1));
    let refused = handle.modify(&at("a"), SecretChange::generated(Recipe::new().length(2))).await;
    assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    overtake(0, table("sixth", 0));
    let refused = handle.create(made("b", Recipe::new())).await;
    assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    assert_eq!(text(&handle, &at("a")).await.unwrap(), "fourthfourth");
    assert!(matches!(handle.get(&at("b")).await, Err(StoreError::SecretNotFound { .. })));
}

#[tokio::test]
async fn the_memory_of_a_handle_refuses_nothing_that_is_allowed_now() {
    let (storage, keys) = (memory(), ring());
    let (handle, other) = (store(&storage, &keys), store(&storage, &keys));
    handle.initialize().await.unwrap();
    handle.create(made("a", Recipe::new())).await.unwrap();
    let often = || Recipe::new().length(5);
    assert!(matches!(handle.create(made("b", often())).await, Err(StoreError::Invalid { .. })));
    other.configure(Configure::Write(table("w", 5))).await.unwrap();
    handle.create(made("b", often())).await.unwrap();
    assert_eq!(text(&handle, &at("b")).await.unwrap(), "wwwww");
    other.configure(Configure::Write(table("x", 6))).await.unwrap();
    handle.modify(&at("a"), SecretChange::generated(Recipe::new().length(6))).await.unwrap();
    assert_eq!(text(&handle, &at("a")).await.unwrap(), "xxxxxx");
}

#[tokio::test]
async fn a_renewal_keeps_what_it_is_not_about_and_can_be_conditional() {
    let (storage, keys) = (memory(), ring());
    let handle = store(&storage, &keys);
    handle.initialize().await.unwrap();
    let first = handle.create(made("a", Recipe::new()).with_description("kept")).await.unwrap();
    let renewal = || SecretChange::generated(Recipe::new().length(2)).if_unchanged(&first);
    let second = handle.modify(&at("a"), renewal()).await.unwrap();
    assert_eq!((&second.id, second.description.as_deref()), (&first.id, Some("kept")));
    assert!(matches!(handle.modify(&at("a"), renewal()).await, Err(StoreError::VersionConflict { .. })));
    assert_eq!(text(&handle, &at("a")).await.unwrap(), "firstfirst");
}

#[tokio::test]
async fn initial_settings_are_checked_and_stored_ones_survive_a_rotation() {
    let (storage, keys) = (memory(), ring());
    let refused = SealedStore::new(&opening(&storage, &keys), &words("", 1));
    assert!(matches!(refused, Err(StoreError::Invalid { .. })));
    let handle = store(&storage, &keys);
    handle.initialize().await.unwrap();
    handle.configure(Configure::Write(table("kept", 3))).await.unwrap();
    let new = ring();
    handle.rotate(&new, &silent).await.unwrap();
    let restarted = store(&storage, &new);
    restarted.create(made("a", Recipe::new())).await.unwrap();
    assert_eq!(text(&restarted, &at("a")).await.unwrap(), "kept");
}

#[tokio::test]
async fn stored_settings_of_another_type_are_damage_and_who_wrote_them_can_be_asked() {
    let (storage, keys) = (memory(), ring());
    store(&storage, &keys).initialize().await.unwrap();
    // Opens the store as the plugin `generic`, under the same metadata. `generic` has no setting `word`, so the stored
    // settings count as damaged.
    let generic = open(&storage, &keys);
    let damaged = generic.get(&at("a")).await;
    assert!(matches!(damaged, Err(StoreError::Corrupt { what: "the stored settings", .. })), "{damaged:?}");
    assert_eq!(generic.written_by().await.unwrap(), Some(metadata("1.0.0").written_by()));
}

#[tokio::test]
async fn a_store_that_makes_no_values_says_so() {
    let (storage, keys) = (memory(), ring());
    let generic = open(&storage, &keys);
    assert!(!generic.capabilities().generates_values);
    generic.initialize().await.unwrap();
    let refused = generic.create(made("a", Recipe::new())).await;
    assert!(matches!(refused, Err(StoreError::Unsupported { .. })), "{refused:?}");
    generic.create(new(at("a"), "1")).await.unwrap();
    let refused = generic.modify(&at("a"), SecretChange::generated(Recipe::new())).await;
    assert!(matches!(refused, Err(StoreError::Unsupported { .. })), "{refused:?}");
    assert_eq!(text(&*generic, &at("a")).await.unwrap(), "1");
}
