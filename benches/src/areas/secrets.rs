//! Measures the generic store on SQLite, against a bare table and the bare `fernet` crate.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use pollster::block_on;

use super::BenchError;
use crate::{
    generic_store::{GenericStore, number_of_value},
    measure::{Clock, Compared, Rounds, interleave, median},
    peers::sqlite::{BareTable, peer_key},
    row::{Row, Target},
};

const SMALL: u32 = 100;
const LARGE: u32 = 100_000;
/// The number of secrets at which a store fills every cache.
const CACHES_FULL: u32 = 10_000;

const CREATE_ROUNDS: usize = 61;
/// The number of creates in a batch.
///
/// It is small, because each create enlarges the small store. All batches together add about 600 secrets, which adds at
/// most one level to the B-tree of the store's table, and to that of the peer's table.
const CREATES: u32 = 10;
const GET_ROUNDS: usize = 61;
const GETS: u32 = 200;
const ROTATIONS: usize = 3;

/// A generic store with the given number of secrets, and a bare table with as many rows of the same length.
struct Pair {
    store: GenericStore,
    table: BareTable,
    fernet: fernet::Fernet,
    key_length: usize,
    /// A value that the peer stores. It is as long as the store's records.
    record: Vec<u8>,
    /// A token that the peer opens. It is as long as the token that a `get` opens, or a little shorter.
    token: String,
    secrets: u32,
    created: AtomicU32,
}

impl Pair {
    fn new(directory: &Path, secrets: u32) -> Result<Self, BenchError> {
        let store = GenericStore::create(&directory.join(format!("generic-{secrets}.db")), secrets)?;
        let lengths = store.lengths_of_a_record()?;
        let (key_length, token_length) = (lengths.key, lengths.value_token);
        let fernet = fernet::Fernet::new(&fernet::Fernet::generate_key()).ok_or("no key")?;
        let mut plaintext = vec![b'v'; token_length];
        while keyway_seal::token_len(plaintext.len()) > token_length && plaintext.pop().is_some() {}
        let token = fernet.encrypt(&plaintext);
        let mut record = token.clone().into_bytes();
        record.resize(lengths.record, b'.');
        let file = directory.join(format!("bare-{secrets}.db"));
        let table = BareTable::create(&file)?.filled(secrets, key_length, &record)?;
        Ok(Self { store, table, fernet, key_length, record, token, secrets, created: AtomicU32::new(0) })
    }

    /// Returns a new number for a name. Both sides of a pair may use the same name.
    fn next(&self) -> u32 {
        self.secrets + self.created.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the number of a random secret of the initial store.
    fn any(&self, state: &mut u32) -> u32 {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 8) % self.secrets
    }

    fn create(&self) {
        self.store.put(self.next()).expect("a create that is measured succeeds");
    }

    fn peer_create(&self) {
        let key = peer_key(self.next(), self.key_length);
        self.table.insert(&key, &self.record).expect("an insert that is measured succeeds");
    }

    fn get(&self, state: &mut u32) {
        let number = self.any(state);
        let value = self.store.get(number).expect("a get that is measured succeeds");
        assert_eq!(number_of_value(&value), Some(number), "the value is that of the name");
    }

    fn peer_get(&self, state: &mut u32) {
        let key = peer_key(self.any(state), self.key_length);
        let record = self.table.get(&key).expect("a read that is measured succeeds").expect("a row");
        let token = std::str::from_utf8(&record[..self.token.len()]).expect("a token is text");
        std::hint::black_box(self.fernet.decrypt(token).expect("a token of this key"));
    }
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    // The client is measured first, while this process uses little memory.
    let mut rows = super::secrets_client::run(area)?;
    let directory = tempfile::tempdir()?;
    let small = Pair::new(directory.path(), SMALL)?;
    let large = Pair::new(directory.path(), LARGE)?;

    let times = interleave(
        Clock::Wall,
        CREATE_ROUNDS,
        CREATES,
        &mut [&mut || large.create(), &mut || large.peer_create(), &mut || small.create(), &mut || {
            small.peer_create();
        }],
    );
    rows.extend(against_the_peer(area, "durable create", &times));

    let mut states = [1, 1, 1, 1];
    let [a, b, c, d] = &mut states;
    let times = interleave(
        Clock::ProcessCpu,
        GET_ROUNDS,
        GETS,
        &mut [&mut || large.get(a), &mut || large.peer_get(b), &mut || small.get(c), &mut || {
            small.peer_get(d);
        }],
    );
    rows.extend(against_the_peer(area, "get", &times));

