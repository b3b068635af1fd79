//! Tests that a write which took effect, or may have, is not reported as one that may be tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyway_client::Secrets;
use keyway_core::json::Writer;
use keyway_core::{CallError, Plugins, Resources, plugins};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    Call, Layered, OpenContext, SecretStore, SecretStoreLayer, SecretStores, StoreError, StoreName,
};
use keyway_storage::{Memory, Storage};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::parameters::Parameters;
use crate::project::Project;
use crate::runtime::run_to_end;

const PLUGINS: Plugins = plugins! { keyway_generic };

/// A store in which one operation fails from its n-th call on.
#[derive(Debug)]
struct Failing {
    inner: Arc<dyn SecretStore>,
    operation: &'static str,
    from: usize,
    error: fn() -> StoreError,
    calls: AtomicUsize,
}

impl SecretStoreLayer for Failing {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let is_meant = call.to_string().starts_with(&format!("{}(", self.operation));
        if is_meant && self.calls.fetch_add(1, Ordering::SeqCst) + 1 >= self.from {
            return Err((self.error)());
        }
        next.await
    }
}

fn down() -> StoreError {
    StoreError::Unavailable { what: "the store", retry_after: None, source: None }
}

fn late() -> StoreError {
    CallError::DeadlineExceeded { operation: "a write", deadline: Duration::from_secs(30) }.into()
}

/// Makes a store with the secret `A`, in which `operation` fails from its n-th call on.
async fn project((operation, from, error): (&'static str, usize, fn() -> StoreError)) -> (Project, Secrets) {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>("generic").unwrap();
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let context = OpenContext::new(StoreName::new("s").unwrap(), plugin.metadata().clone(), keys)
        .with_resources(Resources::new().with(storage));
    let inner = plugin.open(&context).unwrap();
    inner.initialize().await.unwrap();
    let secrets = Secrets::new(Arc::clone(&inner));
    secrets.create("A", "old").await.unwrap();
    let failing = Layered(Failing { inner, operation, from, error, calls: AtomicUsize::default() });
    (Project { secrets: Secrets::new(Arc::new(failing)), id: 0 }, secrets)
}

/// Updates the secret `A`. Returns the failure, and the values of `A` and `B`.
fn updated(
    fault: (&'static str, usize, fn() -> StoreError),
    changes: &Value,
) -> (Option<Failure>, [Option<String>; 2]) {
    run_to_end(async {
        let (project, secrets) = project(fault).await;
        let given = Parameters::of(json!({"key": "A", "changes": changes}).into()).unwrap();
        let failure = project.update_secret(given, &mut Writer::with_capacity(1024)).await.err();
        let mut values = Vec::new();
        for key in ["A", "B"] {
            values.push(secrets.get(key).await.unwrap().map(|text| text.expose().to_owned()));
        }
        (failure, values.try_into().unwrap())
    })
    .unwrap()
}

fn values(a: Option<&str>, b: Option<&str>) -> [Option<String>; 2] {
    [a, b].map(|value| value.map(str::to_owned))
}

#[test]
fn a_change_without_an_answer_is_not_one_that_may_be_tried_again() {
    let old = values(Some("old"), None);
    // The description was changed, and then the value cannot be read.
    assert_eq!(
        updated(("get", 2, down), &json!({"description": "d"})),
        (Some(Failure::Internal), old.clone())
    );
    // The deadline passed, and the store may still carry the write out.
    assert_eq!(updated(("modify", 1, late), &json!({"value": "v"})), (Some(Failure::Internal), old.clone()));
    // A failure that comes before the write, or has no effect, keeps its kind.
    assert_eq!(
        updated(("get", 1, down), &json!({"description": "d"})),
        (Some(Failure::Unavailable), old.clone())
    );
    assert_eq!(updated(("modify", 1, down), &json!({"value": "v"})), (Some(Failure::Unavailable), old));
}

#[test]
fn a_move_that_leaves_two_secrets_is_not_one_that_may_be_tried_again() {
    // Neither the old secret nor the copy can be destroyed.
    let both = values(Some("old"), Some("old"));
    assert_eq!(updated(("destroy", 1, down), &json!({"key": "B"})), (Some(Failure::Internal), both.clone()));
    assert_eq!(updated(("destroy", 1, late), &json!({"key": "B"})), (Some(Failure::Internal), both));
    let old = values(Some("old"), None);
    assert_eq!(updated(("create", 1, late), &json!({"key": "B"})), (Some(Failure::Internal), old));
    assert_eq!(updated(("none", 1, down), &json!({"key": "B"})), (None, values(None, Some("old"))));
}
