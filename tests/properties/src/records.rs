//! Checks how stores and hosts read records in a storage engine, which any process with access to the engine may have
//! written.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use keyway_core::{Plugins, Resources, SecretValue, Timestamp, plugins};
use keyway_generic::GenericPlugin;
use keyway_host::stores::Phase;
use keyway_host::{Host, WorkOutcome, WorkReport};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Cursor, EnvironmentName, ListQuery, NewEnvironment, NewSecret, OpenContext, SecretAddress, SecretChange,
    SecretName, SecretStore, SecretStorePlugin as _, SecretStores, StoreError, StoreName,
};
use keyway_storage::{Batch, CommitOutcome, Expectation, Fault, FaultyStorage, KeyRange, Memory, Storage};
use pollster::block_on;
use serde_json::json;

use super::silence::{shows_nothing, shows_nothing_but};
use super::{ANOTHER_KEY, PUBLISHED_KEY};

const PLUGINS: Plugins = plugins! { keyway_generic };

pub(super) fn keys() -> KeyRing {
    KeyRing::parse([PUBLISHED_KEY]).expect("a key")
}

/// All records of a storage engine.
pub(super) type Records = Vec<(Vec<u8>, Vec<u8>)>;

pub(super) fn records_of(storage: &dyn Storage) -> Records {
    let page = block_on(storage.scan(&KeyRange::all(), None, 1000)).expect("a page");
    assert!(!page.more, "there are few records");
    page.entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
}

/// Returns a storage engine with these records.
pub(super) fn storage_of(records: &Records) -> Arc<dyn Storage> {
    let storage = Memory::new();
    for (key, value) in records {
        let batch = Batch::new().put(key.as_slice(), value.as_slice(), Expectation::Absent);
        let put = block_on(storage.commit(batch)).expect("it is put");
        assert!(matches!(put, CommitOutcome::Committed(_)));
    }
    Arc::new(storage)
}

fn address() -> SecretAddress {
    let environment = EnvironmentName::new("staging").expect("a name");
    SecretAddress::in_environment(SecretName::new("db").expect("a name"), environment)
}

fn open(storage: &Arc<dyn Storage>, keys: KeyRing) -> Result<Arc<dyn SecretStore>, StoreError> {
    let registry = PLUGINS.registry().expect("its plugin");
    let metadata = registry.get::<SecretStores>("generic").expect("that plugin").metadata().clone();
    let opening = OpenContext::new(StoreName::new("store").expect("a name"), metadata, keys)
        .with_resources(Resources::new().with(Arc::clone(storage)));
    GenericPlugin.open(&opening)
}

/// A store with one environment and one secret.
static STORE: LazyLock<Records> = LazyLock::new(|| {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    block_on(async {
        let store = open(&storage, keys())?;
        store.initialize().await?;
        let address = address();
        let name = address.environment.clone().expect("it is in one");
        store.create_environment(NewEnvironment { name, external_url: None }).await?;
        store.create(NewSecret::new(address.clone(), SecretValue::text("one"))).await?;
        store.get(&address).await.map(drop)
    })
    .expect("a store");
    records_of(&*storage)
});

/// The position in a record's key, after the mark of the store, of the byte that names the room: the group of records
/// to which the record belongs.
const ROOM_AT: usize = 16;
const HEADER: u8 = 0;
const COUNTERS: u8 = 1;
const ENVIRONMENT: u8 = 2;
const SECRET: u8 = 3;

/// Checks a record of the plugin `generic`.
///
/// The first byte chooses the kind of the record, and whether the other bytes are the stored record or its plaintext,
/// which is then sealed under the store's own key.
///
/// A secret is read at its own address or not at all. Every query gives the same result, also after a change of keys.
/// An error shows nothing of the record (decisions C4, C15).
pub fn sealed_record(data: &[u8]) {
    let Some((what, data)) = data.split_first() else { return };
    let mut records = STORE.clone();
    let mut cursor = None;
    match what % 8 {
        0 => {
            // The plaintext keeps the letter of the record's kind and the key of the index. The input replaces the
            // other bytes.
            let note = record(&mut records, HEADER);
            *note = sealed_anew(note, 1 + 32, data);
        }
        1 => {
            // The plaintext keeps the letter of the record's kind and the mark of the store. The input replaces the
            // other bytes.
            let note = record(&mut records, ENVIRONMENT);
            *note = sealed_anew(note, 1 + 8, data);
        }
        2 => *record(&mut records, HEADER) = data.to_vec(),
        3 => {
            // A new store has no counters yet.
            let key = [&records[0].0[..ROOM_AT], &[COUNTERS]].concat();
            records.retain(|(other, _)| *other != key);
            records.push((key, data.to_vec()));
        }
        4 => *record(&mut records, ENVIRONMENT) = data.to_vec(),
        5 => *record(&mut records, SECRET) = data.to_vec(),
        6 => cursor = Some(Cursor::from_bytes(data)),
        _ => {
            let Some((length, data)) = data.split_first() else { return };
            let stored = record(&mut records, SECRET);
            *stored = secret_sealed_anew(stored, data.split_at(data.len().min((*length).into())));
        }
    }
    ask(&storage_of(&records), cursor, data);
}

