use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::compatibility::Clause;
use crate::metadata::Declared;
use crate::{PluginError, Version, compatibility};

/// The first of two contracts of one kind. The two contracts stand for two versions of a contract crate.
trait First: Send + Sync {
    fn number(&self) -> u32;
}

trait Second: Send + Sync {}

enum Firsts {}
enum Seconds {}
enum Issuers {}

impl Contract for Firsts {
    const KIND: PluginKind = PluginKind::Secret;
    const VERSION: ContractVersion = ContractVersion::new(1);
    type Plugin = dyn First;
}

impl Contract for Seconds {
    const KIND: PluginKind = PluginKind::Secret;
    const VERSION: ContractVersion = ContractVersion::new(2);
    type Plugin = dyn Second;
}

impl Contract for Issuers {
    const KIND: PluginKind = PluginKind::Issuer;
    const VERSION: ContractVersion = ContractVersion::new(1);
    type Plugin = dyn Second;
}

impl First for u32 {
    fn number(&self) -> u32 {
        *self
    }
}

impl Second for u32 {}

static NUMBERS: Holder<dyn First> = Holder::new(&7_u32);
static OTHERS: Holder<dyn Second> = Holder::new(&8_u32);
static ANYTHING: &[Clause] = &Clause::all::<1>(">=:0.0.0-0");

fn declare<C: Contract>(
    id: &'static str,
    version: &'static str,
    package: &'static str,
    factory: &'static Holder<C::Plugin>,
) -> &'static Registration {
    // Fills in missing numbers: the tests write short versions, but a declaration needs three numbers.
    let version = Version::parse(version).unwrap();
    let declared = Declared {
        id,
        name: "Number",
        version: full(&version),
        author: "A <a@example.org>",
        updated: 20_261_121,
        compatibility: ">=:0.0.0-0",
        description: "d",
    };
    let origin = Origin::new(package, "0.1.0", "src/lib.rs", 7);
    Box::leak(Box::new(Registration::declare::<C>(declared, ANYTHING, factory, origin)))
}

fn full(version: &Version) -> &'static str {
    let (pre, build) = (version.pre_release(), version.build());
    let tail = pre.map(|pre| format!("-{pre}")).into_iter().chain(build.map(|build| format!("+{build}")));
    format!("{}.{}.{}{}", version.major(), version.minor(), version.patch(), tail.collect::<String>()).leak()
}

fn first(id: &'static str, version: &'static str, package: &'static str) -> &'static Registration {
    declare::<Firsts>(id, version, package, &NUMBERS)
}

fn builder(registrations: &[&'static Registration]) -> RegistryBuilder {
    let mut builder = Registry::builder();
    builder.add(Box::leak(registrations.to_vec().into_boxed_slice()));
    builder
}

#[test]
fn plugins_are_found_by_id_and_listed_in_order() {
    let registry = builder(&[
        first("b", "1.10", "p"),
        declare::<Issuers>("a", "1.0", "p", &OTHERS),
        first("b", "1.9", "p"),
        first("a-much-longer-id", "1.0", "p"),
        first("a-much-longer-ie", "1.0", "p"),
    ])
    .build()
    .unwrap();
    let order: Vec<_> = registry
        .iter()
        .map(|plugin| format!("{} {} {}", plugin.kind(), plugin.id(), plugin.metadata().version()))
        .collect();
    assert_eq!(
        order,
        [
            "Secret a-much-longer-id 1.0.0",
            "Secret a-much-longer-ie 1.0.0",
            "Secret b 1.9.0",
            "Secret b 1.10.0",
            "Issuer a 1.0.0"
        ]
    );
    let plugin = registry.get::<Firsts>("b").unwrap();
    assert_eq!((plugin.number(), plugin.id(), plugin.metadata().version().minor()), (7, "b", 10));
    assert_eq!(registry.get::<Issuers>("a").unwrap().metadata().name(), "Number");
    assert_eq!(registry.iter_of::<Firsts>().count(), 4);
    for error in [
        registry.get::<Firsts>("a").unwrap_err(),
        registry.select::<Firsts>("a", &">=:0.0.0-0".parse().unwrap()).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "`a` is an issuer, and a secret store was asked for: give the id of one"
        );
        assert_eq!(error.kind(), crate::ErrorKind::NotFound);
    }
    assert_eq!(
        registry.get::<Firsts>("a-much-longer-if").unwrap_err(),
        LookupError::NotFound {
            kind: PluginKind::Secret,
            wanted: "a-much-longer-if".to_owned(),
            nearest: Some("a-much-longer-ie")
        }
    );
    assert!(registry.get::<Firsts>("a").is_err(), "the issuer of that id is not a secret store");
    assert_eq!(
        registry.get::<Firsts>("zzz").unwrap_err().to_string(),
        "no Secret plugin `zzz` is linked; list its crate in `plugins!`"
    );
    assert!(Registry::builder().build().unwrap().get::<Firsts>("").is_err());
}

#[test]
fn selecting_takes_the_highest_version_that_fits() {
    let registry =
        builder(&[first("b", "1.10", "p"), first("b", "1.9", "p"), first("b", "2.0", "p")]).build().unwrap();
    let version = |wanted: &str, id: &str| {
        registry
            .select::<Firsts>(id, &wanted.parse().unwrap())
            .map(|plugin| plugin.metadata().version().to_string())
    };
    for id in ["b", "Number"] {
        assert_eq!(version(">=:1.0,<:2.0", id).unwrap(), "1.10.0");
        assert_eq!(version("<:1.10", id).unwrap(), "1.9.0");
        assert_eq!(version(">=:0", id).unwrap(), "2.0.0");
    }
    let error = version(">:2", "b").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no version of the Secret plugin `b` satisfies >:2; linked are 1.9.0, 1.10.0, 2.0.0"
    );
    assert_eq!(error.kind().code(), "incompatible");
    assert_eq!(version(">=:0", "c").unwrap_err().kind().code(), "not_found");
}

