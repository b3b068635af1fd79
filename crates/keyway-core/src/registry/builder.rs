//! The builder of a registry.

use std::any::TypeId;
use std::fmt;

use super::faults::{ContractUse, RegistryFault, RegistryFaults};
use super::index::Index;
use super::registration::{Holder, Registration};
use super::{Registry, Slot};
use crate::{Contract, ContractVersion, PluginKind};

/// The plugins that one crate links into the program with `register!`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Linked(&'static [&'static Registration]);

impl Linked {
    #[doc(hidden)]
    pub const fn new(registrations: &'static [&'static Registration]) -> Self {
        Self(registrations)
    }
}

inventory::collect!(Linked);

/// Collects plugins, and then checks all of them at once.
///
/// A plugin that is added in several ways counts once.
#[derive(Default)]
pub struct RegistryBuilder {
    slots: Vec<Slot>,
    driven: Vec<Driven>,
    empty: Vec<RegistryFault>,
    /// The number of registrations that were added, including duplicates.
    offered: usize,
}

/// A contract that the host drives.
struct Driven {
    kind: PluginKind,
    version: ContractVersion,
    contract_type: TypeId,
}

impl Driven {
    fn of<C: Contract>() -> Self {
        Self { kind: C::KIND, version: C::VERSION, contract_type: TypeId::of::<Holder<C::Plugin>>() }
    }
}

impl RegistryBuilder {
    /// Adds every plugin that is linked into the program.
    ///
    /// A linker may drop a crate that the program does not refer to. List such a crate in [`plugins!`](crate::plugins).
    /// In static libraries and WebAssembly, only listed crates are certain to be linked.
    #[must_use]
    pub fn linked(mut self) -> Self {
        for linked in inventory::iter::<Linked> {
            self.add(linked.0);
        }
        self
    }

    /// Adds the plugins of one crate by calling its `register` function.
    ///
    /// ```
    /// # use keyway_core::{Contract, ContractVersion, PluginKind, Registry};
    /// # pub enum Numbers {}
    /// # impl Contract for Numbers {
    /// #     const KIND: PluginKind = PluginKind::Secret;
    /// #     const VERSION: ContractVersion = ContractVersion::new(1);
    /// #     type Plugin = dyn Send + Sync;
    /// # }
    /// # mod my_plugin {
    /// #     keyway_core::register! { super::Numbers {
    /// #         id: "seven", name: "Seven", version: "1.0.0", author: "A <a@b.org>", updated: 20261121,
    /// #         compatibility: "==:1.0", description: "Seven", plugin: 7_u8,
    /// #     } }
    /// # }
    /// # fn main() -> Result<(), keyway_core::RegistryFaults> {
    /// let registry = Registry::builder().with(my_plugin::register).build()?;
    /// assert_eq!(registry.iter().count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with(mut self, register: impl FnOnce(&mut Self)) -> Self {
        register(&mut self);
        self
    }

    /// Adds the plugins of every listed crate. A crate that registers nothing is a fault.
    #[must_use]
    pub fn plugins(mut self, plugins: &Plugins) -> Self {
        for listed in plugins.0 {
            let before = self.offered;
            (listed.register)(&mut self);
            if self.offered == before {
                self.empty.push(RegistryFault::NothingRegistered {
                    crate_name: listed.crate_name,
                    file: listed.file,
                    line: listed.line,
                });
            }
        }
        self
    }

    /// Declares that the host drives the contract `C`.
    ///
    /// If a host declares contracts of a kind, each plugin of this kind must have been made for one of these contracts.
    /// Any other plugin of this kind is a fault (decision K3).
    #[must_use]
    pub fn drives<C: Contract>(mut self) -> Self {
        self.driven.push(Driven::of::<C>());
        self
    }

    /// Adds registrations. A crate's `register` function calls this method.
    pub fn add(&mut self, registrations: &'static [&'static Registration]) {
        self.offered += registrations.len();
        self.slots.extend(registrations.iter().map(|registration| Slot::new(registration)));
    }

    /// Checks the collected plugins.
    ///
    /// # Errors
    /// [`RegistryFaults`] lists every problem: plugins with the same kind, id and version, plugins for a contract that
    /// the host does not drive, plugins of one kind for different contracts, and listed crates without plugins.
    pub fn build(self) -> Result<Registry, RegistryFaults> {
        let Self { mut slots, driven, empty: mut faults, .. } = self;
        slots.sort_unstable_by(Slot::order);
        slots.dedup_by(|a, b| std::ptr::eq(a.registration, b.registration));
        duplicates(&slots, &mut faults);
        contracts(&slots, &driven, &mut faults);
        if !faults.is_empty() {
            return Err(RegistryFaults(faults));
        }
        let index = Index::new(&slots);
        Ok(Registry { slots, index })
    }
}

