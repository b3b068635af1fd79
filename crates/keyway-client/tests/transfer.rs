//! Tests export and import through a store.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use keyway_client::{Bundle, BundleError, Error, Resolution, SecretValue, Secrets};
use keyway_secrets::seal::{Key, KeyRing};
use keyway_secrets::{
    Capabilities, Layered, ListQuery, SecretAddress, SecretName, SecretPage, SecretStore, SecretStoreLayer,
    StoreError,
};
use keyway_storage::{Fault, FaultyStorage, Memory, Storage};
use support::{Spy, Trick, spy, wait};

fn bundle(entries: &[(&str, &str)]) -> Bundle {
    let mut bundle = Bundle::new();
    for (key, value) in entries {
        bundle.push(key, *value).unwrap();
    }
    bundle
}

#[test]
fn an_import_creates_changes_and_leaves_alone() {
    wait(async {
        let client = Secrets::new(support::store().await);
        client.create_environment("prod", None).await.unwrap();
        let prod = client.in_environment("prod").with_resolution(Resolution::SharedFallback);
        client.create("shared", "s").await.unwrap();
        prod.create("same", "1").await.unwrap();
        prod.create("other", "2").await.unwrap();
        prod.create("untouched", "3").await.unwrap();
        prod.create("bytes", SecretValue::bytes("4")).await.unwrap();
        let new = bundle(&[("bytes", "4"), ("other", "22"), ("same", "1"), ("shared", "s"), ("new", "5")]);
        let plan = prod.plan_import(&new).await.unwrap();
        // The import writes into the environment. It creates `shared` there, because only the shared layer has this
        // key.
        assert_eq!(plan.created, ["new", "shared"]);
        assert_eq!(plan.changed, ["bytes", "other"]);
        assert_eq!(plan.unchanged, ["same"]);
        assert_eq!(prod.get("other").await.unwrap().unwrap().expose(), "2", "a plan writes nothing");
        assert_eq!(prod.import(&new).await.unwrap(), plan);
        let version = prod.retrieve("same").await.unwrap().header.version.unwrap();
        assert_eq!(version.number(), 1, "what is the same is not written");
        let all = prod.with_resolution(Resolution::Exact).export().await.unwrap();
        let mut expected = new.clone();
        expected.push("untouched", "3").unwrap();
        assert!(all.same_as(&expected));
        let again = prod.import(&new).await.unwrap();
        assert_eq!((again.created.len(), again.changed.len(), again.unchanged.len()), (0, 0, 5));
    });
}

#[test]
fn nothing_is_written_when_anything_is_not_acceptable() {
    wait(async {
        let client = Secrets::new(support::store().await);
        let error = client.import(&bundle(&[("A", "1"), ("b\tc", "2")])).await.unwrap_err();
        assert!(matches!(error, Error::Bundle(BundleError::Key { .. })), "{error:?}");
        assert_eq!(error.code(), "invalid");
        assert!(!error.to_string().contains('\t'));
        let nowhere = client.in_environment("nowhere").import(&bundle(&[("A", "1")])).await.unwrap_err();
        assert!(matches!(nowhere, Error::EnvironmentNotFound { .. }));
        assert!(client.list_names().await.unwrap().is_empty());
    });
}

#[test]
fn an_interrupted_import_says_where_and_goes_on() {
    wait(async {
        let spy = spy().await;
        let client = Secrets::new(Arc::<Spy>::clone(&spy));
        let new = bundle(&[("A", "1"), ("B", "2")]);
        let name = SecretName::new("B").unwrap();
        // Simulates another caller that creates the secret between the comparison and the write.
        let there = StoreError::SecretExists { address: SecretAddress::shared(name) };
        spy.0.next(Trick::Fail(there.in_batch(1)));
        let error = client.import(&new).await.unwrap_err();
        assert!(
            matches!(&error, Error::ImportInterrupted { key, written: 0, total: 2, .. } if key.as_str() == "B")
        );
        assert_eq!(error.code(), "conflict");
        assert!(error.to_string().ends_with(": import again to go on"), "{error}");
        let too_large = StoreError::TooLarge { what: "the value", bytes: 9, limit: 5 };
        spy.0.next(Trick::Fail(too_large));
        let error = client.import(&bundle(&[("B", "2")])).await.unwrap_err();
        assert!(
            error.to_string().ends_with(": change that secret in the file, then import again"),
            "{error}"
        );
        assert_eq!(client.import(&new).await.unwrap().created, ["A", "B"]);
    });
}

#[test]
fn an_import_whose_batch_does_not_fit_goes_on_one_by_one() {
    wait(async {
        let spy = spy().await;
        let client = Secrets::new(Arc::<Spy>::clone(&spy));
        spy.0.next(Trick::Fail(StoreError::TooLarge { what: "the batch", bytes: 2, limit: 1 }));
        let new = bundle(&[("A", "1"), ("B", "2"), ("C", "3")]);
        assert_eq!(client.import(&new).await.unwrap().created, ["A", "B", "C"]);
        assert!(client.export().await.unwrap().same_as(&new));
    });
}