/// Finds the store's record in this room.
fn record(records: &mut Records, room: u8) -> &mut Vec<u8> {
    let found = records.iter_mut().find(|(key, _)| key[ROOM_AT] == room);
    &mut found.expect("such a record").1
}

/// Returns the name and the version of the plugin that wrote a record, as the record states them.
fn writer(data: &[u8]) -> Vec<String> {
    let begin = data.iter().position(|byte| *byte == b'{').unwrap_or(data.len());
    let record: serde_json::Value = serde_json::from_slice(&data[begin..]).unwrap_or_default();
    let text = |member: &str| record["written_by"][member].as_str().map(str::to_owned);
    ["name", "version"].into_iter().filter_map(text).collect()
}

/// Makes every query to the store, and compares the answers.
fn ask(storage: &Arc<dyn Storage>, cursor: Option<Cursor>, data: &[u8]) {
    // An error names the plugin that wrote the record (decision C4).
    let writer = writer(data);
    let quiet = |error: StoreError| shows_nothing_but(&error, data, &writer);
    let store = match open(storage, keys()) {
        Ok(store) => store,
        Err(error) => return quiet(error),
    };
    let address = address();
    let mut query = ListQuery::all().with_values();
    query.after = cursor;
    let got = block_on(store.get(&address));
    match block_on(store.list(&query)) {
        Ok(page) => {
            for listed in &page.secrets {
                let value = listed.value.as_ref().expect("values were asked for");
                assert_eq!(listed.header.address, address, "there is one secret");
                let got = got.as_ref().expect("a listed secret can be read");
                assert!(
                    got.value.same_as(value) && got.header == listed.header,
                    "the list and the read agree"
                );
            }
        }
        Err(error) => quiet(error),
    }
    if let Ok(got) = &got {
        assert_eq!(got.header.address, address, "the address is the requested one");
        let header = block_on(store.modify(&address, SecretChange::value(got.value.clone())));
        match header {
            Ok(header) => {
                assert_eq!(
                    (header.id, header.description),
                    (got.header.id.clone(), got.header.description.clone())
                );
                let again = block_on(store.get(&address)).expect("a written secret can be read");
                assert!(again.value.same_as(&got.value), "a round trip keeps the value");
            }
            Err(error) => quiet(error),
        }
    }
    let new = KeyRing::parse([ANOTHER_KEY]).expect("a key");
    let rotated = block_on(store.rotate(&new, &|_| {}));
    match (&got, rotated) {
        (Ok(got), Ok(())) => {
            let moved = open(storage, new).expect("it opens with the new key");
            let moved = block_on(moved.get(&address)).expect("a readable secret stays readable");
            assert!(moved.value.same_as(&got.value), "a change of keys changes no value");
        }
        (_, Err(error)) => quiet(error),
        (Err(_), Ok(())) => {}
    }
    for error in [
        got.err(),
        block_on(store.info()).err(),
        block_on(store.written_by()).err(),
        block_on(store.list_environments(None, 10)).err(),
        block_on(store.initialize()).err(),
        block_on(store.marked_for_delete()).err(),
    ]
    .into_iter()
    .flatten()
    {
        quiet(error);
    }
}

/// Seals `format | key id | token` again. The new plaintext has the first `kept` bytes of the old one, followed by
/// `data`.
fn sealed_anew(note: &[u8], kept: usize, data: &[u8]) -> Vec<u8> {
    let (beginning, token) = note.split_at(1 + 8);
    let plaintext = keys().open(token).expect("our own");
    let sealed = keys().seal(&[&plaintext[..kept], data].concat()).expect("it is sealed");
    [beginning, sealed.as_bytes()].concat()
}

/// Seals `format | key id | length | header token | value token` again. Each new plaintext keeps the letter of its kind
/// and the mark of the store, and then has `fields`. In the plaintext of the value, the end of the new header token
/// follows, so that the two tokens fit each other, and then `value`.
fn secret_sealed_anew(stored: &[u8], (fields, value): (&[u8], &[u8])) -> Vec<u8> {
    let (beginning, rest) = stored.split_at(1 + 8);
    let (length, tokens) = rest.split_first_chunk().expect("a length");
    let header = keys().open(&tokens[..u32::from_le_bytes(*length) as usize]).expect("our own");
    let mark = &header[1..9];
    let header = keys().seal(&[b"H", mark, fields].concat()).expect("it is sealed");
    let tail = &header.as_bytes()[header.len() - 32..];
    let value = keys().seal(&[b"V", mark, fields, tail, value].concat()).expect("it is sealed");
    let length = u32::try_from(header.len()).expect("it is short").to_le_bytes();
    [beginning, &length, header.as_bytes(), value.as_bytes()].concat()
}

