//! The declaration of a contract by its contract crate.

use std::fmt;

use crate::PluginKind;

/// The declaration of a contract, which the registry uses.
///
/// Each contract crate implements this trait once, for a type without values (decision K3).
///
/// ```
/// use keyway_core::{Contract, ContractVersion, PluginKind};
///
/// /// The type that a plugin of this contract registers, usually a factory.
/// pub trait Greeter: Send + Sync { fn greet(&self) -> &'static str; }
///
/// pub enum Greeters {}
///
/// impl Contract for Greeters {
///     const KIND: PluginKind = PluginKind::Secret;
///     const VERSION: ContractVersion = ContractVersion::new(1);
///     type Plugin = dyn Greeter;
/// }
/// ```
pub trait Contract: 'static {
    /// The kind of plugin that implements the contract.
    const KIND: PluginKind;

    /// The version of the contract. It is raised whenever plugins must be compiled again.
    const VERSION: ContractVersion;

    /// The type that a plugin registers: a trait object, usually of a factory.
    type Plugin: ?Sized + Send + Sync + 'static;
}

/// The version of a contract. Two versions are either equal or incompatible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContractVersion(u32);

impl ContractVersion {
    /// Creates the version with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number of the version.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