#[test]
fn a_name_that_several_plugins_have_needs_an_id() {
    let registry =
        builder(&[first("b", "1.0", "p"), first("c", "1.0", "p"), first("b", "2.0", "p")]).build().unwrap();
    let error = registry.select::<Firsts>("Number", &compatibility!(">=:0")).unwrap_err();
    assert_eq!(
        error,
        LookupError::Ambiguous { kind: PluginKind::Secret, name: "Number".to_owned(), ids: vec!["b", "c"] }
    );
}

#[test]
fn the_same_entry_by_both_ways_is_one() {
    let plugin = first("b", "1.0", "p");
    let registry =
        builder(&[plugin, plugin]).with(|registry| registry.add(Box::leak(Box::new([plugin])))).build();
    assert_eq!(registry.unwrap().iter().count(), 1);
}

/// Checks that all duplicates are reported, each with both plugins, and that two versions that differ only in their
/// build parts count as duplicates.
#[test]
fn duplicates_are_reported_with_both_sides() {
    let faults = builder(&[
        first("b", "1.0", "zebra"),
        first("b", "1.0.0", "ant"),
        first("c", "1.0", "p"),
        first("c", "1.1", "p"),
        declare::<Issuers>("b", "1.0", "p", &OTHERS),
        first("d", "1.0.0+x", "p"),
        first("d", "1.0.0+y", "q"),
    ])
    .build()
    .unwrap_err();
    assert_eq!(faults.faults().len(), 2, "{faults}");
    let RegistryFault::Duplicate { id, first, second, .. } = &faults.faults()[0] else { panic!("{faults}") };
    assert_eq!((*id, first.package, second.package), ("b", "ant", "zebra"));
    let text = faults.to_string();
    for part in ["`b` 1.0.0", "ant 0.1.0 at src/lib.rs:7", "zebra 0.1.0 at src/lib.rs:7", "`d` 1.0.0+"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn two_versions_of_a_contract_are_a_fault() {
    let old = first("old", "1.0", "old-plugin");
    let new = declare::<Seconds>("new", "1.0", "new-plugin", &OTHERS);
    let issuer = declare::<Issuers>("issuer", "1.0", "p", &OTHERS);

    let faults = builder(&[old, new, issuer]).build().unwrap_err();
    let [RegistryFault::MixedContracts { kind: PluginKind::Secret, first, second }] = faults.faults() else {
        panic!("{faults}")
    };
    assert_eq!((first.id, first.contract.number()), ("new", 2));
    assert_eq!((second.id, second.contract.number()), ("old", 1));

    let faults = builder(&[old, new, issuer]).drives::<Firsts>().build().unwrap_err();
    let [RegistryFault::ContractNotDriven { id, found, driven, origin, .. }] = faults.faults() else {
        panic!("{faults}")
    };
    assert_eq!((*id, found.number(), &driven[..]), ("new", 2, &[ContractVersion::new(1)][..]));
    assert_eq!(origin.package, "new-plugin");
    assert!(
        faults.to_string().contains("implements version 2 of its contract, and the host drives version 1")
    );

    // A plugin for the wrong contract version is a fault, even if it is the only plugin of its kind.
    //
    // An engine that receives a registry makes the same check.
    let registry = builder(&[new, issuer]).build().unwrap();
    assert_eq!(registry.check_driven::<Firsts>().unwrap_err().faults().len(), 1);
    registry.check_driven::<Seconds>().unwrap();

    let faults = builder(&[new]).drives::<Firsts>().build().unwrap_err();
    assert_eq!(faults.faults().len(), 1);

    // A host that drives both contracts finds the plugins of both.
    let registry = builder(&[old, new, issuer]).drives::<Firsts>().drives::<Seconds>().build().unwrap();
    assert!(registry.get::<Firsts>("old").is_ok() && registry.get::<Seconds>("new").is_ok());
    let error = registry.get::<Firsts>("new").unwrap_err();
    assert!(matches!(error, LookupError::OtherContract { .. }), "{error}");
    assert_eq!(registry.iter_of::<Firsts>().count(), 1);
}

#[test]
fn a_copy_of_the_contract_crate_is_told_from_the_original() {
    enum Copies {}
    impl Contract for Copies {
        const KIND: PluginKind = PluginKind::Secret;
        const VERSION: ContractVersion = ContractVersion::new(1);
        type Plugin = dyn Second;
    }
    let copy = declare::<Copies>("copy", "1.0", "p", &OTHERS);
    let text = builder(&[copy, first("original", "1.0", "p")]).build().unwrap_err().to_string();
    assert!(text.contains("another copy of the contract crate"), "{text}");
    let text = builder(&[copy]).drives::<Firsts>().build().unwrap_err().to_string();
    assert!(text.contains("version 1 of another copy of the contract crate"), "{text}");
}

#[test]
fn a_listed_crate_without_plugins_is_a_fault() {
    const NOTHING: Plugins = Plugins::new(&[ListedCrate {
        crate_name: "empty_crate",
        file: "src/main.rs",
        line: 3,
        register: |_| {},
    }]);
    let faults = Registry::builder().plugins(&NOTHING).build().unwrap_err();
    assert_eq!(
        faults.faults(),
        [RegistryFault::NothingRegistered { crate_name: "empty_crate", file: "src/main.rs", line: 3 }]
    );
    assert!(faults.to_string().contains("src/main.rs:3: `plugins!` lists `empty_crate`"), "{faults}");
    assert_eq!(faults.kind().code(), "invalid");
}

proptest! {
    /// Compares the registry with a map: the found plugins, their versions, their order, and the refused sets.
    #[test]
    fn the_registry_agrees_with_a_map(
        plugins in prop::collection::vec(("[a-c]{1,2}|long-common-prefix-[a-c]", 0_u64..4, any::<bool>()), 0..24),
    ) {
        let mut model: BTreeMap<(PluginKind, String), BTreeMap<u64, usize>> = BTreeMap::new();
        let mut registrations = Vec::new();
        for (id, version, is_secret) in plugins {
            let kind = if is_secret { PluginKind::Secret } else { PluginKind::Issuer };
            *model.entry((kind, id.clone())).or_default().entry(version).or_default() += 1;
            let (id, version): (&str, &str) = (id.leak(), version.to_string().leak());
            registrations.push(if is_secret {
                first(id, version, "p")
            } else {
                declare::<Issuers>(id, version, "p", &OTHERS)
            });
        }
        let duplicates: usize = model.values().flat_map(BTreeMap::values).map(|count| count - 1).sum();
        match builder(&registrations).build() {
            Err(faults) => prop_assert_eq!(faults.faults().len(), duplicates),
            Ok(registry) => {
                prop_assert_eq!(duplicates, 0);
                let expected: Vec<_> = model
                    .iter()
                    .flat_map(|((kind, id), versions)| versions.keys().map(move |v| (*kind, id.as_str(), *v)))
                    .collect();
                let found: Vec<_> =
                    registry.iter().map(|p| (p.kind(), p.id(), p.metadata().version().major())).collect();
                prop_assert_eq!(found, expected);
                for ((kind, id), versions) in &model {
                    let highest = *versions.keys().last().unwrap();
                    let found = match kind {
                        PluginKind::Secret => registry.get::<Firsts>(id).unwrap().metadata(),
                        _ => registry.get::<Issuers>(id).unwrap().metadata(),
                    };
                    prop_assert_eq!(found.version(), &Version::new(highest, 0, 0));
                }
                for id in ["a", "b", "cc", "long-common-prefix-b", "long-common-prefix-", ""] {
                    let known = model.contains_key(&(PluginKind::Secret, id.to_owned()));
                    prop_assert_eq!(registry.get::<Firsts>(id).is_ok(), known);
                }
            }
        }
    }
}
