//! The built-in generators of accounts and assets: pure functions of the connection (decision S4).

use std::collections::BTreeMap;

use crate::{Account, Asset, Connection, InvalidText};

/// The rule for the accounts of a session: the user's name at the target, with a prefix and a suffix
/// (upstream's section `account`).
///
/// ```
/// use keyway_credentials::{AccountRule, Connection, SessionId};
///
/// let mut connection = Connection::new(SessionId::new("s-1")?);
/// let rule = AccountRule { prefix: "adm_".into(), suffix: String::new() };
/// assert_eq!(rule.account(&connection), None);
/// connection.server_username = Some("root".into());
/// assert_eq!(rule.account(&connection).unwrap().as_str(), "adm_root");
/// # Ok::<(), keyway_credentials::InvalidText>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountRule {
    /// The text before the name.
    pub prefix: String,
    /// The text after the name.
    pub suffix: String,
}

impl AccountRule {
    /// Returns the account. Returns `None` if the connection has no user name, or if the result cannot be an account.
    pub fn account(&self, connection: &Connection) -> Option<Account> {
        let name = existing(connection.server_username.as_deref())?;
        Account::new(format!("{}{name}{}", self.prefix, self.suffix)).ok()
    }
}

/// A generator of assets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AssetGenerator {
    /// The name of the target, with the domain suffix.
    Hostname,
    /// The address of the target.
    Ip,
    /// The domain of the target, with the domain suffix.
    Domain,
    /// The asset to which the configuration maps the domain of the target. The domain suffix is not added here.
    DomainMapping,
    /// One of the store's own generators, by its name: see [`assets`](crate::CredentialStore::assets).
    Own(String),
}

impl AssetGenerator {
    /// The built-in generators, in the order of the upstream system.
    pub const BUILT_IN: [Self; 4] = [Self::Hostname, Self::Ip, Self::Domain, Self::DomainMapping];

    /// Returns the generator with this name. Case matters. A name that is not built in stands for one of the store's
    /// own generators.
    pub fn from_name(name: impl Into<String>) -> Self {
        let name = name.into();
        Self::BUILT_IN.into_iter().find(|built_in| built_in.name() == name).unwrap_or(Self::Own(name))
    }

    /// Returns the name in the configuration.
    pub fn name(&self) -> &str {
        match self {
            Self::Hostname => "hostname",
            Self::Ip => "ip",
            Self::Domain => "domain",
            Self::DomainMapping => "domain_asset_mapping",
            Self::Own(name) => name,
        }
    }
}

/// The rules for the assets of a session (upstream's sections `assets` and `domain_asset_mapping`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRules {
    /// The generators, in the order in which they are asked.
    pub generators: Vec<AssetGenerator>,
    /// The text that is added, after a dot, to the name and to the domain of the target. Empty for none.
    pub domain_suffix: String,
    mapping: BTreeMap<String, String>,
}

/// Uses all built-in generators, without a suffix or a mapping.
impl Default for AssetRules {
    fn default() -> Self {
        Self {
            generators: AssetGenerator::BUILT_IN.to_vec(),
            domain_suffix: String::new(),
            mapping: BTreeMap::new(),
        }
    }
}

/// An asset, or a generator that the host has to ask for assets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AssetSource<'a> {
    /// An asset.
    Asset(Asset),
    /// One of the store's own generators.
    Own(&'a str),
}

impl AssetRules {
    /// Maps a domain to an asset. The case of the domain does not matter.
    #[must_use]
    pub fn with_mapping(mut self, domain: &str, asset: impl Into<String>) -> Self {
        self.mapping.insert(domain.to_lowercase(), asset.into());
        self
    }

    /// Returns the assets of a connection in order, without repetitions. A value that is empty or cannot be an asset is
    /// skipped.
    pub fn assets<'a>(&'a self, connection: &'a Connection) -> impl Iterator<Item = AssetSource<'a>> {
        // The list is short, so a linear search is enough.
        let mut sources = Vec::with_capacity(self.generators.len());
        for source in self.generators.iter().filter_map(|generator| self.source(generator, connection)) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        sources.into_iter()
    }

    fn source<'a>(
        &'a self,
        generator: &'a AssetGenerator,
        connection: &Connection,
    ) -> Option<AssetSource<'a>> {
        let domain = existing(connection.server_domain.as_deref());
        let asset = match generator {
            AssetGenerator::Hostname => self.suffixed(existing(connection.server_hostname.as_deref())?),
            AssetGenerator::Ip => Asset::new(existing(connection.server_ip.as_deref())?),
            AssetGenerator::Domain => self.suffixed(domain?),
            AssetGenerator::DomainMapping if self.mapping.is_empty() => return None,
            AssetGenerator::DomainMapping => Asset::new(self.mapping.get(&domain?.to_lowercase())?.as_str()),
            AssetGenerator::Own(name) => return Some(AssetSource::Own(name)),
        };
        asset.ok().map(AssetSource::Asset)
    }

    fn suffixed(&self, value: &str) -> Result<Asset, InvalidText> {
        match self.domain_suffix.as_str() {
            "" => Asset::new(value),
            suffix => Asset::new(format!("{value}.{suffix}")),
        }
    }
}

/// Returns the value, unless it is empty.
fn existing(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
