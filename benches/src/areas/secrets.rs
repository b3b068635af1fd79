//! The generic store on SQLite, against a bare table that holds the same bytes.

use std::{path::Path, sync::Arc, time::Instant};

use fernet::Fernet;
use futures_executor::block_on;
use keyway_core::{PluginMetadata, Resources, SecretValue};
use keyway_generic::GenericPlugin;
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    ListQuery, NewSecret, Opening, Progress, SecretAddress, SecretName, SecretStore, SecretStorePlugin as _,
    StoreName,
};
use keyway_storage::{Batch, Expectation, KeyRange, Memory, Sqlite, Storage};
use secrecy::ExposeSecret as _;

use super::Trouble;
use crate::{
    measure::{Clock, Compared, Plan, compare, median},
    peers::sqlite::BareTable,
    row::{Row, Target},
};

const SMALL: usize = 100;
const MIDDLE: usize = 10_000;
const ROTATED: usize = 50_000;
const LARGE: usize = 100_000;
const VALUE_BYTES: usize = 64;

/// How many secrets are created in a batch, and taken away again before the next one.
const CREATED: usize = 50;
const ROUNDS: usize = 61;

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, Trouble> {
    let directory = tempfile::tempdir()?;
    let key = Key::generate()?;
    let fernet = Fernet::new(key.expose_text().expose_secret()).ok_or("the peer refuses our key")?;
    let keys = KeyRing::new([key])?;

    // First, while this process has not used much memory for anything else.
    let memory = memory_grown(directory.path(), &keys)?;

    let mut small = Side::filled(directory.path(), "small", SMALL, &keys)?;
    let mut large = Side::filled(directory.path(), "large", LARGE, &keys)?;
    let [create_small, create_large] = creating([&mut small, &mut large])?;
    let get_small = small.getting(&fernet)?;
    let get_large = large.getting(&fernet)?;

    Ok(vec![
        Row::compared(area, "create beside 100,000, peer bare insert of the same bytes", create_large)
            .must(Target::RatioAtMost(1.3)),
        growth(area, "growth of create, 100 to 100,000, peer bare insert", create_small, create_large),
        Row::compared(area, "get of 100,000, peer bare read and fernet", get_large)
            .must(Target::RatioAtMost(1.3)),
        growth(area, "growth of get, 100 to 100,000, peer bare read and fernet", get_small, get_large),
        Row::alone(area, "rotation of 50,000 secrets", rotating(directory.path(), &keys)?, "secrets/s")
            .must(Target::ValueAtLeast(50_000.0)),
        Row::alone(area, "memory that 100,000 secrets need more than 10,000", memory, "MiB")
            .must(Target::ValueAtMost(4.0))
            .noting("reading, listing and creating; resident set size"),
    ])
}

/// A store, and a bare table with the same keys and records.
struct Side {
    store: Arc<dyn SecretStore>,
    bare: BareTable,
    /// The names in the store, and where the same record lies in the table.
    addresses: Vec<SecretAddress>,
    keys: Vec<Vec<u8>>,
    record: Vec<u8>,
    created: usize,
}

