//! Tests that closing a store leaves none of its secrets in the memory of the process.
//!
//! A child process takes a marked secret in masked form, so that only the types that wipe it hold
//! the secret itself. It puts the secret through a store, closes everything and waits. The parent
//! reads all memory of the child, and must not find the mark. SECURITY.md states the limits of this
//! test.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_client::{Bundle, Credentials, CredentialsError};
use keyway_core::{Plugins, SecretValue, Structured, Table, plugins};
use keyway_host::Host;
use keyway_locker_sdk::Configuration;
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{ListQuery, NewSecret, SecretAddress, SecretChange, SecretName, SecretStore, StoreName};
use keyway_storage::{Memory, Sqlite, Storage};
use keyway_tests::services::Skip;
use serde_json::json;
use zeroize::Zeroizing;

const CASE: &str = "KEYWAY_HYGIENE_CASE";
const FOLDER: &str = "KEYWAY_HYGIENE_FOLDER";
const MASKED: &str = "KEYWAY_HYGIENE_MASKED";

/// The bits that are flipped in each byte of the needle when it is passed to the child. The needle is the marked secret
/// that the parent searches for.
const MASK: u8 = 0b0101_1011;
/// The needle is so long that a reallocation moves it, and that parts of it do not occur by chance.
const NEEDLE_BYTES: usize = 192;
/// The length of the parts that are searched for. The allocator overwrites the start of freed memory, so parts near the
/// end of the needle are more likely to be found.
const PART_BYTES: usize = 24;

const PLUGINS: Plugins = plugins! { keyway_generic, keyway_convection };

/// Makes a masked needle, which is different each time. The unmasked needle is a text.
fn masked_needle() -> Vec<u8> {
    let mut noise = [0; NEEDLE_BYTES];
    File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
    noise.iter().map(|byte| (b'a' + byte % 26) ^ MASK).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Unmasks the needle into a buffer of its final size, which the caller passes to a type that wipes it.
fn unmasked(masked: &[u8]) -> String {
    let mut text = String::with_capacity(masked.len());
    text.extend(masked.iter().map(|byte| char::from(byte ^ MASK)));
    text
}

/// Runs in the process whose memory is searched. It is not a test of its own.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Ok(case) = std::env::var(CASE) else { return };
    let folder = std::env::var_os(FOLDER).unwrap();
    let hex = std::env::var(MASKED).unwrap();
    let masked: Vec<u8> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
    // In the control cases, the process keeps the secret, or does not wipe it.
    let mut kept = None;
    match case.as_str() {
        "kept" => kept = Some(unmasked(&masked)),
        "dropped" => drop(std::hint::black_box(unmasked(&masked))),
        "parsed" => parse_as_anybody_would(&masked),
        "bundle" => write_and_read_bundles(&masked),
        "bundle-pipe" => read_a_bundle_from_a_pipe(&masked),
        "mistyped-key" => check_a_mistyped_key(&masked),
        "sdk-configuration" => read_configurations(&masked),
        case => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
            if case == "refused" {
                runtime.block_on(use_refused_texts(folder.as_ref(), &masked));
            } else {
                runtime.block_on(use_a_store(case, folder.as_ref(), &masked));
            }
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        }
    }
    // The marker bypasses the line buffer of the test, because other tests may hold that buffer.
    let mut out = std::io::stdout();
    out.write_all(b"\nready\n").unwrap();
    out.flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    drop(std::hint::black_box(kept));
}

/// Returns the needle twice, each time before characters that most formats escape.
fn escaped(masked: &[u8]) -> String {
    const ESCAPED: &str = "\"\\\n\u{1}\u{e9}'";

    let mut text = String::with_capacity(2 * (masked.len() + ESCAPED.len()));
    for _ in 0..2 {
        text.extend(masked.iter().map(|byte| char::from(byte ^ MASK)));
        text.push_str(ESCAPED);
    }
    text
}

/// Reads JSON into types that are wiped, with a parser that does not wipe.
fn parse_as_anybody_would(masked: &[u8]) {
    let mut bundle = Bundle::new();
    bundle.push("a", escaped(masked)).unwrap();
    let json = bundle.to_json();
    let read: BTreeMap<String, String> = serde_json::from_str(json.expose()).unwrap();
    drop(read.into_values().map(Zeroizing::new).collect::<Vec<_>>());
}

