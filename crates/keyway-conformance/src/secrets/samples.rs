//! Makes the sample names, values and secrets that rules use.

use keyway_core::SecretValue;
use keyway_secrets::{
    EnvironmentName, NewEnvironment, NewSecret, Progress, SecretAddress, SecretHeader, SecretName,
    SecretStore,
};

use super::expected_error::Answer;
use crate::Broken;

/// Returns the address of a shared secret.
pub(super) fn at(name: &str) -> SecretAddress {
    SecretAddress::shared(SecretName::new(name).expect("the kit's names are allowed"))
}

/// Returns the address of a secret in an environment.
pub(super) fn at_in(name: &str, of: &str) -> SecretAddress {
    SecretAddress::in_environment(at(name).name, environment(of))
}

/// Returns the address of a secret in an environment, or of a shared secret if there is no environment.
pub(super) fn at_layer(name: &str, layer: Option<&str>) -> SecretAddress {
    layer.map_or_else(|| at(name), |of| at_in(name, of))
}

pub(super) fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::new(name).expect("the kit's names are allowed")
}

pub(super) fn new_environment(name: &str) -> NewEnvironment {
    NewEnvironment { name: environment(name), external_url: Some(format!("https://{name}.example.org")) }
}

pub(super) fn text(text: &str) -> SecretValue {
    SecretValue::text(text)
}

/// Makes a shared secret with a text value, ready to be created.
pub(super) fn new(name: &str, value: &str) -> NewSecret {
    NewSecret::new(at(name), text(value))
}

/// Ignores the progress of a rotation. Rules that do not check the progress pass this function to the store.
pub(super) fn silent(_: Progress) {}

/// Creates a text secret.
pub(super) async fn put(
    store: &dyn SecretStore,
    address: SecretAddress,
    value: &str,
) -> Result<SecretHeader, Broken> {
    store.create(NewSecret::new(address, text(value))).await.works("creating a secret")
}

/// Creates environments, each with a URL.
pub(super) async fn add_environments(store: &dyn SecretStore, names: &[&str]) -> Result<(), Broken> {
    for name in names {
        store.create_environment(new_environment(name)).await.works("creating an environment")?;
    }
    Ok(())
}

/// Creates shared text secrets. The value of `a` is `value of a`, and so on.
pub(super) async fn fill(store: &dyn SecretStore, names: &[&str]) -> Result<(), Broken> {
    for name in names {
        put(store, at(name), &format!("value of {name}")).await?;
    }
    Ok(())
}
