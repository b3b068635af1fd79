//! The registry of the plugins in a program.

mod builder;
mod contract;
mod faults;
mod index;
mod lookup;
mod macros;
mod registration;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

pub use builder::{Linked, ListedCrate, Plugins, RegistryBuilder};
pub use contract::{Contract, ContractVersion};
pub use faults::{ContractUse, RegistryFault, RegistryFaults};
pub use lookup::LookupError;
pub use registration::{Holder, Origin, Registration};

use crate::{Compatibility, PluginKind, PluginMetadata};
use index::Index;
use registration::SortKey;

/// The registry: the plugins of a program, of all kinds, checked and sorted.
///
/// See decisions K2 and K3.
///
/// Plugins are looked up by registry id. See the [crate's front page](crate) for a full example.
#[derive(Clone)]
pub struct Registry {
    /// The registrations, sorted by kind, id and version.
    slots: Vec<Slot>,
    index: Index,
}

/// A registration, with a sort key. Nearly every comparison needs only the sort key.
#[derive(Clone, Copy)]
struct Slot {
    key: SortKey,
    registration: &'static Registration,
}

impl Slot {
    fn new(registration: &'static Registration) -> Self {
        Self { key: registration.key, registration }
    }

    /// Orders by kind, id and version. Equal registrations are ordered by their place in the source, so that reports do
    /// not depend on the linker.
    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then_with(|| {
            let (a, b) = (self.registration, other.registration);
            a.id()
                .cmp(b.id())
                .then_with(|| a.metadata().version().cmp(b.metadata().version()))
                .then_with(|| a.origin().cmp(&b.origin()))
                .then_with(|| std::ptr::from_ref(a).cmp(&std::ptr::from_ref(b)))
        })
    }

    fn same_id(&self, other: &Self) -> bool {
        self.key == other.key && self.registration.id() == other.registration.id()
    }

    fn same_plugin(&self, other: &Self) -> bool {
        self.same_id(other)
            && self.registration.metadata().version() == other.registration.metadata().version()
    }
}

impl Registry {
    /// Builds the registry of every plugin that is linked into the program.
    ///
    /// # Errors
    /// [`RegistryFaults`] lists every problem. See [`RegistryBuilder::build`].
    pub fn linked() -> Result<Self, RegistryFaults> {
        Self::builder().linked().build()
    }

    /// Creates an empty builder, for a host that lists its plugins or declares its contracts.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// Checks that every plugin of the kind of `C` was made for exactly the contract `C`.
    ///
    /// An engine calls this method before it drives any plugin, so that no plugin is silently missing.
    ///
    /// See decision K3.
    ///
    /// # Errors
    /// [`RegistryFault::ContractNotDriven`] for each plugin of this kind that was made for another contract.
    pub fn check_driven<C: Contract>(&self) -> Result<(), RegistryFaults> {
        builder::check_driven::<C>(&self.slots)
    }

    /// Returns the highest linked version of the plugin with this id.
    ///
    /// # Errors
    /// [`LookupError`] distinguishes an unknown id, a plugin of another kind, and a plugin for another contract.
    #[inline]
    pub fn get<C: Contract>(&self, id: &str) -> Result<Registered<C>, LookupError> {
        match self.index.find(&self.slots, C::KIND, id) {
            Some(position) => Registered::new(self.slots[position].registration),
            None => Err(self.not_found(C::KIND, id)),
        }
    }

