//! Tests `register!` and `plugins!` as plugin crates and hosts use them. Each module stands for the crate that has its
//! name.

// The modules stand for crates, and the items of a crate are public.
#![allow(unreachable_pub)]

mod keyway_greeters {
    use keyway_core::{Contract, ContractVersion, PluginKind};

    pub use keyway_core::register;

    pub trait Greeter: Send + Sync {
        fn greet(&self) -> String;
    }

    pub enum Greeters {}

    impl Contract for Greeters {
        const KIND: PluginKind = PluginKind::Secret;
        const VERSION: ContractVersion = ContractVersion::new(1);
        type Plugin = dyn Greeter;
    }

    pub enum Counters {}

    impl Contract for Counters {
        const KIND: PluginKind = PluginKind::Issuer;
        const VERSION: ContractVersion = ContractVersion::new(3);
        type Plugin = dyn Fn() -> u32 + Send + Sync;
    }
}

mod two_plugins {
    use super::keyway_greeters;
    use super::keyway_greeters::Greeter;

    struct Friendly(&'static str);

    impl Greeter for Friendly {
        fn greet(&self) -> String {
            format!("hello, {}", self.0)
        }
    }

    fn count() -> u32 {
        42
    }

    // Only the contract crate is named here, as in a plugin crate with one dependency.
    keyway_greeters::register! {
        keyway_greeters::Greeters {
            id: "friendly",
            name: "Friendly",
            version: "1.0.0",
            author: "Ada <ada@example.org>",
            updated: 20261121,
            compatibility: ">=:1.0,<:2.0",
            plugin: Friendly("world"),
        }
        keyway_greeters::Counters {
            id: "counting",
            name: "Counting",
            version: "0.2.0-rc.1",
            author: "Ada <ada@example.org>",
            updated: 20240229,
            compatibility: ">=:0.2.0-rc.1,<:0.3",
            description: "Always answers 42",
            plugin: count,
        }
        #[cfg(any())]
        keyway_greeters::Greeters {
            id: "left-out",
            name: "Left out",
            version: "1.0.0",
            author: "Ada <ada@example.org>",
            updated: 20261121,
            compatibility: ">=:1.0",
            plugin: NoSuchType,
        }
    }
}

mod nothing {
    keyway_core::register! {}
}

use keyway_core::{Plugins, Registration, Registry, RegistryFault, plugins};
use keyway_greeters::{Counters, Greeters};

#[test]
fn a_linked_plugin_is_found() {
    let registry = Registry::linked().unwrap();
    assert_eq!(registry.iter().map(Registration::id).collect::<Vec<_>>(), ["friendly", "counting"]);
    assert_eq!(registry.get::<Greeters>("friendly").unwrap().greet(), "hello, world");
    assert_eq!((registry.get::<Counters>("counting").unwrap().plugin())(), 42);
}

#[test]
fn a_registration_says_where_it_comes_from() {
    let registry = Registry::linked().unwrap();
    let friendly = registry.get::<Greeters>("friendly").unwrap();
    let origin = friendly.registration().origin();
    assert_eq!((origin.package, origin.package_version), ("keyway-core", env!("CARGO_PKG_VERSION")));
    assert!(origin.file.ends_with("linked.rs") && origin.line > 30, "{origin}");
    assert_eq!(friendly.metadata().description(), env!("CARGO_PKG_DESCRIPTION"));
    assert_eq!(friendly.metadata().updated().as_number(), 20_261_121);
    let json = friendly.metadata().to_json();
    assert_eq!(&keyway_core::PluginMetadata::from_json(&json).unwrap(), friendly.metadata());
}

#[test]
fn listed_and_linked_is_one() {
    const PLUGINS: Plugins = plugins! { two_plugins, crate::two_plugins };
    let only_listed = Registry::builder().plugins(&PLUGINS).build().unwrap();
    assert_eq!(only_listed.iter().count(), 2);
    assert_eq!(PLUGINS.registry().unwrap().iter().count(), 2);
    assert_eq!(
        Registry::builder().linked().linked().with(two_plugins::register).build().unwrap().iter().count(),
        2
    );
}

#[test]
fn a_listed_crate_that_registers_nothing_is_a_fault() {
    const LINE: u32 = line!() + 1;
    const PLUGINS: Plugins = plugins! { two_plugins, nothing };
    let faults = PLUGINS.registry().unwrap_err();
    let [RegistryFault::NothingRegistered { crate_name, file, line }] = faults.faults() else {
        panic!("{faults}")
    };
    assert_eq!((*crate_name, *line), ("nothing", LINE));
    assert!(file.ends_with("linked.rs"));
}