/// Exports and imports in each format, with escapes in all of them.
fn write_and_read_bundles(masked: &[u8]) {
    let mut bundle = Bundle::new();
    bundle.push("a", escaped(masked)).unwrap();
    assert!(Bundle::from_dotenv(bundle.to_dotenv().unwrap().expose()).unwrap().same_as(&bundle));

    let object = bundle.to_json();
    let object = object.expose();
    assert!(Bundle::from_json(object).unwrap().same_as(&bundle));

    let value = object.strip_prefix("{\n  \"a\": ").and_then(|rest| rest.strip_suffix("\n}\n")).unwrap();
    let mut list = Zeroizing::new(String::with_capacity(object.len() + 20));
    list.extend(["[{\"key\":\"a\",\"value\":", value, "}]"]);
    assert!(Bundle::from_json(&list).unwrap().same_as(&bundle));
}

/// Returns the needle many times. A large buffer that is not wiped is less likely to be overwritten by later ones.
fn repeated(masked: &[u8], times: usize) -> Zeroizing<String> {
    let needle = Zeroizing::new(unmasked(masked));
    let mut text = Zeroizing::new(String::with_capacity(times * needle.len()));
    for _ in 0..times {
        text.push_str(&needle);
    }
    text
}

/// Imports a file whose length is not known before it is read, as of a process substitution of a shell.
fn read_a_bundle_from_a_pipe(masked: &[u8]) {
    let (output, mut input) = std::io::pipe().unwrap();
    let value = repeated(masked, 1_000);
    let length = value.len();
    // The main thread returns freed memory to the system more readily.
    let reading = std::thread::spawn(move || {
        let bundle = Bundle::from_file(format!("/dev/fd/{}", output.as_raw_fd())).unwrap();
        assert_eq!(bundle.get("A").unwrap().expose().len(), length);
    });
    input.write_all(b"A=").unwrap();
    input.write_all(value.as_bytes()).unwrap();
    drop(input);
    reading.join().unwrap();
}

/// Checks an access key that is right but for a character at its end.
fn check_a_mistyped_key(masked: &[u8]) {
    let secret = repeated(masked, 15);
    let mut key = Zeroizing::new(String::with_capacity(4096));
    STANDARD.encode_string(secret.as_bytes(), &mut key);
    key.pop();
    key.push('!');
    let checking = std::thread::spawn(move || {
        let source = Credentials::source().api_base("https://example.org").secret_access_key(key.as_str());
        let credentials = source.access_key_id("0f8fad5b-d9cb-469f-a165-70867728950e").resolve().unwrap();
        assert!(matches!(credentials.checked(), Err(CredentialsError::MalformedSecretAccessKey)));
    });
    checking.join().unwrap();
}

/// Reads configurations of `locker-sdk` with a password for a plugin: one that is right, and others that are refused.
fn read_configurations(masked: &[u8]) {
    let needle = repeated(masked, 100);
    let start = "[stores.web]\nplugin = 'locker'\n[stores.web.configuration]\nproxy = '";
    let reading = std::thread::spawn(move || {
        for (rest, is_right) in [
            ("", true),
            ("b = ", false),
            ("b = '", false),
            ("proxy = ''", false),
            ("[stores.web]", false),
            ("[[access]]\nid = 3", false),
        ] {
            let mut text = Zeroizing::new(String::with_capacity(2 * needle.len() + 200));
            for part in [start, &needle, "' # ", &needle, "\n", rest] {
                text.push_str(part);
            }
            let read = Configuration::parse(&text, Path::new("locker-sdk.toml"));
            assert_eq!(read.is_ok(), is_right, "{rest}");
        }
    });
    reading.join().unwrap();
}

/// Gives a store on a file values that are refused, and files that are decrypted and then refused.
async fn use_refused_texts(folder: &Path, masked: &[u8]) {
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let host = Host::builder(PLUGINS.registry().unwrap(), Arc::new(Memory::new()), keys.clone());
    let host = host.start().await.unwrap();
    let name = StoreName::new("s").unwrap();
    let configuration = json!({ "directory": folder });
    let store = host.stores().create(&name, "convection-generic", configuration, &keys).await.unwrap();
    let at = |name: &str| SecretAddress::shared(SecretName::new(name).unwrap());

    let date = SecretValue::Structured(Structured::DateTime(repeated(masked, 1_000)));
    assert!(store.create(NewSecret::new(at("a"), date)).await.is_err());

    let file = folder.join("secrets/s");
    let empty = keys.open(&fs::read(&file).unwrap()).unwrap();
    let (before, after) = std::str::from_utf8(&empty).unwrap().split_once("[store]\n").unwrap();
    // A duplicate name, a value without quotes, a missing quote, and a nesting that is too deep.
    let deep = format!("b = {} # ", "[".repeat(100));
    for fault in ["b = 1\nb = 2 # ", "b = ", "b = \"", deep.as_str()] {
        let needle = repeated(masked, 100);
        let mut text = Zeroizing::new(String::with_capacity(empty.len() + 3 * needle.len() + 200));
        for part in [before, "[store]\na = \"", &needle, "\" # ", &needle, "\n", fault, &needle, "\n", after]
        {
            text.push_str(part);
        }
        fs::write(&file, keys.seal(text.as_bytes()).unwrap()).unwrap();
        drop((text, needle));
        let error = store.get(&at("a")).await.unwrap_err().to_string();
        assert!(error.contains("not TOML"), "{fault:?}: {error}");
    }
}

