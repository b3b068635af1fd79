//! Tests of the cache file in which processes share answers of the service: two handles, two processes, killed
//! processes, file permissions, changed keys, damaged files, and clocks that jump.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_client::Credentials;
use keyway_core::{Clock, Resources, SecretValue, SystemClock, Wiped};
use keyway_secrets::{AcceptedAge, ListQuery, NewSecret, StoreError};
use pollster::block_on;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::cache::{Body, Cache};
use crate::item_key::ItemKey;
use crate::kept_file::KeptFile;
use crate::key_schedule::access_key;
use crate::lookup::lookup_hash;
use crate::profile::Profile;
use crate::recorded_world::{PROJECT, World, at, page, secret};
use crate::scripted_service::{ScriptedService, answer, open};
use crate::set_clock::SetClock;
use crate::vectors;

const MAX_AGE: Duration = Duration::from_secs(600);

pub(crate) fn body(text: &str) -> Body {
    Arc::new(Wiped::new(text.as_bytes().to_vec()))
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("made/s.locker")
}

/// Opens the file as a process with these keys does.
pub(crate) fn opened(path: &Path, key: u8, clock: Arc<dyn Clock>) -> Cache {
    let profile = Profile { project: PROJECT, key: format!("2.{key}|b|c") };
    let file = KeptFile::new(path, "http://127.0.0.1/x", profile, &ItemKey::new(&[key; 32], &[key; 32]));
    Cache::shared(MAX_AGE, clock, file)
}

pub(crate) fn cache(path: &Path) -> Cache {
    opened(path, 1, Arc::new(SystemClock))
}

/// Opens a new file in a folder of its own.
pub(crate) fn new_cache() -> (TempDir, PathBuf, Cache) {
    let folder = folder();
    let path = path(&folder);
    let cache = cache(&path);
    (folder, path, cache)
}

/// Reads an answer, and saves it.
pub(crate) fn read(cache: &Cache, path: &str, text: &str) {
    let begun = cache.find(path).expect_err("it is not kept yet");
    cache.keep(path, begun, &body(text));
    cache.save();
}

pub(crate) fn found(cache: &Cache, path: &str) -> Option<String> {
    cache.find(path).ok().map(|(body, _)| String::from_utf8(body.to_vec()).unwrap())
}

pub(crate) fn shared(folder: &TempDir) -> Value {
    json!({"max_age_seconds": 600, "cache_folder": folder.path().join("made")})
}

fn recorded() -> ScriptedService {
    let world = World::recorded();
    ScriptedService::start(move |request| match &*request.method {
        "GET" => world.answer(request),
        _ => answer(200, &secret(&vectors::recorded_key(), "n", "N", None, "v")),
    })
}

#[test]
fn a_process_that_starts_later_needs_no_service_for_what_another_one_read() {
    let (service, folder) = (recorded(), folder());
    let first = service.store(shared(&folder));
    block_on(first.get(&at("A", Some("prod")))).unwrap();
    block_on(first.list(&ListQuery::all())).unwrap();
    service.requests();
    let later = service.store(shared(&folder));
    let found = block_on(later.get(&at("A", Some("prod")))).unwrap();
    assert_eq!(found.value.expose_text(), Some("A-prod"));
    assert_eq!(block_on(later.list(&ListQuery::all())).unwrap().secrets.len(), 5);
    assert_eq!((service.connections(), service.requests().len()), (0, 0));

    // A store without a cache folder reads nothing from the file.
    let fresh = service.store(json!({}));
    block_on(fresh.get(&at("A", Some("prod")))).unwrap();
    assert_eq!((service.connections(), service.requests().len()), (1, 1));
}

