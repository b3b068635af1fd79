//! A store with environments and secrets, as the vectors of the native client describe it.

use std::sync::Arc;

use keyway_client::{Error, Resolution, Secrets};
use keyway_core::{PluginError as _, Plugins, Resources, plugins};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{OpenContext, SecretStores, StoreName};
use keyway_storage::{Memory, Storage};
use pollster::block_on;
use serde_json::{Value, json};

use crate::replay::Class;

const PLUGINS: Plugins = plugins! { keyway_generic };

/// The store of a vector: `{"environments": [name], "secrets": [[key, environment, value]]}`.
#[derive(Clone, Debug)]
pub(super) struct StoreFixture {
    pub(super) environments: Vec<String>,
    pub(super) secrets: Vec<(String, Option<String>, String)>,
}

impl StoreFixture {
    /// Reads the store of a vector. A vector without a store, for example a vector of a write, gets the default store.
    pub(super) fn of(world: &Value) -> Self {
        let usual = json!({
            "environments": ["prod", "stg"],
            "secrets": [
                ["A", null, "A-all"], ["A", "prod", "A-prod"], ["B", null, "B-all"], ["C", "prod", "C-prod"],
                ["E", null, ""],
            ],
        });
        let world = if world.is_object() { world } else { &usual };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |key: &str| world[key].as_array().cloned().unwrap_or_default();
        Self {
            environments: list("environments").iter().filter_map(text).collect(),
            secrets: list("secrets")
                .iter()
                .filter_map(|secret| Some((text(&secret[0])?, text(&secret[1]), text(&secret[2])?)))
                .collect(),
        }
    }

    pub(super) fn has_environment(&self, name: &str) -> bool {
        self.environments.iter().any(|known| known == name)
    }

    /// Returns the value of a secret in this environment, or of a shared secret for `None`. Other layers are not
    /// searched.
    pub(super) fn value(&self, key: &str, environment: Option<&str>) -> Option<&str> {
        let here = |secret: &&(String, Option<String>, String)| {
            secret.0 == key && secret.1.as_deref() == environment
        };
        self.secrets.iter().find(here).map(|secret| secret.2.as_str())
    }

    /// Returns a client of a store with this content, under upstream's policy of resolution.
    pub(super) fn client(&self) -> Result<Secrets, Class> {
        let failed = |_| Class::Internal;
        let registry = PLUGINS.registry().map_err(|_| Class::Internal)?;
        let plugin = registry.get::<SecretStores>("generic").map_err(|_| Class::Internal)?;
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let keys = KeyRing::new([Key::from_bytes(&mut [5; 32])]).map_err(|_| Class::Internal)?;
        let name = StoreName::new("world").map_err(|_| Class::Internal)?;
        let opening = OpenContext::new(name, plugin.metadata().clone(), keys)
            .with_resources(Resources::new().with(storage));
        let store = plugin.open(&opening).map_err(|_| Class::Internal)?;
        block_on(store.initialize()).map_err(|_| Class::Internal)?;
        let client = Secrets::new(store).with_resolution(Resolution::SharedFallback);
        for environment in &self.environments {
            block_on(client.create_environment(environment, None)).map_err(failed)?;
        }
        for (key, environment, value) in &self.secrets {
            block_on(in_layer(&client, environment.as_deref()).create(key, value.as_str()))
                .map_err(failed)?;
        }
        Ok(client)
    }
}

/// Returns the client of an environment, or of the shared secrets.
pub(super) fn in_layer(client: &Secrets, environment: Option<&str>) -> Secrets {
    environment.map_or_else(|| client.shared(), |environment| client.in_environment(environment))
}

pub(super) fn class_of(error: &Error) -> Class {
    Class::of_kind(error.kind())
}