/// The number of steps of a case.
const STEPS: u32 = 7;

async fn use_a_store(case: &str, folder: &Path, masked: &[u8]) {
    // `case@n` stops after n steps and leaves the store open.
    let (case, steps) = match case.split_once('@') {
        Some((case, steps)) => (case, Some(steps.parse().unwrap())),
        None => (case, None),
    };
    let ring = || KeyRing::new([Key::generate().unwrap()]).unwrap();
    let (host_keys, keys, new_keys) = (ring(), ring(), ring());
    let sqlite = (case != "generic-memory").then(|| Sqlite::open_or_create(folder.join("host.db")).unwrap());
    let storage: Arc<dyn Storage> = match &sqlite {
        Some(sqlite) => Arc::new(sqlite.clone()),
        None => Arc::new(Memory::new()),
    };
    let plugin = if case.starts_with("convection") { "convection-generic" } else { "generic" };
    let configuration = match plugin {
        "generic" => json!({}),
        _ => json!({ "directory": folder }),
    };
    let host = Host::builder(PLUGINS.registry().unwrap(), storage, host_keys).start().await.unwrap();
    let stores = host.stores();
    let name = StoreName::new("s").unwrap();
    let store = stores.create(&name, plugin, configuration, &keys).await.unwrap();
    let at = |name: &str| SecretAddress::shared(SecretName::new(name).unwrap());
    let value = || match case.split_once('+') {
        Some((_, "structured")) => {
            let mut table = Table::new();
            table.push_new("inside", Structured::text(unmasked(masked)));
            SecretValue::Structured(Structured::Table(table))
        }
        // Characters that need escapes take another path through the code for the file format.
        Some((_, "escaped")) => SecretValue::text(escaped(masked)),
        // The value is larger than any first buffer.
        Some((_, "large")) => {
            let mut bytes = Vec::with_capacity(300 * masked.len());
            bytes.extend((0..300).flat_map(|_| masked).map(|byte| byte ^ MASK));
            SecretValue::text(String::from_utf8(bytes).unwrap())
        }
        Some((_, "bytes")) => SecretValue::bytes(unmasked(masked).into_bytes()),
        _ => SecretValue::text(unmasked(masked)),
    };
    let last = steps.unwrap_or(STEPS);
    for step in 0..last {
        match step {
            0 => drop(store.create(NewSecret::new(at("a"), value())).await.unwrap()),
            1 => assert!(store.get(&at("a")).await.unwrap().value.same_as(&value())),
            2 => drop(store.modify(&at("a"), SecretChange::value(value())).await.unwrap()),
            // The value of a refused write goes through the same code.
            3 => assert!(store.create(NewSecret::new(at("a"), value())).await.is_err()),
            4 => {
                let page = store.list(&ListQuery::all().with_values()).await.unwrap();
                assert!(page.secrets.iter().all(|secret| secret.value.as_ref().unwrap().same_as(&value())));
            }
            5 => store.rotate(&new_keys, &|_| {}).await.unwrap(),
            _ => store.destroy(&at("a"), None).await.unwrap(),
        }
    }
    if steps.is_some() {
        // The handles are leaked rather than closed. This is stricter, because less memory is overwritten afterwards.
        std::mem::forget((store, stores, sqlite));
        return;
    }
    drop((store, stores));
    if let Some(sqlite) = sqlite {
        sqlite.close();
    }
}

/// A child that has done its work and waits. It ends on drop.
struct Waiting(Child);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(case: &str, folder: &Path, masked: &[u8]) -> Waiting {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "linux::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CASE, case)
        .env(FOLDER, folder)
        .env(MASKED, hexadecimal(masked))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut waiting = Waiting(child);
    let mut output = BufReader::new(waiting.0.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim() != "ready" {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "{case}: the child ended early");
    }
    waiting
}