#[test]
fn a_write_of_one_handle_drops_what_all_handles_kept() {
    let (service, folder) = (recorded(), folder());
    let stores = [(); 3].map(|()| service.store(shared(&folder)));
    for store in &stores {
        block_on(store.get(&at("A", None))).unwrap();
    }
    assert_eq!(service.requests().len(), 1);
    block_on(stores[0].create(NewSecret::new(at("N", None), SecretValue::text("v")))).unwrap();
    service.requests();
    block_on(stores[1].get(&at("A", None))).unwrap();
    assert_eq!(service.requests().len(), 1, "an answer from before a write is returned");
    block_on(stores[2].get(&at("A", None))).unwrap();
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn an_answer_that_began_before_a_write_of_another_handle_is_not_kept() {
    let folder = folder();
    let [one, other] = [(); 2].map(|()| cache(&path(&folder)));
    for is_there in [false, true] {
        if is_there {
            read(&one, "x", "of all");
        }
        let begun = one.find("a").unwrap_err();
        other.forget().unwrap();
        one.keep("a", begun, &body("old"));
        one.save();
        assert_eq!((found(&one, "a"), found(&other, "a"), found(&other, "x")), (None, None, None));
    }
    // A list of secrets that is kept between pages is outdated after the write, too.
    let begun = one.find("a").unwrap_err();
    assert!(one.is_current(begun));
    other.forget().unwrap();
    assert!(!one.is_current(begun));
}

#[test]
fn answers_of_two_handles_are_all_kept() {
    let folder = folder();
    let [one, other] = [(); 2].map(|()| cache(&path(&folder)));
    one.forget().unwrap();
    let begun = other.find("b").unwrap_err();
    read(&one, "a", "A");
    other.keep("b", begun, &body("B"));
    other.save();
    for cache in [one, other, cache(&path(&folder))] {
        assert_eq!((found(&cache, "a"), found(&cache, "b")), (Some("A".into()), Some("B".into())));
    }
}

#[test]
fn the_file_is_for_its_owner_only_and_shows_no_name_no_value_and_no_credential() {
    let (service, folder) = (recorded(), folder());
    let store = service.store(shared(&folder));
    block_on(store.get(&at("A", Some("prod")))).unwrap();
    block_on(store.list(&ListQuery::all())).unwrap();
    let made = folder.path().join("made");
    let rights = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(rights(&made), 0o700);
    let secret = vectors::parameters()["input"]["secret_access_key_b64"].as_str().unwrap().to_owned();
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned();
    let hash = |text: &str| {
        Sha256::digest(text).iter().fold(String::new(), |all, byte| all + &format!("{byte:02x}"))
    };
    let mut needles =
        vec![hash(&id), hash(&secret), lookup_hash(PROJECT, &id), lookup_hash(PROJECT, "A"), id, secret];
    needles.extend(["A-prod", "/v1/secrets", "sec0", "env0", "127.0.0.1"].map(str::to_owned));
    let mut files = 0;
    for entry in fs::read_dir(&made).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(rights(&path), 0o600, "{}", path.display());
        let text = path.display().to_string() + &fs::read_to_string(&path).unwrap();
        for needle in &needles {
            assert!(!text.contains(needle), "{needle} in {text}");
        }
        files += 1;
    }
    assert_eq!(files, 2, "the file and its lock");
    assert!(fs::metadata(made.join("s.locker")).unwrap().len() > 1000);
}

#[test]
fn a_file_under_other_keys_is_replaced_and_its_owner_asks_the_service_again() {
    let folder = folder();
    let [one, other] = [1, 2].map(|key| opened(&path(&folder), key, Arc::new(SystemClock)));
    read(&one, "a", "one");
    assert_eq!(found(&other, "a"), None);
    read(&other, "a", "other");
    assert_eq!(found(&other, "a").as_deref(), Some("other"));
    assert_eq!(found(&one, "a"), None);
    // After a write under one key, an answer that was read earlier under the other key is not kept.
    let begun = one.find("a").unwrap_err();
    other.forget().unwrap();
    one.keep("a", begun, &body("one"));
    one.save();
    assert_eq!(found(&one, "a"), None);

    let (service, folder) = (recorded(), self::folder());
    let key = ItemKey::new(&[9; 32], &[9; 32]);
    let profile = Profile { project: PROJECT, key: key.seal(&[7; 64]).unwrap() };
    let stranger = KeptFile::new(&path(&folder), service.base(), profile, &key);
    Cache::shared(MAX_AGE, Arc::new(SystemClock), stranger).forget().unwrap();
    for _ in 0..2 {
        block_on(service.store(shared(&folder)).get(&at("A", None))).unwrap();
    }
    assert_eq!((service.connections(), service.requests().len()), (1, 1));
}

#[test]
fn a_project_whose_key_was_changed_is_opened_again() {
    let (service, folder) = (recorded(), folder());
    let secret = vectors::parameters()["input"]["secret_access_key_b64"].as_str().unwrap().to_owned();
    let profile =
        Profile { project: PROJECT, key: access_key(&secret.into()).unwrap().seal(&[7; 64]).unwrap() };
    let file = KeptFile::new(&path(&folder), service.base(), profile, &ItemKey::new(&[7; 32], &[7; 32]));
    let before = Cache::shared(MAX_AGE, Arc::new(SystemClock), file);
    before.keep_profile(SystemClock.now());
    before.save();

    let (store, address) = (service.store(shared(&folder)), at("A", Some("prod")));
    let error = block_on(store.get(&address)).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(
        service.connections(),
        1,
        "the profile came from the file, and then the service was asked for another key"
    );
    for store in [Arc::clone(&store), service.store(shared(&folder))] {
        assert_eq!(block_on(store.get(&address)).unwrap().value.expose_text(), Some("A-prod"));
    }
    assert_eq!(service.connections(), 2);
}