impl Side {
    fn filled(directory: &Path, name: &str, secrets: usize, keys: &KeyRing) -> Result<Self, Trouble> {
        let file: Arc<dyn Storage> = Arc::new(Sqlite::open(directory.join(format!("{name}.db")))?);
        fill(&file, secrets, keys)?;
        let mut bare = BareTable::create(&directory.join(format!("{name}.bare")))?;
        let mut record_keys = Vec::with_capacity(secrets);
        let mut record = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = block_on(file.scan(&KeyRange::all(), after.as_deref(), 1000))?;
            bare.insert_all(page.entries.iter().map(|entry| (&entry.key, &entry.value)))?;
            after = page.entries.last().map(|entry| entry.key.clone());
            for entry in page.entries {
                // Shorter keys are the header's and the counters'.
                if entry.key.len() > 33 {
                    record_keys.push(entry.key);
                    record = entry.value;
                }
            }
            if !page.more {
                break;
            }
        }
        if record_keys.len() != secrets {
            return Err(format!("{} records of {secrets} secrets", record_keys.len()).into());
        }
        let addresses = (0..secrets).map(address).collect::<Result<_, _>>()?;
        Ok(Self { store: open(&file, keys)?, bare, addresses, keys: record_keys, record, created: 0 })
    }

    /// Nanoseconds for one creation, durable; what was created is taken away again.
    fn create(&mut self) -> Result<f64, Trouble> {
        let fresh: Vec<SecretAddress> = (0..CREATED)
            .map(|number| address(LARGE + self.created + number))
            .collect::<Result<_, _>>()?;
        self.created += CREATED;
        let begun = Clock::Wall.now();
        for address in &fresh {
            block_on(self.store.create(new(address.clone())))?;
        }
        let taken = Clock::Wall.now().saturating_sub(begun);
        for address in &fresh {
            block_on(self.store.destroy(address, None))?;
        }
        Ok(per_call(taken))
    }

    /// The same in the bare table.
    fn insert(&mut self) -> Result<f64, Trouble> {
        let mut fresh = vec![self.keys[0].clone(); CREATED];
        for key in &mut fresh {
            // Ours are spread evenly over all keys too.
            let mark = key.len() - 24;
            getrandom::fill(&mut key[mark..])?;
        }
        let begun = Clock::Wall.now();
        for key in &fresh {
            self.bare.insert(key, &self.record)?;
        }
        let taken = Clock::Wall.now().saturating_sub(begun);
        // As many transactions as on our side, so that the disk is left alike.
        for key in &fresh {
            self.bare.delete_all([key])?;
        }
        Ok(per_call(taken))
    }

    fn getting(&self, fernet: &Fernet) -> Result<Compared, Trouble> {
        let read = |key: &[u8]| -> Result<Vec<u8>, Trouble> {
            let record = self.bare.get(key)?.ok_or("the peer lost a record")?;
            Ok(fernet.decrypt(value_token(&record)?)?)
        };
        let plaintext = read(&self.keys[0])?;
        if !plaintext.ends_with(&[b'v'; VALUE_BYTES]) {
            return Err("the peer reads something else".into());
        }
        let mut ours = Shuffled::new(self.addresses.len());
        let mut theirs = Shuffled::new(self.keys.len());
        Ok(compare(
            Plan::COMPUTATION,
            || block_on(self.store.get(&self.addresses[ours.next()])).map(drop).expect("a secret"),
            || read(&self.keys[theirs.next()]).map(drop).expect("a record"),
        ))
    }
}

/// Creating in both stores and inserting in both tables, in turns.
fn creating(mut sides: [&mut Side; 2]) -> Result<[Compared; 2], Trouble> {
    let mut times = [(); 4].map(|()| Vec::with_capacity(ROUNDS));
    for round in 0..ROUNDS {
        for turn in 0..4 {
            let which = (round + turn) % 4;
            let side = &mut sides[which / 2];
            times[which].push(if which % 2 == 0 { side.create()? } else { side.insert()? });
        }
    }
    let [a, b, c, d] = times.map(|mut times| median(&mut times));
    Ok([Compared { ours: a, peer: b }, Compared { ours: c, peer: d }])
}

fn growth(area: &'static str, name: &'static str, small: Compared, large: Compared) -> Row {
    Row {
        peer_value: Some(large.peer / small.peer),
        ..Row::alone(area, name, large.ours / small.ours, "times")
    }
    .must(Target::RatioAtMost(1.1))
}

/// Secrets a second.
fn rotating(directory: &Path, keys: &KeyRing) -> Result<f64, Trouble> {
    let file: Arc<dyn Storage> = Arc::new(Sqlite::open(directory.join("rotated.db"))?);
    fill(&file, ROTATED, keys)?;
    let store = open(&file, keys)?;
    let mut rates = Vec::new();
    for _ in 0..5 {
        let new = KeyRing::new([Key::generate()?])?;
        let begun = Instant::now();
        block_on(store.rotate(&new, &|_: Progress| {}))?;
        rates.push(50_000.0 / begun.elapsed().as_secs_f64());
        // It must have happened.
        block_on(open(&file, &new)?.get(&address(ROTATED - 1)?))?;
    }
    Ok(median(&mut rates))
}