/// Finds parts of the needle in the memory of a process, and returns the names of the mappings.
fn found_in(process: u32, masked: &[u8]) -> std::io::Result<Vec<String>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let mut memory = File::open(format!("/proc/{process}/mem"))?;
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else { continue };
        // These mappings belong to the kernel, and cannot be read.
        if !rights.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut content = vec![0; usize::try_from(to - from).unwrap()];
        memory.seek(SeekFrom::Start(from))?;
        match memory.read_exact(&mut content) {
            Ok(()) => {}
            // The pages after the end of a mapped file cannot be read, so an error there is ignored.
            Err(_) if line.contains('/') || line.contains("[vvar") => continue,
            Err(error) => return Err(error),
        }
        let times = parts_in(&content, masked);
        if times > 0 {
            found.push(format!("{line}: {times} parts"));
        }
    }
    Ok(found)
}

/// Counts the parts of the needle in `content`. A needle consists of lower-case letters, so only long runs of
/// lower-case letters are compared.
fn parts_in(content: &[u8], masked: &[u8]) -> usize {
    let is_letter = |byte: &u8| byte.is_ascii_lowercase();
    let (mut count, mut at) = (0, PART_BYTES - 1);
    while at < content.len() {
        if !is_letter(&content[at]) {
            at += PART_BYTES;
            continue;
        }
        let from = content[..at].iter().rposition(|byte| !is_letter(byte)).map_or(0, |before| before + 1);
        let length = content[at..].iter().position(|byte| !is_letter(byte)).unwrap_or(content.len() - at);
        let run = &content[from..at + length];
        let is_part = |window: &[u8]| {
            masked.chunks_exact(PART_BYTES).any(|part| part.iter().zip(window).all(|(a, b)| a ^ MASK == *b))
        };
        count += run.windows(PART_BYTES).filter(|window| is_part(window)).count();
        at += length + PART_BYTES;
    }
    count
}

/// Returns the remains of a needle in a process that ran `case`. If a process may not read the memory of another one,
/// reports that and returns `None`.
fn left_over(case: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let masked = masked_needle();
    let waiting = start(case, folder.path(), &masked);
    match found_in(waiting.0.id(), &masked) {
        Ok(found) => Some(found),
        Err(error) => {
            let reason = format!("the memory of another process cannot be read: {error}");
            Skip::new("/proc", reason).report("secrets that are left in memory");
            None
        }
    }
}

fn assert_nothing_left(cases: &[&str]) {
    let mut left = Vec::new();
    for case in cases {
        for found in left_over(case).into_iter().flatten() {
            left.push(format!("{case}: {found}"));
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_store_on_records_leaves_no_secret_in_memory() {
    assert_nothing_left(&[
        "generic-memory",
        "generic-sqlite",
        "generic-sqlite+bytes",
        "generic-sqlite+structured",
        "generic-sqlite+large",
    ]);
}

#[test]
fn a_store_on_a_file_leaves_no_secret_in_memory() {
    assert_nothing_left(&["convection", "convection+structured", "convection+escaped", "convection+large"]);
}

#[test]
fn a_refused_text_leaves_no_secret_in_memory() {
    assert_nothing_left(&["refused"]);
}

#[test]
fn an_export_and_an_import_leave_no_secret_in_memory() {
    assert_nothing_left(&["bundle", "bundle-pipe"]);
}

#[test]
fn a_mistyped_access_key_leaves_no_secret_in_memory() {
    assert_nothing_left(&["mistyped-key"]);
}

#[test]
fn a_configuration_of_locker_sdk_leaves_no_secret_in_memory() {
    assert_nothing_left(&["sdk-configuration"]);
}

#[test]
fn each_step_leaves_no_secret_in_memory() {
    let cases: Vec<String> = [
        "generic-memory",
        "generic-sqlite",
        "convection",
        "convection+structured",
        "convection+escaped",
        "convection+large",
    ]
    .into_iter()
    .flat_map(|case| (1..=STEPS).map(move |steps| format!("{case}@{steps}")))
    .collect();
    assert_nothing_left(&cases.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_part_is_found_wherever_it_lies() {
    let masked = masked_needle();
    let part: Vec<u8> = masked[48..72].iter().map(|byte| byte ^ MASK).collect();
    for before in 0..80 {
        for filler in [b'a', b'-'] {
            let content = [&vec![filler; before][..], &part, &[filler; 50]].concat();
            assert_eq!(parts_in(&content, &masked), 1, "after {before}");
            assert_eq!(parts_in(&content[..before + 23], &masked), 0);
        }
    }
}

/// Proves that the search finds a secret that is kept or not wiped.
#[test]
fn a_kept_or_unwiped_secret_is_found() {
    for case in ["kept", "dropped", "parsed"] {
        if let Some(found) = left_over(case) {
            assert!(!found.is_empty(), "{case}");
        }
    }
}
