//! A reference from an order to a container in a store of the host.

use std::fmt;

use keyway_secrets::{EnvironmentName, NameError, SecretAddress, SecretName, StoreName};

/// A reference to a container in a secret store of the host: `store/name` or `store/environment/name`.
///
/// No part contains a slash, so the text is unambiguous (decision B20).
///
/// ```
/// use keyway_host::orders::ContainerRef;
///
/// let container = ContainerRef::parse("vault/production/web key")?;
/// assert_eq!(container.store().as_str(), "vault");
/// assert_eq!(container.to_string(), "vault/production/web key");
/// assert!(ContainerRef::parse("https://vault.example.org/containers/1").is_err());
/// # Ok::<(), keyway_host::orders::InvalidContainerRef>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRef {
    store: StoreName,
    address: SecretAddress,
}

/// The error for a text that is not a reference to a container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidContainerRef {
    /// The text has too few or too many parts.
    #[error("this is not a reference to a container: use `store/name` or `store/environment/name`")]
    Parts,
    /// A part is not a valid name.
    #[error("this is not a reference to a container: {0}")]
    Name(#[from] NameError),
}

impl ContainerRef {
    /// Creates a reference from the name of a store and an address in it.
    ///
    /// # Errors
    /// [`InvalidContainerRef::Parts`] when the environment or the name has a slash, and [`InvalidContainerRef::Name`]
    /// when the name was written by another system and breaks the rule for names.
    pub fn new(store: StoreName, address: SecretAddress) -> Result<Self, InvalidContainerRef> {
        let environment = address.environment.as_ref().map_or("", EnvironmentName::as_str);
        if environment.contains('/') || address.name.as_str().contains('/') {
            return Err(InvalidContainerRef::Parts);
        }
        address.name.check_creatable()?;
        Ok(Self { store, address })
    }

    /// Parses a reference.
    ///
    /// # Errors
    /// [`InvalidContainerRef`] tells what is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidContainerRef> {
        let parts: Vec<&str> = text.split('/').collect();
        let (store, environment, name) = match parts[..] {
            [store, name] => (store, None, name),
            [store, environment, name] => (store, Some(environment), name),
            _ => return Err(InvalidContainerRef::Parts),
        };
        let (store, name) = (StoreName::new(store)?, SecretName::new(name)?);
        let address = match environment {
            Some(environment) => SecretAddress::in_environment(name, EnvironmentName::new(environment)?),
            None => SecretAddress::shared(name),
        };
        Ok(Self { store, address })
    }

    /// Returns the name of the store.
    pub const fn store(&self) -> &StoreName {
        &self.store
    }

    /// Returns the address of the container in the store.
    pub const fn address(&self) -> &SecretAddress {
        &self.address
    }
}

impl fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.store)?;
        if let Some(environment) = &self.address.environment {
            write!(f, "{environment}/")?;
        }
        f.write_str(self.address.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reference_has_two_or_three_parts() {
        for text in [
            "",
            "vault",
            "/name",
            "vault/",
            "vault//name",
            "a/b/c/d",
            "http://h/containers/1",
            ".a/b",
            "a/b\n",
        ] {
            assert!(ContainerRef::parse(text).is_err(), "{text}");
        }
        let address = SecretAddress::shared(SecretName::new("a/b").unwrap());
        let made = ContainerRef::new(StoreName::new("vault").unwrap(), address);
        assert_eq!(made, Err(InvalidContainerRef::Parts));
    }

    proptest! {
        #[test]
        fn a_reference_reads_back(text in "[a-z/.é ]{0,12}") {
            if let Ok(container) = ContainerRef::parse(&text) {
                prop_assert_eq!(container.to_string(), text);
                let made = ContainerRef::new(container.store.clone(), container.address.clone());
                prop_assert_eq!(made, Ok(container));
            }
        }
    }
}