/// How much more memory the process has after it used a large store than after it used one of
/// a tenth of the size, in MiB.
fn memory_grown(directory: &Path, keys: &KeyRing) -> Result<f64, Trouble> {
    let mut sizes = Vec::new();
    for (name, secrets) in [("middle", MIDDLE), ("huge", LARGE)] {
        let file: Arc<dyn Storage> = Arc::new(Sqlite::open(directory.join(format!("{name}.db")))?);
        fill(&file, secrets, keys)?;
        let store = open(&file, keys)?;
        let mut shuffled = Shuffled::new(secrets);
        for number in 0..5_000 {
            block_on(store.get(&address(shuffled.next())?))?;
            if number % 10 == 0 {
                block_on(store.create(new(address(LARGE + number)?)))?;
            }
        }
        let mut query = ListQuery::all().with_values();
        while let Some(next) = block_on(store.list(&query))?.next {
            query = query.after(next);
        }
        sizes.push(resident()?);
    }
    Ok((sizes[1] - sizes[0]).max(0.0))
}

/// The resident set of this process in MiB.
fn resident() -> Result<f64, Trouble> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

/// Puts a store with so many secrets into `file`, without waiting for the disk for each of them
/// and without having them all in memory.
fn fill(file: &Arc<dyn Storage>, secrets: usize, keys: &KeyRing) -> Result<(), Trouble> {
    let memory: Arc<dyn Storage> = Arc::new(Memory::new());
    let store = open(&memory, keys)?;
    block_on(store.initialize())?;
    for first in (0..secrets).step_by(1000) {
        for number in first..secrets.min(first + 1000) {
            block_on(store.create(new(address(number)?)))?;
        }
        let page = block_on(memory.scan(&KeyRange::all(), None, 2000))?;
        let (mut moved, mut removed) = (Batch::new(), Batch::new());
        for entry in page.entries {
            if entry.key.len() > 33 {
                removed = removed.delete(entry.key.clone(), Expectation::Any);
            }
            moved = moved.put(entry.key, entry.value, Expectation::Any);
        }
        let _ = block_on(file.commit(moved))?;
        let _ = block_on(memory.commit(removed))?;
    }
    Ok(())
}

fn open(storage: &Arc<dyn Storage>, keys: &KeyRing) -> Result<Arc<dyn SecretStore>, Trouble> {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Keyway Generic", "type": "Secret", "description": ""}}"#,
    )?;
    let opening = Opening::new(StoreName::new("bench")?, metadata, keys.clone())
        .with_resources(Resources::new().with(Arc::clone(storage)));
    Ok(GenericPlugin.open(&opening)?)
}

fn address(number: usize) -> Result<SecretAddress, Trouble> {
    Ok(SecretAddress::shared(SecretName::new(format!("secret-{number:09}"))?))
}

fn new(address: SecretAddress) -> NewSecret {
    NewSecret::new(address, SecretValue::bytes([b'v'; VALUE_BYTES]))
}

/// The second of the two tokens in a stored record.
fn value_token(record: &[u8]) -> Result<&str, Trouble> {
    let length: [u8; 4] = record.get(9..13).ok_or("a short record")?.try_into()?;
    let token = record.get(13 + usize::try_from(u32::from_le_bytes(length))?..).ok_or("a short record")?;
    Ok(std::str::from_utf8(token)?)
}

/// Numbers below a bound in an order that no cache foresees.
struct Shuffled {
    state: u64,
    bound: u64,
}

impl Shuffled {
    fn new(bound: usize) -> Self {
        Self { state: 1, bound: bound as u64 }
    }

    fn next(&mut self) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.state >> 33) % self.bound).unwrap_or_default()
    }
}

fn per_call(taken: std::time::Duration) -> f64 {
    taken.as_secs_f64() * 1e9 / 50.0
}
