//! Tests values that the store generates, requested through the client.

use std::sync::Arc;

use keyway_client::{Change, Draft, ErrorKind, PluginError as _, Recipe, Secrets};
use keyway_core::{Plugins, Resources, plugins};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{OpenContext, SecretStores, StoreName};
use keyway_storage::{Memory, Storage};

const PLUGINS: Plugins = plugins! { keyway_generic, keyway_passdb };

async fn client(plugin: &str) -> Secrets {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>(plugin).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let opening = OpenContext::new(StoreName::new("services").unwrap(), plugin.metadata().clone(), keys)
        .with_resources(Resources::new().with(storage));
    let store = plugin.open(&opening).unwrap();
    store.initialize().await.unwrap();
    Secrets::new(store)
}

#[tokio::test]
async fn a_store_that_makes_passwords_makes_them_for_the_client() {
    let secrets = client("passdb").await;
    secrets.create("database", Draft::generated(Recipe::new().length(40).alphabet("digits"))).await.unwrap();
    let first = secrets.get_required("database").await.unwrap();
    let digits = first.expose().bytes().all(|byte| byte.is_ascii_digit());
    assert!(digits && first.expose().len() == 40);

    secrets.modify("database", Change::generated(Recipe::new())).await.unwrap();
    let second = secrets.get_required("database").await.unwrap();
    assert_ne!(first.expose(), second.expose());
}

#[tokio::test]
async fn a_store_that_makes_none_says_so_and_stores_nothing() {
    let secrets = client("generic").await;
    let refused = secrets.create("database", Draft::generated(Recipe::new())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(secrets.get("database").await.unwrap().is_none());
}
