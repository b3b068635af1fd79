//! Measures collecting, checking and looking up a hundred plugins.

use std::hint::black_box;
use std::sync::Arc;

use keyway_core::{Registry, RegistryFaults, compatibility};
use keyway_credentials::{
    CredentialError, CredentialStore, CredentialStorePlugin, CredentialStores, OpenContext,
};

use super::BenchError;
use crate::{
    measure::{Plan, time},
    row::{Row, Target},
};

/// A plugin for this benchmark only. It opens no store.
#[derive(Debug)]
struct Numbered;

impl CredentialStorePlugin for Numbered {
    fn open(&self, _: &OpenContext) -> Result<Arc<dyn CredentialStore>, CredentialError> {
        Err(CredentialError::Unsupported { what: "stores" })
    }
}

/// Expands to one `register!` for each plugin, as if each were in a crate of its own.
macro_rules! plugins_of_their_own {
    ($($module:ident $id:literal,)*) => {
        $(
            mod $module {
                keyway_core::register! {
                    keyway_credentials::CredentialStores {
                        id: $id,
                        name: $id,
                        version: "1.2.0",
                        author: "Ada <ada@example.org>",
                        updated: 20261121,
                        compatibility: ">=:1.0,<:2.0",
                        description: "One of a hundred",
                        plugin: super::Numbered,
                    }
                }
            }
        )*
        /// The ids of the plugins.
        pub const IDS: &[&str] = &[$($id),*];
    };
}

plugins_of_their_own! {
    p00 "plugin-00", p01 "plugin-01", p02 "plugin-02", p03 "plugin-03", p04 "plugin-04",
    p05 "plugin-05", p06 "plugin-06", p07 "plugin-07", p08 "plugin-08", p09 "plugin-09",
    p10 "plugin-10", p11 "plugin-11", p12 "plugin-12", p13 "plugin-13", p14 "plugin-14",
    p15 "plugin-15", p16 "plugin-16", p17 "plugin-17", p18 "plugin-18", p19 "plugin-19",
    p20 "plugin-20", p21 "plugin-21", p22 "plugin-22", p23 "plugin-23", p24 "plugin-24",
    p25 "plugin-25", p26 "plugin-26", p27 "plugin-27", p28 "plugin-28", p29 "plugin-29",
    p30 "plugin-30", p31 "plugin-31", p32 "plugin-32", p33 "plugin-33", p34 "plugin-34",
    p35 "plugin-35", p36 "plugin-36", p37 "plugin-37", p38 "plugin-38", p39 "plugin-39",
    p40 "plugin-40", p41 "plugin-41", p42 "plugin-42", p43 "plugin-43", p44 "plugin-44",
    p45 "plugin-45", p46 "plugin-46", p47 "plugin-47", p48 "plugin-48", p49 "plugin-49",
    p50 "plugin-50", p51 "plugin-51", p52 "plugin-52", p53 "plugin-53", p54 "plugin-54",
    p55 "plugin-55", p56 "plugin-56", p57 "plugin-57", p58 "plugin-58", p59 "plugin-59",
    p60 "plugin-60", p61 "plugin-61", p62 "plugin-62", p63 "plugin-63", p64 "plugin-64",
    p65 "plugin-65", p66 "plugin-66", p67 "plugin-67", p68 "plugin-68", p69 "plugin-69",
    p70 "plugin-70", p71 "plugin-71", p72 "plugin-72", p73 "plugin-73", p74 "plugin-74",
    p75 "plugin-75", p76 "plugin-76", p77 "plugin-77", p78 "plugin-78", p79 "plugin-79",
    p80 "plugin-80", p81 "plugin-81", p82 "plugin-82", p83 "plugin-83", p84 "plugin-84",
    p85 "plugin-85", p86 "plugin-86", p87 "plugin-87", p88 "plugin-88", p89 "plugin-89",
    p90 "plugin-90", p91 "plugin-91", p92 "plugin-92", p93 "plugin-93", p94 "plugin-94",
    p95 "plugin-95", p96 "plugin-96", p97 "plugin-97", p98 "plugin-98", p99 "plugin-99",
}

/// Collects and checks the linked plugins: those of this file and of the other benchmarks.
///
/// # Errors
/// When a plugin is faulty.
pub fn collect() -> Result<Registry, RegistryFaults> {
    Registry::linked()
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let registry = collect()?;
    let missing = IDS.iter().filter(|id| registry.get::<CredentialStores>(id).is_err()).count();
    if missing > 0 {
        return Err(format!("{missing} of {} plugins are not linked", IDS.len()).into());
    }
    let all = registry.iter().count();
    let collecting = time(Plan::COMPUTATION, collect);
    let mut next = (0..IDS.len()).cycle();
    let mut id = || IDS[next.next().unwrap_or_default()];
    let looking = time(Plan::COMPUTATION, || registry.get::<CredentialStores>(black_box(id())).is_ok());
    let wanted = compatibility!(">=:1.1,<:2.0");
    let mut next = (0..IDS.len()).cycle();
    let mut id = || IDS[next.next().unwrap_or_default()];
    let selecting = time(Plan::COMPUTATION, || {
        registry.select::<CredentialStores>(black_box(id()), black_box(&wanted)).is_ok()
    });
    Ok(vec![
        Row::alone(area, format!("collect and check {all} plugins"), collecting / 1e3, "us")
            .must(Target::ValueAtMost(10.0)),
        Row::alone(area, "look up by id", looking, "ns").must(Target::ValueAtMost(50.0)),
        Row::alone(area, "select by id and version", selecting, "ns"),
    ])
}

#[cfg(test)]
mod tests {
    use keyway_credentials::CredentialStores;

    use super::{IDS, collect};

    #[test]
    fn every_plugin_is_found() {
        let registry = collect().expect("a registry");
        for id in IDS {
            assert_eq!(registry.get::<CredentialStores>(id).expect("a plugin").metadata().name(), *id);
        }
        assert!(registry.get::<CredentialStores>("plugin-100").is_err());
        assert_eq!(IDS.len(), 100);
    }
}