/// A host with one store, whose rotation was interrupted.
static HOST: LazyLock<Records> = LazyLock::new(|| {
    let below: Arc<dyn Storage> = Arc::new(Memory::new());
    let dying = FaultyStorage::over(&below).into_engine();
    run(async {
        let storage: Arc<dyn Storage> = Arc::clone(&dying) as _;
        let host = host(&storage).await?;
        let store = host.stores().create(&StoreName::new("store")?, "generic", json!({}), &keys()).await?;
        // The host dies after it has stored the beginning of the rotation.
        dying.0.end_after(1, Fault::EndsBefore);
        store.rotate(&KeyRing::parse([ANOTHER_KEY])?, &|_| {}).await.expect_err("the host dies");
        assert_eq!(store.state().await?.phase, Phase::Rotating);
        Ok::<_, Box<dyn std::error::Error>>(())
    })
    .expect("a host");
    records_of(&*below)
});

async fn host(storage: &Arc<dyn Storage>) -> Result<Host, Box<dyn std::error::Error>> {
    let store_keys = KeyRing::parse([PUBLISHED_KEY, ANOTHER_KEY])?;
    let host = Host::builder(PLUGINS.registry()?, Arc::clone(storage), keys()).store_keys(store_keys);
    Ok(host.takeover_after(Duration::ZERO).start().await?)
}

/// The prefix of the keys of a host's records. A kind and a room follow it.
pub(super) const PREFIX: &[u8] = b"keyway-host\0";

/// The room of the records themselves; the other rooms index and count them.
pub(super) const RECORD: u8 = 1;

/// Returns `length | fixed | state`, where the fixed part or the state is sealed again with `payload`.
///
/// The plaintext of each of these two is `index key | part | length | key | payload`.
pub(super) fn host_record_sealed_anew(value: &[u8], payload: &[u8], is_fixed: bool) -> Vec<u8> {
    let (length, sealed) = value.split_first_chunk().expect("a length");
    let (fixed, state) = sealed.split_at(u32::from_le_bytes(*length) as usize);
    let anew = |sealed: &[u8]| {
        let plaintext = keys().open(sealed).expect("our own");
        let bound = &plaintext[..16 + 2 + usize::from(plaintext[17])];
        keys().seal(&[bound, payload].concat()).expect("it is sealed").into_bytes()
    };
    let (fixed, state) = if is_fixed { (anew(fixed), state.to_vec()) } else { (fixed.to_vec(), anew(state)) };
    let length = u32::try_from(fixed.len()).expect("short").to_le_bytes();
    [&length[..], &fixed, &state].concat()
}

/// Checks a record of a host about a store, sealed with the host's own key. The first byte chooses whether the input
/// replaces the fixed part or the state of the record.
///
/// A host starts, opens and resumes, or reports an error and keeps the record; an error shows nothing of the record
/// (decision H2).
pub fn host_store(data: &[u8]) {
    const STORE: u8 = 2;
    let Some((part, data)) = data.split_first() else { return };
    let mut records = HOST.clone();
    let place = [PREFIX, &[STORE, RECORD]].concat();
    let (key, value) =
        records.iter_mut().find(|(key, _)| key.starts_with(&place)).expect("the record of the store");
    *value = host_record_sealed_anew(value, data, part.is_multiple_of(2));
    let (key, damaged) = (key.clone(), value.clone());
    let storage = storage_of(&records);
    let name = StoreName::new("store").expect("a name");
    run(async {
        let host = host(&storage).await.expect("no record of a store is read yet");
        let stores = host.stores();
        let listed = stores.list().await;
        if let Err(error) = stores.open(&name).await {
            shows_nothing(&error, data);
        }
        let later = Timestamp::from_milliseconds(4_000_000_000_000);
        for done in [host.recover().await, host.run_due(later).await] {
            match done {
                Ok(reports) => all_show_nothing(&reports, data),
                Err(error) => shows_nothing(&error, data),
            }
        }
        if let Err(error) = listed {
            shows_nothing(&error, data);
            let now = storage.get(&key).await.expect("the engine works").expect("the record is there");
            assert!(now.value == damaged, "a record that is refused stays");
        }
    });
}

pub(super) fn all_show_nothing(reports: &[WorkReport], data: &[u8]) {
    for report in reports {
        if let WorkOutcome::Failed(error) = &report.outcome {
            shows_nothing(&**error, data);
        }
    }
}

/// Runs a future on a new runtime.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

#[cfg(test)]
mod tests {
    use super::{HOST, host, run, storage_of};
    use keyway_host::WorkOutcome;

    /// Checks that the setup is right: otherwise a recovery would never reach a damaged record.
    #[test]
    fn an_undamaged_host_recovers_its_store() {
        let storage = storage_of(&HOST);
        let reports = run(async { host(&storage).await.unwrap().recover().await.unwrap() });
        assert!(
            matches!(&reports[..], [done] if matches!(done.outcome, WorkOutcome::Settled)),
            "{reports:?}"
        );
    }
}
