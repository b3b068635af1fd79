//! Tests layers. The store below answers each operation with an error that names the operation.

use std::sync::{Arc, Mutex};

use keyway_core::SecretValue;
use keyway_seal::Key;
use pollster::block_on;

use super::*;
use crate::{Progress, SecretName};

/// A store that answers each operation with an error that names the operation.
#[derive(Debug)]
struct Named;

fn named<T>(what: &'static str) -> Result<T, StoreError> {
    Err(StoreError::Unsupported { what })
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SecretStore for Named {
    fn capabilities(&self) -> Capabilities {
        Capabilities::FULL
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        named("WrittenBy")
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        named("Initialize")
    }

    async fn rotate(&self, _: &KeyRing, _: &dyn RotationListener) -> Result<(), StoreError> {
        named("Rotate")
    }

    async fn create(&self, _: NewSecret) -> Result<SecretHeader, StoreError> {
        named("Create")
    }

    async fn destroy(&self, _: &SecretAddress, _: Option<SecretRevision>) -> Result<(), StoreError> {
        named("Destroy")
    }

    async fn get(&self, _: &SecretAddress) -> Result<Secret, StoreError> {
        named("Get")
    }

    async fn modify(&self, _: &SecretAddress, _: SecretChange) -> Result<SecretHeader, StoreError> {
        named("Modify")
    }

    async fn list(&self, _: &ListQuery) -> Result<SecretPage, StoreError> {
        named("List")
    }

    async fn write_all(&self, _: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        named("WriteAll")
    }

    async fn configure(&self, _: Configure) -> Result<Table, StoreError> {
        named("Configure")
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        named("Info")
    }

    async fn exact_info(&self) -> Result<StoreInfo, StoreError> {
        named("ExactInfo")
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        named("MarkedForDelete")
    }

    async fn list_environments(&self, _: Option<&Cursor>, _: usize) -> Result<EnvironmentPage, StoreError> {
        named("ListEnvironments")
    }

    async fn retrieve_environment(&self, _: &EnvironmentName) -> Result<Environment, StoreError> {
        named("RetrieveEnvironment")
    }

    async fn create_environment(&self, _: NewEnvironment) -> Result<Environment, StoreError> {
        named("CreateEnvironment")
    }

    async fn modify_environment(
        &self,
        _: &EnvironmentName,
        _: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        named("ModifyEnvironment")
    }
}

/// A layer that records each call, in its `Debug` and `Display` form.
#[derive(Debug)]
struct Recording {
    inner: Arc<dyn SecretStore>,
    calls: Mutex<Vec<String>>,
}

impl SecretStoreLayer for Recording {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Any + Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        self.calls.lock().unwrap().push(format!("{call:?} {call}"));
        next.await
    }
}

/// A layer that answers `get` itself, and forwards every other call.
#[derive(Debug)]
struct Answering(Named);

impl SecretStoreLayer for Answering {
    type Inner = Named;

    fn inner(&self) -> &Named {
        &self.0
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        let header = SecretHeader::new("7", address.clone());
        Ok(Secret { header, value: SecretValue::text("n33dle") })
    }
}

fn recording(inner: Arc<dyn SecretStore>) -> Layered<Recording> {
    Layered(Recording { inner, calls: Mutex::default() })
}

fn at() -> SecretAddress {
    SecretAddress::shared(SecretName::new("a").unwrap())
}

async fn each_operation(store: &dyn SecretStore) -> Vec<Result<(), StoreError>> {
    let (keys, name) =
        (KeyRing::new([Key::generate().unwrap()]).unwrap(), EnvironmentName::new("e").unwrap());
    let (value, mut settings) = (SecretValue::text("n33dle"), Table::new());
    settings.insert("password", keyway_core::Structured::text("n33dle"));
    let new = NewEnvironment { name: name.clone(), external_url: None };
    let revision = SecretHeader::new("7", at()).revision();
    vec![
        store.written_by().await.map(drop),
        store.initialize().await,
        store.rotate(&keys, &|_: Progress| ()).await,
        store.create(NewSecret::new(at(), value.clone())).await.map(drop),
        store.destroy(&at(), Some(revision)).await,
        store.get(&at()).await.map(drop),
        store.modify(&at(), SecretChange::value(value)).await.map(drop),
        store.list(&ListQuery::all()).await.map(drop),
        store
            .write_all(vec![SecretWrite::Create(NewSecret::new(at(), SecretValue::text("n33dle")))])
            .await
            .map(drop),
        store.configure(Configure::Write(settings)).await.map(drop),
        store.info().await.map(drop),
        store.exact_info().await.map(drop),
        store.marked_for_delete().await,
        store.list_environments(None, 7).await.map(drop),
        store.retrieve_environment(&name).await.map(drop),
        store.create_environment(new).await.map(drop),
        store.modify_environment(&name, EnvironmentChange { external_url: None }).await.map(drop),
    ]
}

#[test]
fn each_operation_passes_around_and_reaches_the_store() {
    let store = recording(Arc::new(recording(Arc::new(Named))));
    let answers = block_on(each_operation(&store));
    let calls = store.0.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 17);
    for (call, answer) in calls.iter().zip(answers) {
        let Err(StoreError::Unsupported { what }) = answer else { panic!("{call} never arrived") };
        assert_eq!(call.split(' ').next(), Some(what), "{call} arrived as {what}");
        assert!(!call.contains("n33dle"), "{call}");
    }
    assert_eq!(store.capabilities(), Capabilities::FULL);
}

#[test]
fn a_call_is_shown_in_words_without_values() {
    let store = recording(Arc::new(Named));
    let revision = SecretHeader::new("7", at()).with_version(crate::SecretVersion::FIRST).revision();
    let mut change = SecretChange::value(SecretValue::text("n33dle"));
    change.expected = Some(revision);
    let query = ListQuery::all().with_values().limit(7);
    block_on(async {
        let _ = store.modify(&at(), change).await;
        let _ = store.list(&query).await;
    });
    let calls = store.0.calls.lock().unwrap().join("\n");
    for words in ["modify(\"a\", text if version 1)", "list(all with values, at most 7)"] {
        assert!(calls.contains(words), "{words} in {calls}");
    }
}

#[test]
fn an_override_takes_the_place_of_one_operation() {
    let store = recording(Arc::new(Layered(Answering(Named))));
    assert_eq!(block_on(store.get(&at())).unwrap().value.expose_text(), Some("n33dle"));
    let unsupported = block_on(store.initialize()).unwrap_err();
    assert!(matches!(unsupported, StoreError::Unsupported { what: "Initialize" }), "{unsupported}");
    assert_eq!(store.0.calls.lock().unwrap().len(), 2);
}