    rows.push(rotation(area, large.store)?);
    rows.push(memory(area, directory.path())?);
    Ok(rows)
}

/// Makes rows from the times of four operations: Keyway with the large store, the peer with the large one, Keyway with
/// the small store, the peer with the small one.
fn against_the_peer(area: &'static str, what: &str, times: &Rounds) -> Vec<Row> {
    let growth = Compared::of(&times.times(0, 2), &times.times(1, 3));
    vec![
        Row::compared(area, format!("{what} at 100,000 secrets, peer SQLite"), times.compared(0, 1))
            .must(Target::RatioAtMost(1.3)),
        Row::compared(area, format!("{what} at 100 secrets, peer SQLite"), times.compared(2, 3))
            .must(Target::RatioAtMost(1.3)),
        Row::compared_in(
            area,
            format!("{what}, growth from 100 to 100,000, peer SQLite"),
            growth,
            "times",
            1.0,
        )
        .must(Target::RatioAtMost(1.1)),
    ]
}

fn rotation(area: &'static str, mut store: GenericStore) -> Result<Row, BenchError> {
    let mut rates = Vec::new();
    let mut secrets = 0;
    for _ in 0..ROTATIONS {
        let begun = Instant::now();
        secrets = store.rotate()?;
        rates.push(f64::from(secrets) / begun.elapsed().as_secs_f64());
        store.get(0)?;
    }
    Ok(Row::alone(area, format!("rotation of {secrets} secrets"), median(&mut rates), "secrets/s")
        .must(Target::ValueAtLeast(50_000.0)))
}

/// Measures the memory peak of a process that opens a store, reads, lists and rotates it.
fn memory(area: &'static str, directory: &Path) -> Result<Row, BenchError> {
    let target = Target::RatioAtMost(1.1);
    let name = format!("peak memory at {LARGE} secrets, peer the same at {CACHES_FULL}");
    let mut peaks = Vec::new();
    for secrets in [LARGE, CACHES_FULL] {
        let file = directory.join(format!("memory-{secrets}.db"));
        let keys = file.with_extension("keys");
        GenericStore::create(&file, secrets)?.write_keys(&keys)?;
        let output = Command::new(probe()?).arg(&file).arg(&keys).output()?;
        if !output.status.success() {
            return Err(format!("the probe failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        match String::from_utf8(output.stdout)?.trim().parse::<f64>() {
            Ok(kibibytes) => peaks.push(kibibytes / 1024.0),
            Err(_) => return Ok(Row::unmeasured(area, name, target, "this system does not tell it")),
        }
    }
    Ok(Row { peer_value: Some(peaks[1]), ..Row::alone(area, name, peaks[0], "MiB") }.must(target))
}

/// Returns the path of the program `probe-memory`, beside the running one.
fn probe() -> Result<PathBuf, BenchError> {
    let probe = std::env::current_exe()?
        .with_file_name("probe-memory")
        .with_extension(std::env::consts::EXE_EXTENSION);
    if probe.exists() { Ok(probe) } else { Err(format!("{} is not built", probe.display()).into()) }
}

/// Runs `probe-memory`: opens the store, reads 10,000 secrets, lists all, rotates, and returns the
/// memory peak of this process in KiB.
///
/// # Errors
/// Those of the store. The result is `None` if the system does not report the peak.
pub fn probe_memory(file: &Path, keys: &Path) -> Result<Option<u64>, BenchError> {
    let mut store = GenericStore::open(file, keys)?;
    let secrets = block_on(store.count_by_listing())?;
    for number in 0..10_000 {
        store.get(number % secrets)?;
    }
    store.rotate()?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    Ok(status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::{Pair, peer_key};
    use std::collections::BTreeSet;

    #[test]
    fn a_pair_does_on_both_sides_what_is_measured() {
        let directory = tempfile::tempdir().expect("a directory");
        let pair = Pair::new(directory.path(), 20).expect("a pair");
        let lengths = pair.store.lengths_of_a_record().expect("records");
        assert_eq!((pair.key_length, pair.record.len()), (lengths.key, lengths.record));
        assert!(pair.token.len() <= lengths.value_token && pair.token.len() + 24 > lengths.value_token);
        let mut state = 1;
        for _ in 0..10 {
            pair.create();
            pair.peer_create();
            pair.get(&mut state);
            pair.peer_get(&mut state);
        }
    }

    #[test]
    fn keys_of_the_peer_differ() {
        let keys: BTreeSet<_> = (0..1000).map(|number| peer_key(number, 20)).collect();
        assert_eq!(keys.len(), 1000);
        assert!(keys.iter().all(|key| key.len() == 20));
    }
}
