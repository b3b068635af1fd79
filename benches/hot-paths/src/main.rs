//! Runs one hot path a given number of times: `keyway-hot-paths PATH TIMES`.
//!
//! `cargo xtask instructions` runs it twice under callgrind, with different values of `TIMES`. The difference between
//! the two instruction counts is the cost of the path itself, without start and preparation.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod grant;
mod session;

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use keyway_core::{Compatibility, Plugins, Resources, SecretValue, Version, plugins};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    NewSecret, OpenContext, SecretAddress, SecretName, SecretStore, SecretStores, StoreName,
};
use keyway_storage::{Memory, Storage};
use pollster::block_on;

const PLUGINS: Plugins = plugins! { keyway_generic };
const RANGE: &str = ">=:1.0,<:2.0";
/// The number of secrets in the store before the first `get`.
const FILLED: u32 = 1000;

type Failure = Box<dyn Error>;
type HotPath = fn(u32) -> Result<(), Failure>;

const HOT_PATHS: [(&str, HotPath); 12] = [
    ("parse", parse),
    ("match", matching),
    ("look-up", look_up),
    ("seal", seal),
    ("open", open),
    ("get", get),
    ("create", create),
    ("grant", grant::request_and_revoke),
    ("session-with-leases", session::with_leases),
    ("session", session::without_leases),
    ("search", session::search),
    ("guarded-calls", session::guarded_calls),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => {
            for (name, _) in HOT_PATHS {
                println!("{name}");
            }
            Ok(())
        }
        [name, times] => run(name, times),
        _ => Err("usage: keyway-hot-paths list | PATH TIMES".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, times: &str) -> Result<(), Failure> {
    let (_, path) = HOT_PATHS.iter().find(|(known, _)| *known == name).ok_or("no such path")?;
    path(times.parse()?)
}

fn parse(times: u32) -> Result<(), Failure> {
    for _ in 0..times {
        black_box(Compatibility::parse(black_box(RANGE))?);
    }
    Ok(())
}

fn matching(times: u32) -> Result<(), Failure> {
    let (range, version) = (Compatibility::parse(RANGE)?, Version::parse("1.4.2")?);
    for _ in 0..times {
        black_box(black_box(&range).matches(black_box(&version)));
    }
    Ok(())
}

/// A value that begins at a page boundary. The C library needs more instructions to compare two texts if their
/// addresses could be near the end of a page, and the addresses of literals change with every build.
#[repr(align(4096))]
struct AtPage<const N: usize>([u8; N]);

fn look_up(times: u32) -> Result<(), Failure> {
    let registry = PLUGINS.registry()?;
    let id = AtPage(*b"generic");
    let id = std::str::from_utf8(&id.0)?;
    for _ in 0..times {
        black_box(registry.get::<SecretStores>(black_box(id))?);
    }
    Ok(())
}

/// Returns the same key every time, so that every run does the same work.
fn ring() -> Result<KeyRing, Failure> {
    Ok(KeyRing::new([Key::from_bytes(&mut [7; 32])])?)
}

fn seal(times: u32) -> Result<(), Failure> {
    let ring = ring()?;
    for _ in 0..times {
        black_box(ring.seal(black_box(&[b'v'; 64]))?);
    }
    Ok(())
}

fn open(times: u32) -> Result<(), Failure> {
    let ring = ring()?;
    let token = ring.seal(&[b'v'; 64])?;
    for _ in 0..times {
        black_box(ring.open(black_box(token.as_bytes()))?);
    }
    Ok(())
}

fn store() -> Result<Arc<dyn SecretStore>, Failure> {
    let registry = PLUGINS.registry()?;
    let plugin = registry.get::<SecretStores>("generic")?;
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let opening = OpenContext::new(StoreName::new("hot-paths")?, plugin.metadata().clone(), ring()?)
        .with_resources(Resources::new().with(storage));
    let store = plugin.open(&opening)?;
    block_on(store.initialize())?;
    Ok(store)
}

fn address(number: u32) -> Result<SecretAddress, Failure> {
    Ok(SecretAddress::shared(SecretName::new(format!("secret-{number:08}"))?))
}

fn get(times: u32) -> Result<(), Failure> {
    let store = store()?;
    fill(&*store, 0..FILLED)?;
    for number in 0..times {
        black_box(block_on(store.get(&address(number % FILLED)?))?);
    }
    Ok(())
}

fn create(times: u32) -> Result<(), Failure> {
    fill(&*store()?, 0..times)
}

fn fill(store: &dyn SecretStore, numbers: std::ops::Range<u32>) -> Result<(), Failure> {
    for number in numbers {
        let value = SecretValue::text("a value of sixty-four characters, as many a password has today.");
        block_on(store.create(NewSecret::new(address(number)?, value)))?;
    }
    Ok(())
}