impl fmt::Debug for RegistryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.slots.iter().map(|slot| slot.registration)).finish()
    }
}

pub(super) fn check_driven<C: Contract>(slots: &[Slot]) -> Result<(), RegistryFaults> {
    let mut faults = Vec::new();
    let of_kind = slots.iter().filter(|slot| slot.registration.kind() == C::KIND);
    contracts(of_kind, &[Driven::of::<C>()], &mut faults);
    if faults.is_empty() { Ok(()) } else { Err(RegistryFaults(faults)) }
}

fn duplicates(slots: &[Slot], faults: &mut Vec<RegistryFault>) {
    for pair in slots.windows(2) {
        let (first, second) = (pair[0].registration, pair[1].registration);
        if pair[0].same_plugin(&pair[1]) {
            faults.push(RegistryFault::Duplicate {
                kind: first.kind(),
                id: first.id(),
                version: first.metadata().version().clone(),
                first: first.origin(),
                second: second.origin(),
            });
        }
    }
}

fn contracts<'a>(
    slots: impl IntoIterator<Item = &'a Slot>,
    driven: &[Driven],
    faults: &mut Vec<RegistryFault>,
) {
    // The slots are sorted by kind. If the host declares no contract for a kind, the first plugin of that kind
    // determines the contract.
    let mut first_of_kind: Option<(&'static Registration, TypeId)> = None;
    for slot in slots {
        let registration = slot.registration;
        let (kind, contract_type) = (registration.kind(), registration.contract_type());
        let of_kind = || driven.iter().filter(move |contract| contract.kind == kind);
        if of_kind().next().is_some() {
            if of_kind().all(|contract| contract.contract_type != contract_type) {
                faults.push(RegistryFault::ContractNotDriven {
                    kind,
                    id: registration.id(),
                    version: registration.metadata().version().clone(),
                    found: registration.contract_version(),
                    driven: of_kind().map(|contract| contract.version).collect(),
                    origin: registration.origin(),
                });
            }
            continue;
        }
        match first_of_kind {
            Some((first, first_type)) if first.kind() == kind => {
                if first_type != contract_type {
                    faults.push(RegistryFault::MixedContracts {
                        kind,
                        first: contract_use(first),
                        second: contract_use(registration),
                    });
                }
            }
            _ => first_of_kind = Some((registration, contract_type)),
        }
    }
}

fn contract_use(registration: &Registration) -> ContractUse {
    ContractUse {
        id: registration.id(),
        contract: registration.contract_version(),
        origin: registration.origin(),
    }
}

/// The crates whose plugins a host links, created by [`plugins!`](crate::plugins).
#[derive(Clone, Copy, Debug)]
pub struct Plugins(&'static [ListedCrate]);

/// One crate of [`plugins!`](crate::plugins).
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ListedCrate {
    pub crate_name: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub register: fn(&mut RegistryBuilder),
}

impl Plugins {
    #[doc(hidden)]
    pub const fn new(crates: &'static [ListedCrate]) -> Self {
        Self(crates)
    }

    /// Builds the registry of these plugins and all other linked ones.
    ///
    /// A host that knows its contracts should declare them:
    /// `Registry::builder().linked().plugins(&PLUGINS).drives::<C>().build()`.
    ///
    /// # Errors
    /// The same as those of [`RegistryBuilder::build`].
    pub fn registry(&self) -> Result<Registry, RegistryFaults> {
        Registry::builder().linked().plugins(self).build()
    }
}
