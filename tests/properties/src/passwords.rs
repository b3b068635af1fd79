//! Checks the settings of stores that generate passwords.

use std::sync::{Arc, LazyLock};

use keyway_core::{PluginMetadata, Resources};
use keyway_passdb::PassDbPlugin;
use keyway_seal::KeyRing;
use keyway_secrets::{
    Configure, NewSecret, OpenContext, Recipe, SecretAddress, SecretName, SecretStorePlugin as _,
    SecretStores, StoreName,
};
use keyway_storage::{Memory, Storage};
use pollster::block_on;
use serde_json::{Value, json};

use super::PUBLISHED_KEY;
use super::silence::shows_nothing_but;

static METADATA: LazyLock<PluginMetadata> = LazyLock::new(|| {
    let registry = keyway_core::plugins! { keyway_passdb }.registry().expect("its plugins");
    registry.get::<SecretStores>("passdb").expect("that plugin").metadata().clone()
});

/// Checks the settings of the plugin `passdb`, as JSON.
///
/// A store's initial settings are read back, and determine its passwords. A refusal shows only the names of settings,
/// alphabets and classes (decision C11).
pub fn password_settings(data: &[u8]) {
    let Ok(settings) = serde_json::from_slice::<Value>(data) else { return };
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let keys = KeyRing::parse([PUBLISHED_KEY]).expect("a key");
    let opening = OpenContext::new(StoreName::new("logins").expect("a name"), METADATA.clone(), keys)
        .with_configuration(json!({ "settings": settings }))
        .with_resources(Resources::new().with(storage));
    let address = SecretAddress::shared(SecretName::new("wiki").expect("a name"));
    let made = block_on(async {
        let store = PassDbPlugin.open(&opening)?;
        store.initialize().await?;
        store.create(NewSecret::generated(address.clone(), Recipe::new())).await?;
        let in_force = store.configure(Configure::Read).await?;
        Ok::<_, keyway_secrets::StoreError>((store.get(&address).await?.value, in_force))
    });
    match made {
        Ok((value, in_force)) => {
            let in_force = Value::Object(in_force.to_json().expect("they came as JSON"));
            let password = value.expose_text().expect("passwords are texts");
            assert!((8..=1024).contains(&password.len()), "{} characters", password.len());
            assert_eq!(in_force["length"], password.len());
            for (name, given) in settings.as_object().into_iter().flatten() {
                assert_eq!(in_force[name], *given, "the given settings are in force");
            }
            assert!(password.bytes().all(|byte| byte.is_ascii_graphic()), "neither blanks nor controls");
            if in_force["alphabet"] == "digits" {
                assert!(password.bytes().all(|byte| byte.is_ascii_digit()), "an alphabet is kept to");
            }
            for class in in_force["require"].as_array().expect("classes") {
                let has = |of: fn(&u8) -> bool| password.as_bytes().iter().any(of);
                assert!(match class.as_str().expect("a name") {
                    "lowercase" => has(u8::is_ascii_lowercase),
                    "uppercase" => has(u8::is_ascii_uppercase),
                    "digit" => has(u8::is_ascii_digit),
                    "punctuation" => has(u8::is_ascii_punctuation),
                    other => panic!("{other} is no class"),
                });
            }
        }
        Err(error) => shows_nothing_but(&error, data, &names(&settings)),
    }
}

/// Returns the names of settings, alphabets and classes, including unknown ones.
fn names(settings: &Value) -> Vec<String> {
    match settings {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let texts = match value {
                    Value::String(text) if name == "alphabet" => vec![text.clone()],
                    Value::Array(items) if name == "require" => {
                        items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                    }
                    other => names(other),
                };
                [vec![name.clone()], texts].concat()
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}
