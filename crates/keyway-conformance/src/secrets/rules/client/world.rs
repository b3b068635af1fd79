//! Makes random contents of a store (worlds), and computes what a client must see of them.

use std::collections::BTreeMap;

use keyway_core::SecretValue;
use keyway_secrets::{NewSecret, SecretStore};

use super::{
    Answer, Broken, Client, ClientAnswer, ClientFixture, DEFAULT, Found, Layer, Missing, Resolution,
    StoreFixture, add_environments, at_layer, broken, ensure,
};

/// The policies by which a client resolves keys: exact, and with a fallback to the shared secrets.
pub(super) const POLICIES: [Resolution; 2] = [Resolution::Exact, Resolution::SharedFallback];

/// The content of a store: the secrets of each layer. The layer without a name is the shared layer.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) layers: BTreeMap<Option<String>, BTreeMap<String, SecretValue>>,
}

/// The secrets that a client sees: the value and the layer of each key.
pub(super) type Resolved<'a> = BTreeMap<&'a str, (&'a SecretValue, Layer)>;

impl World {
    /// Keys that a layer may have.
    pub(super) const KEYS: [&'static str; 8] = ["a", "A", "b", "with space", "a.b/c", "clé", "a=b", "last"];

    /// Makes a random world. If the store has environments, the world has three, and one of them is empty. Each layer
    /// that is not empty has a secret with an empty value.
    fn random(fixture: &StoreFixture<'_>) -> Self {
        let capabilities = fixture.subject().capabilities();
        let mut names = vec![None];
        if capabilities.environments {
            names.extend(["one", "two", "empty"].map(|name| Some(name.to_owned())));
        }
        let layers = names.into_iter().map(|name| {
            let mut secrets = BTreeMap::new();
            if name.as_deref() != Some("empty") {
                for key in Self::KEYS {
                    if fixture.random().is_multiple_of(2) {
                        secrets.insert(key.to_owned(), random_value(fixture, capabilities.bytes));
                    }
                }
                // Every layer that is not empty gets a secret `always` and a secret with an empty value. Otherwise a
                // rule might pass only because no value was empty, or because no environment hid a shared secret.
                secrets.insert("always".to_owned(), random_value(fixture, false));
                secrets
                    .insert(format!("empty {}", name.as_deref().unwrap_or("shared")), SecretValue::text(""));
            }
            (name, secrets)
        });
        Self { layers: layers.collect() }
    }

    /// Makes a client over a store with a random world.
    pub(super) async fn made<'a>(fixture: &StoreFixture<'a>) -> Result<(ClientFixture<'a>, Self), Broken> {
        let fixture = ClientFixture::new(fixture, &[], &[]).await?;
        let world = Self::random(&fixture);
        world.make(&fixture.store).await?;
        Ok((fixture, world))
    }

    /// Creates the world's secrets in an empty store.
    async fn make(&self, store: &dyn SecretStore) -> Result<(), Broken> {
        for (environment, secrets) in &self.layers {
            if let Some(name) = environment {
                add_environments(store, &[name]).await?;
            }
            for (key, value) in secrets {
                let address = at_layer(key, environment.as_deref());
                let mut secret = NewSecret::new(address, value.clone());
                if store.capabilities().descriptions && key.len() > 1 {
                    secret = secret.with_description(format!("{key} of {environment:?}"));
                }
                store.create(secret).await.works("creating a secret")?;
            }
        }
        Ok(())
    }

    /// Lists every key of any layer, and a key that no layer has.
    pub(super) fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self.layers.values().flat_map(BTreeMap::keys).map(String::as_str).collect();
        keys.push("nowhere");
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Returns the secrets that a client in `environment` must see.
    pub(super) fn resolved(&self, environment: Option<&str>, policy: Resolution) -> Resolved<'_> {
        let mut seen = Resolved::new();
        if environment.is_none() || policy == Resolution::SharedFallback {
            let shared = self.layers.get(&None).into_iter().flatten();
            seen.extend(shared.map(|(key, value)| (key.as_str(), (value, Layer::Shared))));
        }
        if let Some(environment) = environment {
            let own = self.layers.get(&Some(environment.to_owned())).into_iter().flatten();
            seen.extend(own.map(|(key, value)| (key.as_str(), (value, Layer::Environment))));
        }
        seen
    }

    /// Lists every environment with every policy.
    pub(super) fn scopes(&self) -> Vec<(Option<&str>, Resolution)> {
        let places = self.layers.keys().map(Option::as_deref);
        places.flat_map(|place| POLICIES.map(|policy| (place, policy))).collect()
    }
}

