//! A registration: one plugin of one crate, as an entry of the registry.

use std::any::{Any, TypeId};
use std::fmt;

use super::index::IdHash;
use crate::compatibility::Clause;
use crate::metadata::Declared;
use crate::{Contract, ContractVersion, PluginKind, PluginMetadata};

/// A plugin that a crate registered, of any kind. Only [`register!`](crate::register) creates registrations.
pub struct Registration {
    pub(super) key: SortKey,
    pub(super) hash: IdHash,
    id: &'static str,
    metadata: PluginMetadata,
    contract_version: ContractVersion,
    origin: Origin,
    /// A `Holder<C::Plugin>` of the contract `C`. The type of the holder distinguishes contracts, and also versions of
    /// a contract's crate.
    factory: &'static (dyn Any + Send + Sync),
}

/// The place of a registration in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// The package that registered the plugin.
    pub package: &'static str,
    /// The version of that package.
    pub package_version: &'static str,
    /// The source file that contains the `register!`.
    pub file: &'static str,
    /// The line of the `register!`, counted from 1.
    pub line: u32,
}

impl Origin {
    #[doc(hidden)]
    pub const fn new(
        package: &'static str,
        package_version: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self { package, package_version, file, line }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, package_version, file, line } = self;
        write!(f, "{package} {package_version} at {file}:{line}")
    }
}

/// The plugin's object in a registration. The holder wraps a trait object in a sized type.
#[doc(hidden)]
pub struct Holder<T: ?Sized + 'static>(&'static T);

impl<T: ?Sized + 'static> Holder<T> {
    #[doc(hidden)]
    pub const fn new(plugin: &'static T) -> Self {
        Self(plugin)
    }
}

impl<T: ?Sized> fmt::Debug for Holder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").finish_non_exhaustive()
    }
}

impl Registration {
    /// Creates the registration, for [`register!`](crate::register).
    ///
    /// # Panics
    /// If the declaration breaks a rule. In a `static` this is a compile error.
    #[doc(hidden)]
    #[track_caller]
    pub const fn declare<C: Contract>(
        declared: Declared,
        clauses: &'static [Clause],
        factory: &'static Holder<C::Plugin>,
        origin: Origin,
    ) -> Self {
        Self {
            metadata: declared.metadata(C::KIND, clauses),
            key: SortKey::new(C::KIND, declared.id),
            hash: IdHash::new(C::KIND, declared.id),
            id: declared.id,
            contract_version: C::VERSION,
            origin,
            factory,
        }
    }

    /// Returns the registry id. It is unique among plugins of the same kind and version.
    ///
    /// See decision K2.
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// Returns the plugin's metadata.
    pub const fn metadata(&self) -> &PluginMetadata {
        &self.metadata
    }

    /// Returns the kind of the contract that the plugin implements.
    pub const fn kind(&self) -> PluginKind {
        self.metadata.kind()
    }

    /// Returns the version of the contract that the plugin was compiled against.
    pub const fn contract_version(&self) -> ContractVersion {
        self.contract_version
    }

    /// Returns the place of the registration.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Returns the plugin's registered object, if it implements exactly the contract `C`.
    pub fn plugin<C: Contract>(&self) -> Option<&'static C::Plugin> {
        self.factory.downcast_ref::<Holder<C::Plugin>>().map(|holder| holder.0)
    }

    /// Returns an id of the contract. Two registrations have the same id if they implement the same contract, and
    /// different ids otherwise.
    pub(super) fn contract_type(&self) -> TypeId {
        self.factory.type_id()
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("id", &self.id)
            .field("kind", &self.kind())
            .field("version", self.metadata.version())
            .field("contract_version", &self.contract_version)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The kind and the beginning of the id, as one number.
///
/// Nearly every comparison in a sort needs only this key, so that no pointer must be followed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortKey(u128);

impl SortKey {
    pub(super) const fn new(kind: PluginKind, id: &str) -> Self {
        const BYTES: usize = 15;
        let id = id.as_bytes();
        let mut key = kind as u128;
        let mut index = 0;
        while index < BYTES {
            key = key << 8 | if index < id.len() { id[index] as u128 } else { 0 };
            index += 1;
        }
        Self(key)
    }
}