#[test]
fn an_import_that_is_small_beside_the_store_is_compared_key_by_key() {
    wait(async {
        let spy = spy().await;
        let client = Secrets::new(Arc::<Spy>::clone(&spy));
        for number in 0..40 {
            client.create(&format!("there {number}"), "old").await.unwrap();
        }
        let new = bundle(&[("there 1", "old"), ("there 2", "new"), ("missing", "m")]);
        let pages = spy.0.pages.load(Ordering::Relaxed);
        let plan = client.import(&new).await.unwrap();
        assert_eq!((plan.created, plan.changed), (vec!["missing".to_owned()], vec!["there 2".to_owned()]));
        assert_eq!(spy.0.pages.load(Ordering::Relaxed), pages, "it listed the whole store");
        assert_eq!(client.get_required("there 2").await.unwrap().expose(), "new");
    });
}

#[test]
fn an_import_that_died_anywhere_says_what_is_left_and_writes_nothing_twice() {
    wait(async {
        for (commits, takes_effect) in (0..3).flat_map(|commits| [(commits, false), (commits, true)]) {
            let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
            let storage: Arc<dyn Storage> = Arc::new(Memory::new());
            let store = |storage: &Arc<dyn Storage>| Secrets::new(support::store_on(storage, keys.clone()));
            let client = store(&storage);
            client.store().initialize().await.unwrap();
            for (key, value) in [("b", "old"), ("d", "old"), ("e", "same")] {
                client.create(key, value).await.unwrap();
            }
            let new = bundle(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "same")]);

            // A limit of three items makes batches of two writes.
            let dying = FaultyStorage::over(&storage).items_per_batch(3).into_engine();
            dying.0.end_after(commits, if takes_effect { Fault::EndsAfter } else { Fault::EndsBefore });
            let outcome = store(&(dying as Arc<dyn Storage>)).import(&new).await;
            let done = usize::try_from(commits).unwrap();
            let key = ["a", "c", "-"][done];
            match outcome {
                Ok(_) => assert_eq!(done, 2),
                Err(Error::ImportInterrupted { key: at, written, total: 4, .. }) => {
                    assert_eq!((at.as_str(), written), (key, 2 * done));
                }
                Err(error) => panic!("{error:?}"),
            }

            // The next process repeats the import.
            let there = done + usize::from(takes_effect && done < 2);
            let left = client.plan_import(&new).await.unwrap();
            assert_eq!(left.created, ["a", "c"][there..], "{commits} {takes_effect}");
            assert_eq!(left.changed, ["b", "d"][there..], "{commits} {takes_effect}");
            assert_eq!(client.import(&new).await.unwrap(), left);
            assert!(client.export().await.unwrap().same_as(&new));
            for (key, version) in [("a", 1), ("b", 2), ("c", 1), ("d", 2), ("e", 1)] {
                let header = client.retrieve(key).await.unwrap().header;
                assert_eq!(header.version.unwrap().number(), version, "{key} was written twice, or never");
            }
        }
    });
}

/// A store that lists secrets as it kept them before another writer changed them all to another value.
#[derive(Debug)]
struct Stale {
    service: Arc<dyn SecretStore>,
    kept: &'static str,
}

impl SecretStoreLayer for Stale {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.service
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.service.capabilities().stale_for(Duration::from_secs(600));
        capabilities.versions = false;
        capabilities
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let mut page = self.service.list(query).await?;
        for listed in &mut page.secrets {
            (listed.header.version, listed.value) = (None, Some(SecretValue::text(self.kept)));
        }
        Ok(page)
    }
}

#[test]
fn an_import_writes_what_only_seems_equal() {
    wait(async {
        let service = support::store().await;
        let client = Secrets::new(Arc::clone(&service));
        client.create("A", "x").await.unwrap();
        let stale = Secrets::new(Arc::new(Layered(Stale { service, kept: "old" })));
        let plan = stale.import(&bundle(&[("A", "old")])).await.unwrap();
        assert_eq!(client.get_required("A").await.unwrap().expose(), "old");
        assert_eq!((plan.changed, plan.unchanged), (vec!["A".to_owned()], vec![]));
    });
}

#[test]
fn bytes_that_are_no_text_are_not_exported() {
    wait(async {
        let client = Secrets::new(support::store().await);
        client.create("K", SecretValue::bytes("x")).await.unwrap();
        let error = client.export().await.unwrap_err();
        assert!(matches!(&error, Error::Bundle(BundleError::NotText { key, .. }) if key == "K"), "{error:?}");
    });
}