    /// Looks up a plugin by its id or, if no plugin has this id, by its name. Returns the plugin's highest version that
    /// satisfies `wanted`.
    ///
    /// # Errors
    /// [`LookupError`] distinguishes an unknown plugin, a plugin of another kind, a name that several plugins share, a
    /// plugin without a version that satisfies `wanted`, and a plugin for another contract.
    pub fn select<C: Contract>(
        &self,
        id_or_name: &str,
        wanted: &Compatibility,
    ) -> Result<Registered<C>, LookupError> {
        let mut versions = self.versions(C::KIND, id_or_name);
        if versions.is_empty() {
            versions = self.versions(C::KIND, self.id_of_name(C::KIND, id_or_name)?);
        }
        let fitting =
            versions.iter().rev().find(|slot| wanted.matches(slot.registration.metadata().version()));
        match (fitting, versions.first()) {
            (Some(slot), _) => Registered::new(slot.registration),
            (None, Some(slot)) => Err(LookupError::NoSuchVersion {
                kind: C::KIND,
                id: slot.registration.id(),
                wanted: wanted.clone(),
                available: versions
                    .iter()
                    .map(|slot| slot.registration.metadata().version().clone())
                    .collect(),
            }),
            (None, None) => Err(self.not_found(C::KIND, id_or_name)),
        }
    }

    /// Returns all plugins, sorted by kind, id and version.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'static Registration> + '_ {
        self.slots.iter().map(|slot| slot.registration)
    }

    /// Returns the plugins of one contract, sorted by id and version.
    pub fn iter_of<C: Contract>(&self) -> impl Iterator<Item = Registered<C>> + '_ {
        self.iter().filter_map(|registration| Registered::new(registration).ok())
    }

    /// Returns all versions of one plugin, lowest first.
    fn versions(&self, kind: PluginKind, id: &str) -> &[Slot] {
        let Some(highest) = self.index.find(&self.slots, kind, id) else { return &[] };
        let slots = &self.slots[..=highest];
        let others = slots.iter().rev().take_while(|slot| slot.same_id(&slots[highest])).count();
        &slots[slots.len() - others..]
    }

    fn id_of_name(&self, kind: PluginKind, name: &str) -> Result<&'static str, LookupError> {
        let mut ids: Vec<_> = self
            .iter()
            .filter(|plugin| plugin.kind() == kind && plugin.metadata().name() == name)
            .map(Registration::id)
            .collect();
        ids.dedup();
        match ids[..] {
            [] => Err(self.not_found(kind, name)),
            [id] => Ok(id),
            _ => Err(LookupError::Ambiguous { kind, name: name.to_owned(), ids }),
        }
    }

    #[cold]
    fn not_found(&self, kind: PluginKind, wanted: &str) -> LookupError {
        if let Some(other) = self.iter().find(|plugin| plugin.id() == wanted && plugin.kind() != kind) {
            return LookupError::OtherKind { id: other.id(), wanted: kind, found: other.kind() };
        }
        let ids = self.iter().filter(|plugin| plugin.kind() == kind).map(Registration::id);
        LookupError::NotFound { kind, wanted: wanted.to_owned(), nearest: crate::key::nearest(wanted, ids) }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A plugin of the contract `C`. Dereferences to the plugin's registered object.
pub struct Registered<C: Contract> {
    registration: &'static Registration,
    plugin: &'static C::Plugin,
}

impl<C: Contract> Registered<C> {
    #[inline]
    fn new(registration: &'static Registration) -> Result<Self, LookupError> {
        match registration.plugin::<C>() {
            Some(plugin) => Ok(Self { registration, plugin }),
            None => Err(LookupError::OtherContract {
                kind: registration.kind(),
                id: registration.id(),
                found: registration.contract_version(),
                wanted: C::VERSION,
            }),
        }
    }

    /// Returns the plugin's registered object, which lives as long as the program.
    pub fn plugin(&self) -> &'static C::Plugin {
        self.plugin
    }

    /// Returns the registry id.
    pub fn id(&self) -> &'static str {
        self.registration.id()
    }

    /// Returns the plugin's metadata.
    pub fn metadata(&self) -> &'static PluginMetadata {
        self.registration.metadata()
    }

    /// Returns the entry in the registry.
    pub fn registration(&self) -> &'static Registration {
        self.registration
    }
}

impl<C: Contract> Deref for Registered<C> {
    type Target = C::Plugin;

    fn deref(&self) -> &C::Plugin {
        self.plugin
    }
}

impl<C: Contract> Clone for Registered<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Contract> Copy for Registered<C> {}

impl<C: Contract> fmt::Debug for Registered<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.registration, f)
    }
}
