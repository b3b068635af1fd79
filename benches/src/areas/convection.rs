//! Measures processor time against the real Convection Generic plugin, on stores with 1,000 secrets.

use std::{path::Path, sync::Arc};

use keyway_core::{Plugins, SecretValue, plugins};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    NewSecret, OpenContext, SecretAddress, SecretName, SecretStore, SecretStores, StoreName,
};
use keyway_tests::services::{CONVECTION, python_with};
use pollster::block_on;

use super::BenchError;
use crate::{
    generic_store::GenericStore,
    measure::{Clock, Compared},
    peers::{
        generic::GenericPeer,
        sqlite::{BareTable, peer_key},
    },
    row::{Row, Target},
};

const PLUGINS: Plugins = plugins! { keyway_convection };
const SECRETS: u32 = 1_000;
const VALUE: &str = "a value of thirty-two characters";
/// The number of rounds. It is small, because one round takes the real plugin seconds.
const ROUNDS: u32 = 7;
/// The number of Keyway's operations in one measurement.
///
/// It is small, because each created secret makes the shared file longer.
const CONVECTION_CALLS: u32 = 4;
const GENERIC_CALLS: u32 = 200;

/// The measured figures.
///
/// The real plugin never asks the system to make a write durable. So a bare durable insert is measured, too, because no
/// durable store on SQLite can be faster than this insert.
const FIGURES: [(&str, Option<Target>); 6] = [
    ("keyway-generic durable create on SQLite, peer the real plugin", Some(Target::TimesFaster(10_000.0))),
    ("a bare durable SQLite insert as long, peer the real plugin", None),
    ("keyway-generic create in memory, peer the real plugin", Some(Target::TimesFaster(10_000.0))),
    ("keyway-generic get on SQLite, peer the real plugin", Some(Target::TimesFaster(10_000.0))),
    ("keyway-convection create on the same file, peer the real plugin", Some(Target::TimesFaster(200.0))),
    ("keyway-convection get on the same file, peer the real plugin", Some(Target::TimesFaster(200.0))),
];

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let python = match python_with(&CONVECTION) {
        Ok(python) => python,
        Err(skip) => {
            return Ok(FIGURES
                .iter()
                .filter_map(|(name, target)| Some(Row::unmeasured(area, *name, (*target)?, skip.to_string())))
                .collect());
        }
    };
    let directory = tempfile::tempdir()?;
    let times = measure(&python, directory.path())?;
    Ok(FIGURES
        .iter()
        .zip(times)
        .map(|((name, target), compared)| {
            let row = Row::compared(area, *name, compared);
            match target {
                Some(target) => row.must(*target),
                None => row,
            }
        })
        .collect())
}

/// Returns the times of [`FIGURES`], in that order.
fn measure(python: &Path, directory: &Path) -> Result<[Compared; 6], BenchError> {
    let keys = (0..5).map(|_| Key::generate()).collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<_> = keys.iter().map(|key| key.expose_text().expose().to_owned()).collect();
    let mut peer = GenericPeer::start(python, directory, "bench", &texts)?;
    peer.fill(SECRETS, VALUE)?;
    let same_file = open(peer.file(), KeyRing::new(keys)?)?;
    let generic = GenericStore::create(&directory.join("generic.db"), SECRETS)?;

    let lengths = generic.lengths_of_a_record()?;
    let bare = BareTable::create(&directory.join("bare.db"))?;
    let memory = GenericStore::in_memory()?;

    let mut times: [Vec<f64>; 8] = Default::default();
    for round in 0..ROUNDS {
        let [
            peer_create,
            peer_get,
            generic_create,
            bare_create,
            memory_create,
            generic_get,
            same_create,
            same_get,
        ] = &mut times;
        peer_create.push(peer.create(&format!("theirs-{round}"), VALUE)?);
        let begin = SECRETS + round * GENERIC_CALLS;
        generic_create.push(each(GENERIC_CALLS, |call| generic.put(begin + call))?);
        bare_create.push(each(GENERIC_CALLS, |call| {
            Ok(bare.insert(&peer_key(begin + call, lengths.key), &vec![b'.'; lengths.record])?)
        })?);
        memory_create.push(each(GENERIC_CALLS, |call| memory.put(begin + call))?);
        same_create.push(each(CONVECTION_CALLS, |call| {
            let secret = NewSecret::new(address(&format!("ours-{round}-{call}"))?, SecretValue::text(VALUE));
            block_on(same_file.create(secret))?;
            Ok(())
        })?);
        let (time, value) = peer.get(&format!("ours-{round}-0"))?;
        if value != VALUE {
            return Err("the real plugin reads something else than was written here".into());
        }
        peer_get.push(time);
        generic_get.push(each(GENERIC_CALLS, |call| generic.get(call * 4 % SECRETS).map(|_| ()))?);
        let theirs = address(&format!("theirs-{round}"))?;
        same_get.push(each(CONVECTION_CALLS, |_| {
            let secret = block_on(same_file.get(&theirs))?;
            if secret.value.expose_text() == Some(VALUE) {
                Ok(())
            } else {
                Err("here something else is read than the real plugin wrote".into())
            }
        })?);
    }
    let [
        peer_create,
        peer_get,
        generic_create,
        bare_create,
        memory_create,
        generic_get,
        same_create,
        same_get,
    ] = &times;
    Ok([
        Compared::of(generic_create, peer_create),
        Compared::of(bare_create, peer_create),
        Compared::of(memory_create, peer_create),
        Compared::of(generic_get, peer_get),
        Compared::of(same_create, peer_create),
        Compared::of(same_get, peer_get),
    ])
}

fn open(file: &Path, keys: KeyRing) -> Result<Arc<dyn SecretStore>, BenchError> {
    let registry = PLUGINS.registry()?;
    let plugin = registry.get::<SecretStores>("convection-generic")?;
    let opening = OpenContext::new(StoreName::new("bench")?, plugin.metadata().clone(), keys)
        .with_configuration(serde_json::json!({ "path": file }));
    Ok(plugin.open(&opening)?)
}

fn address(name: &str) -> Result<SecretAddress, BenchError> {
    Ok(SecretAddress::shared(SecretName::new(name)?))
}

/// Returns the processor time of one call in nanoseconds, over all threads.
fn each(calls: u32, mut operation: impl FnMut(u32) -> Result<(), BenchError>) -> Result<f64, BenchError> {
    let begun = Clock::ProcessCpu.now();
    for call in 0..calls {
        operation(call)?;
    }
    Ok(Clock::ProcessCpu.now().saturating_sub(begun).as_secs_f64() * 1e9 / f64::from(calls))
}

#[cfg(test)]
mod tests {
    use keyway_tests::services::OrSkip as _;

    use super::{CONVECTION, GenericPeer, python_with};

    #[test]
    fn the_peer_is_the_real_plugin() {
        let Some(python) = python_with(&CONVECTION).or_skip("the real plugin as a peer of the benchmarks")
        else {
            return;
        };
        let directory = tempfile::tempdir().expect("a directory");
        let key = fernet::Fernet::generate_key();
        let mut peer = GenericPeer::start(&python, directory.path(), "s", &[key]).expect("a peer");
        peer.fill(3, "value").expect("secrets");
        assert!(peer.create("more", "another").expect("a secret") > 0.0);
        assert_eq!(peer.get("more").expect("a secret").1, "another");
        assert_eq!(peer.get("secret-000002").expect("a secret").1, "value");
        assert!(peer.file().is_file());
    }
}