fn random_value(fixture: &StoreFixture<'_>, bytes: bool) -> SecretValue {
    let number = fixture.random();
    match number % 6 {
        0 => SecretValue::text(""),
        1 => SecretValue::text(format!(" \u{e9}{number:x}\n ")),
        2 if bytes => SecretValue::bytes(number.to_be_bytes()),
        _ => SecretValue::text(format!("{number:x}")),
    }
}

/// Demands that every read of a key returns this value. A read that also returns a layer must return `layer`.
pub(super) async fn gives(
    client: &Client<'_>,
    key: &str,
    value: &SecretValue,
    layer: Layer,
    environment: Option<&str>,
) -> Result<(), Broken> {
    for (what, found) in [
        ("`find`", client.find(key).await.works("`find` of a secret that is there")?),
        ("`retrieve`", client.retrieve(key).await.works("`retrieve` of a secret that is there")?),
    ] {
        let what = format!("{what} of {key:?} by {}", client.place());
        let Some(found) = found else {
            return Err(broken(format!("a secret from {what}"), "nothing"));
        };
        is(&what, &found, key, value, layer, environment)?;
    }
    let Some(text) = value.expose_text() else {
        client.get(key).await.fails_as("`get` of a value that is not a text", "invalid")?;
        client.get_or(key, DEFAULT).await.fails_as("`get_or` of a value that is not a text", "invalid")?;
        return Ok(());
    };
    for (what, found) in [
        ("`get`", client.get(key).await),
        ("`get_or`", client.get_or(key, DEFAULT).await),
        ("`get_required`", client.get_required(key).await),
    ] {
        let what = format!("{what} of {key:?} by {}", client.place());
        let found = found.works(&what)?;
        let observed = match &found {
            None => "nothing",
            Some(found) if found.expose() == DEFAULT => "the default",
            Some(_) => "another value",
        };
        let same = found.as_ref().is_some_and(|found| found.expose() == text);
        ensure(same, format!("the value of the {layer} layer from {what}"), observed)?;
    }
    Ok(())
}

/// Demands that a client returned the right secret: this key, value and layer, and the environment if the layer is
/// `Environment`.
pub(super) fn is(
    what: &str,
    found: &Found,
    key: &str,
    value: &SecretValue,
    layer: Layer,
    environment: Option<&str>,
) -> Result<(), Broken> {
    let expected = format!("the {layer} layer from {what}");
    ensure(found.layer == layer, expected, format!("the {} layer", found.layer))?;
    let belongs = if layer == Layer::Environment { environment } else { None };
    let right = found.key == key && found.environment.as_deref() == belongs;
    let observed = format!("{:?} of {:?}", found.key, found.environment);
    ensure(right, format!("{key:?} of {belongs:?} from {what}"), observed)?;
    ensure(found.value.same_as(value), format!("the value of the {layer} layer from {what}"), "another value")
}

/// Demands that every read of a key says that the secret is missing, or returns the default.
pub(super) async fn gives_nothing(client: &Client<'_>, key: &str) -> Result<(), Broken> {
    let what = format!("{key:?}, which is not there for {}", client.place());
    let found = client.get(key).await.works(&format!("`get` of {what},"))?;
    ensure(found.is_none(), format!("nothing from `get` of {what}"), "a text")?;
    let found = client.find(key).await.works(&format!("`find` of {what},"))?;
    ensure(found.is_none(), format!("nothing from `find` of {what}"), "a secret")?;
    let found = client.get_or(key, DEFAULT).await.works(&format!("`get_or` of {what},"))?;
    let is_default = found.is_some_and(|found| found.expose() == DEFAULT);
    ensure(is_default, format!("the default from `get_or` of {what}"), "another text")?;
    client.get_required(key).await.misses(&format!("`get_required` of {what},"), Missing::Secret)?;
    client.retrieve(key).await.misses(&format!("`retrieve` of {what},"), Missing::Secret)?;
    Ok(())
}
