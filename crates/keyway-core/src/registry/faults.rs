//! Defines the faults that a host finds when it builds the registry of its plugins.

use std::fmt;

use super::registration::Origin;
use crate::{ContractVersion, Effect, ErrorKind, PluginError, PluginKind, Version};

/// One fault of a set of plugins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryFault {
    /// Two plugins of one kind have the same id and version.
    ///
    /// See decision K2.
    #[error(
        "two {kind} plugins are `{id}` {version}: one in {first}, one in {second}; drop one of the packages, or \
         give one of the plugins another id"
    )]
    Duplicate {
        /// The kind of both plugins.
        kind: PluginKind,
        /// The id of both plugins.
        id: &'static str,
        /// The version of both plugins.
        version: Version,
        /// The place of one registration.
        first: Origin,
        /// The place of the other registration.
        second: Origin,
    },
    /// A plugin was compiled against a contract that the host cannot drive.
    ///
    /// See decision K3.
    #[error(
        "the {kind} plugin `{id}` {version} implements version {found} of its contract, and the host drives {}: \
         take a version of {origin} that was made for this host",
        in_words(driven, *found)
    )]
    ContractNotDriven {
        /// The kind of the plugin.
        kind: PluginKind,
        /// The id of the plugin.
        id: &'static str,
        /// The version of the plugin.
        version: Version,
        /// The version of the contract that the plugin implements.
        found: ContractVersion,
        /// The versions that the host drives.
        driven: Vec<ContractVersion>,
        /// The place of the registration.
        origin: Origin,
    },
    /// Plugins of one kind were compiled against different contracts, and the host did not declare which contract it
    /// drives.
    ///
    /// See decision K3.
    #[error(
        "two {kind} plugins implement different contracts: `{}` implements version {} ({}), `{}` version {} ({}){}; \
         bring both to one version of the contract crate",
        first.id, first.contract, first.origin, second.id, second.contract, second.origin,
        if first.contract == second.contract { ", of another copy of the contract crate" } else { "" }
    )]
    MixedContracts {
        /// The kind of both plugins.
        kind: PluginKind,
        /// One of the two plugins.
        first: ContractUse,
        /// The other plugin, which implements another contract.
        second: ContractUse,
    },
    /// A crate that `plugins!` lists registered nothing.
    #[error(
        "{file}:{line}: `plugins!` lists `{crate_name}`, which registered no plugin; check its `register!` and its \
         features"
    )]
    NothingRegistered {
        /// The listed crate.
        crate_name: &'static str,
        /// The source file that contains the `plugins!`.
        file: &'static str,
        /// The line of the `plugins!`, counted from 1.
        line: u32,
    },
}

/// A plugin, and the version of the contract that it implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContractUse {
    /// The id of the plugin.
    pub id: &'static str,
    /// The version of the contract.
    pub contract: ContractVersion,
    /// The place of the registration.
    pub origin: Origin,
}

fn in_words(driven: &[ContractVersion], found: ContractVersion) -> String {
    if driven.contains(&found) {
        return format!("version {found} of another copy of the contract crate");
    }
    let numbers: Vec<_> = driven.iter().map(ToString::to_string).collect();
    format!("version {}", numbers.join(" and "))
}

/// All faults of a set of plugins. They are reported together (design, principle 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryFaults(pub(super) Vec<RegistryFault>);

impl RegistryFaults {
    /// Returns the faults in a stable order. There is at least one.
    pub fn faults(&self) -> &[RegistryFault] {
        &self.0
    }
}

impl fmt::Display for RegistryFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fault(s) among the linked plugins", self.0.len())?;
        for fault in &self.0 {
            write!(f, "\n- {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RegistryFaults {}

impl PluginError for RegistryFaults {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}