#[test]
fn an_item_that_does_not_open_leaves_the_kept_answers() {
    let (world, stranger) = (World::recorded(), ItemKey::new(&[5; 32], &[5; 32]));
    let service = ScriptedService::start(move |request| match request.query("hash") {
        Some(hash) if *hash == lookup_hash(PROJECT, "BAD") => {
            page(&[secret(&stranger, "bad", "BAD", None, "v")])
        }
        _ => world.answer(request),
    });
    let folder = folder();
    let store = service.store(shared(&folder));
    block_on(store.get(&at("A", None))).unwrap();
    let error = block_on(store.get(&at("BAD", None))).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    service.requests();
    for store in [store, service.store(shared(&folder))] {
        block_on(store.get(&at("A", None))).unwrap();
    }
    assert_eq!((service.connections(), service.requests().len()), (0, 0));
}

#[test]
fn a_host_may_accept_less_than_is_kept() {
    let (service, folder) = (recorded(), folder());
    block_on(service.store(shared(&folder)).get(&at("A", None))).unwrap();
    for (accepted, requests) in [(MAX_AGE, 0), (Duration::ZERO, 1)] {
        service.requests();
        let lent = Resources::new().with(service.credentials()).with(AcceptedAge(accepted));
        let store = open(shared(&folder), lent);
        assert_eq!(store.capabilities().staleness, accepted);
        block_on(store.get(&at("A", None))).unwrap();
        assert_eq!((service.connections(), service.requests().len()), (requests, requests));
    }
    // A write through a store that accepts no cached answers still empties the file.
    let lent = Resources::new().with(service.credentials()).with(AcceptedAge(Duration::ZERO));
    let new = NewSecret::new(at("N", None), SecretValue::text("v"));
    block_on(open(shared(&folder), lent).create(new)).unwrap();
    service.requests();
    block_on(service.store(shared(&folder)).get(&at("A", None))).unwrap();
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_file_of_another_address_is_not_used() {
    let folder = folder();
    for _ in 0..2 {
        let service = recorded();
        block_on(service.store(shared(&folder)).get(&at("A", None))).unwrap();
        assert_eq!((service.connections(), service.requests().len()), (1, 1));
    }
}

#[test]
fn a_damaged_file_is_ignored_and_replaced() {
    let (_folder, path, cache) = new_cache();
    read(&cache, "a", "A");
    let whole = fs::read(&path).unwrap();
    let damaged = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    assert_eq!(String::from_utf8_lossy(&whole).lines().count(), 3);
    let start = whole.iter().rposition(|byte| *byte == b'.').unwrap();
    let changes = (start..whole.len() - 1).step_by(7).map(damaged);
    let cuts = [0, 1, start, whole.len() / 2, whole.len() - 3].map(|end| whole[..end].to_vec());
    for bytes in changes.chain(cuts).chain([vec![0; 5000], b"4711\n2.a|b|c\n".to_vec()]) {
        fs::write(&path, &bytes).unwrap();
        let cache = self::cache(&path);
        assert_eq!(found(&cache, "a"), None, "{bytes:?}");
        read(&cache, "a", "B");
        assert_eq!(found(&self::cache(&path), "a").as_deref(), Some("B"));
    }
    let huge = fs::File::create(&path).unwrap();
    huge.set_len(1 << 30).unwrap();
    let cache = self::cache(&path);
    read(&cache, "a", "C");
    read(&cache, "b", "D");
    assert!(fs::metadata(&path).unwrap().len() < 10_000);
}

#[test]
fn a_clock_that_jumps_back_empties_the_file() {
    let (folder, clock) = (folder(), Arc::new(SetClock::default()));
    let open = || opened(&path(&folder), 1, Arc::clone(&clock) as Arc<dyn Clock>);
    clock.set(10_000_000);
    let cache = open();
    read(&cache, "a", "A");
    clock.set(9_000_000);
    assert_eq!(found(&open(), "a"), None);
    // The clock passes the time of the answer again, so the answer would look fresh. It stays dropped, because it is
    // older than the clock suggests.
    clock.set(10_000_001);
    assert_eq!((found(&cache, "a"), found(&open(), "a")), (None, None));
}

#[test]
fn a_clock_that_jumps_back_is_noticed_at_any_read() {
    let clock = Arc::new(SetClock::default());
    let folder = folder();
    let shared = opened(&path(&folder), 1, Arc::clone(&clock) as Arc<dyn Clock>);
    let alone = Cache::new(MAX_AGE, Arc::clone(&clock) as Arc<dyn Clock>);
    for cache in [shared, alone] {
        clock.set(10_000_000);
        cache.keep_profile(clock.now());
        read(&cache, "a", "A");
        clock.set(9_900_000);
        let begun = cache.begin();
        assert_eq!(found(&cache, "b"), None);
        clock.set(10_000_001);
        assert_eq!(found(&cache, "a"), None);
        assert!(!cache.has_usable_profile());
        // An answer that was read after the jump is kept.
        cache.keep("b", begun, &body("B"));
        assert_eq!(found(&cache, "b").as_deref(), Some("B"));
    }
}

#[test]
fn the_age_counts_from_the_beginning_of_the_read_in_every_process() {
    let (folder, clock) = (folder(), Arc::new(SetClock::default()));
    let open = || opened(&path(&folder), 1, Arc::clone(&clock) as Arc<dyn Clock>);
    clock.set(10_000_000);
    let cache = open();
    let begun = cache.find("a").unwrap_err();
    clock.set(10_400_000);
    cache.keep("a", begun, &body("A"));
    cache.save();
    for (now, is_kept) in [(10_599_999, true), (10_600_000, false)] {
        clock.set(now);
        assert_eq!((found(&cache, "a").is_some(), found(&open(), "a").is_some()), (is_kept, is_kept));
    }
}

#[test]
fn a_file_that_cannot_be_written_keeps_no_secret_from_its_reader_but_stops_a_write() {
    let (service, folder) = (recorded(), folder());
    // A folder is in the place of the file.
    fs::create_dir_all(path(&folder)).unwrap();
    let store = service.store(shared(&folder));
    block_on(store.get(&at("A", None))).unwrap();
    let new = || NewSecret::new(at("N", None), SecretValue::text("v"));
    let error = block_on(store.create(new())).unwrap_err();
    assert!(matches!(error, StoreError::NotReady { .. }), "{error:?}");
    assert!(error.to_string().contains("s.locker"), "{error}");
    assert!(service.requests().iter().all(|request| request.method == "GET"));
    fs::remove_dir(path(&folder)).unwrap();
    block_on(store.create(new())).unwrap();
    fs::remove_dir_all(folder.path().join("made")).unwrap();
    block_on(store.create(new())).unwrap();
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_in_the_configuration() {
    for (wrong, key) in [
        (json!({"cache_folder": "relative", "max_age_seconds": 9}), "cache_folder"),
        (json!({"cache_folder": "/tmp"}), "max_age_seconds"),
    ] {
        let error = crate::configuration::LockerConfiguration::read(&wrong.into()).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}

/// The environment variable with the path of the file, for the process that a test starts and kills.
const PLACE: &str = "KEYWAY_LOCKER_TEST_FILE";

/// Does nothing in a usual test run. If [`PLACE`] is set, keeps and drops answers until another test kills this
/// process. Ends after a minute, in case that test was killed itself.
#[test]
fn a_process_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(PLACE) else { return };
    let cache = cache(Path::new(&path));
    let long = "x".repeat(100_000);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        cache.forget().unwrap();
        for name in ["a", "b", "c"] {
            if let Err(begun) = cache.find(name) {
                cache.keep(name, begun, &body(&long));
                cache.save();
            }
        }
    }
}

#[test]
fn a_process_that_is_killed_at_any_moment_leaves_a_whole_file() {
    let (_folder, path, own) = new_cache();
    read(&own, "own", "A");
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kept_file_tests::a_process_that_writes_until_it_is_killed"])
            .env(PLACE, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The child process has begun its work once it has dropped the answer `own` and kept the answer `a`.
        let started = Instant::now();
        while own.find("own").is_ok() || own.find("a").is_err() {
            assert!(started.elapsed() < Duration::from_secs(60), "the process does not write");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(round * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        let profile = Profile { project: PROJECT, key: "2.1|b|c".into() };
        let file = KeptFile::new(&path, "http://127.0.0.1/x", profile, &ItemKey::new(&[1; 32], &[1; 32]));
        assert!(file.load().1.is_some(), "the file is damaged");
        own.forget().unwrap();
        read(&own, "own", "A");
    }
}

#[test]
fn lent_credentials_of_another_account_find_no_file_of_the_first_one() {
    let (service, folder) = (recorded(), folder());
    block_on(service.store(shared(&folder)).get(&at("A", None))).unwrap();
    let wrong = Credentials::source()
        .access_key_id("0f8fad5b-d9cb-469f-a165-70867728950e")
        .secret_access_key("QUJD")
        .api_base(service.base())
        .resolve()
        .unwrap();
    let stranger = open(shared(&folder), Resources::new().with(wrong));
    let error = block_on(stranger.get(&at("A", None))).unwrap_err();
    assert!(matches!(error, StoreError::WrongKey { .. }), "{error:?}");
}
