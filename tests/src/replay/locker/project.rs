//! A project of the service: the double of the service, with the secrets of a vector, and the plugin that calls the
//! double.

use keyway_client::{Credentials, Resolution, Secrets};
use keyway_core::{Plugins, Resources, plugins};
use keyway_locker::double::{Fault, LockerDouble, Route, SeenRequest};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{OpenContext, SecretStores, StoreName};
use pollster::block_on;
use serde_json::{Value, json};

use super::store::StoreFixture;
use crate::replay::Class;

const PLUGINS: Plugins = plugins! { keyway_locker };

/// A header that every request of a replay has.
pub(super) const HEADER: (&str, &str) = ("xa", "1,2:3");

/// A project with the default content of the native client's vectors.
pub(super) struct Project {
    pub(super) double: LockerDouble,
    pub(super) content: StoreFixture,
}

impl Project {
    pub(super) fn new() -> Self {
        let double = LockerDouble::start().expect("a port on loopback");
        let content = StoreFixture::of(&Value::Null);
        for name in &content.environments {
            double.put_environment(name, "");
        }
        for (key, environment, value) in &content.secrets {
            double.put_secret(key, environment.as_deref(), value, "");
        }
        Self { double, content }
    }

    /// Opens the project, under upstream's policy of resolution. Nothing is sent yet.
    pub(super) fn open(&self, secret_access_key: &str, changed: &Value) -> Result<Secrets, Class> {
        let credentials = Credentials::source()
            .access_key_id(self.double.access_key_id())
            .secret_access_key(secret_access_key)
            .resolve()
            .map_err(|_| Class::Invalid)?;
        let mut configuration =
            json!({ "api_base": self.double.base(), "proxy": "none", "headers": { HEADER.0: HEADER.1 } });
        for (key, value) in changed.as_object().into_iter().flatten() {
            configuration[key] = value.clone();
        }
        let registry = PLUGINS.registry().map_err(|_| Class::Internal)?;
        let plugin = registry.get::<SecretStores>("locker").map_err(|_| Class::Internal)?;
        let keys = KeyRing::new([Key::from_bytes(&mut [5; 32])]).map_err(|_| Class::Internal)?;
        let name = StoreName::new("project").map_err(|_| Class::Internal)?;
        let opening = OpenContext::new(name, plugin.metadata().clone(), keys)
            .with_configuration(configuration)
            .with_resources(Resources::new().with(credentials));
        let store = plugin.open(&opening).map_err(|error| Class::of(&error))?;
        Ok(Secrets::new(store).with_resolution(Resolution::SharedFallback))
    }

    /// Opens the project with its own keys, and reads its profile, as upstream does when it fetches the keys.
    pub(super) fn client(&self, changed: &Value) -> Result<Secrets, Class> {
        let client = self.open(self.double.secret_access_key(), changed)?;
        block_on(client.list_environments()).map_err(|error| super::store::class_of(&error))?;
        self.double.take_requests();
        Ok(client)
    }

    /// Returns the requests to a route since the last call of this method. Requests to other routes are dropped.
    pub(super) fn requests(&self, method: &str, path: &str) -> Vec<SeenRequest> {
        let seen = self.double.take_requests();
        seen.into_iter().filter(|seen| seen.method == method && seen.path == path).collect()
    }

    /// Makes every request to a route fail with this status, or every request at all if `route` is `None`.
    pub(super) fn fail(&self, route: Option<Route>, code: u16, body: &Value) {
        self.double.fail_always(route, Fault::Status { code, body: body.to_string(), retry_after: None });
    }
}
