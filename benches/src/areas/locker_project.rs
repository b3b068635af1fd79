//! Measures the plugin `locker`, which reads a project of Locker's service.

use std::sync::Arc;
use std::time::Duration;

use keyway_client::Credentials;
use keyway_core::{Plugins, Resources};
use keyway_locker::double::{LockerDouble, RawSecret};
use keyway_secrets::seal::{Key, KeyRing};
use keyway_secrets::{
    ListQuery, OpenContext, SecretAddress, SecretName, SecretStore, SecretStores, StoreName,
};
use pollster::block_on;
use serde_json::{Value, json};

use super::BenchError;
use crate::measure::{Clock, Plan, compare, time};
use crate::peers::locker_project::{BareProject, Plain};
use crate::row::{Row, Target};

const PLUGINS: Plugins = keyway_core::plugins! { keyway_locker };
const LISTED: usize = 10_000;
/// The number of secrets in a page of the client.
const PAGE: usize = 1000;
/// The plan for lists. It uses the wall clock, because the service works in threads of this process, and Keyway and its
/// peer both wait for the service.
const LISTS: Plan = Plan { clock: Clock::Wall, rounds: 21, batch: Duration::from_millis(1) };

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    Ok(vec![kept_get(area)?, list(area)?])
}

fn kept_get(area: &'static str) -> Result<Row, BenchError> {
    let double = LockerDouble::start()?;
    double.put_environment("prod", "");
    double.put_secret("REDIS_CONNECTION", Some("prod"), "redis://localhost", "of the shop");
    let store = open(&double, json!({ "proxy": "none", "max_age_seconds": 86_400 }))?;
    let address = SecretAddress {
        environment: Some(keyway_secrets::EnvironmentName::new("prod")?),
        name: SecretName::new("REDIS_CONNECTION")?,
    };
    let get = || block_on(store.get(&address)).expect("a get that is measured succeeds");
    if get().value.expose_text() != Some("redis://localhost") {
        return Err("the store has another value".into());
    }
    double.take_requests();
    let nanoseconds = time(Plan::COMPUTATION, get);
    if !double.take_requests().is_empty() {
        return Err("a get that is kept asks the service".into());
    }
    Ok(Row::alone(area, "a get of the plugin locker whose answer is kept", nanoseconds / 1e3, "us")
        .must(Target::ValueAtMost(20.0)))
}

fn list(area: &'static str) -> Result<Row, BenchError> {
    let double = LockerDouble::start()?;
    double.put_environment("prod", "");
    let like = double.put_secret("LIKE", Some("prod"), "", "");
    let like = double.raw_secret(&like).ok_or("the secret is not there")?;
    for number in 1..LISTED {
        let name = format!("SECRET_{number:05}");
        let texts = RawSecret {
            key: double.sealed(&name),
            value: double.sealed(&format!("the value of {name}")),
            hash: double.lookup_hash(&name),
            ..if number % 2 == 0 { like.clone() } else { RawSecret::default() }
        };
        double.put_raw_secret(texts);
    }
    let store = open(&double, json!({ "proxy": "none" }))?;
    let bare = BareProject::open(&double)?;
    let mut ours = listed(&*store)?;
    let mut theirs = bare.secrets()?;
    ours.sort();
    theirs.sort();
    if ours.len() != LISTED || ours != theirs {
        return Err("the lists differ".into());
    }
    let compared = compare(
        LISTS,
        || listed(&*store).expect("a list that is measured succeeds"),
        || bare.secrets().expect("a list that is measured succeeds"),
    );
    let name =
        "10,000 secrets of the plugin locker with values, in pages of 1,000; bare requests and decryption";
    Ok(Row::compared(area, name, compared).must(Target::RatioAtMost(1.5)))
}

/// Lists all secrets page by page with their values, as a client does.
fn listed(store: &dyn SecretStore) -> Result<Vec<Plain>, BenchError> {
    let mut query = ListQuery::all().with_values().limit(PAGE);
    let mut secrets = Vec::new();
    loop {
        let page = block_on(store.list(&query))?;
        for secret in page.secrets {
            let address = secret.header.address;
            let value = secret.value.ok_or("no value")?.expose_text().ok_or("no text")?.to_owned();
            let environment = address.environment.map(|name| name.as_str().to_owned());
            secrets.push((address.name.as_str().to_owned(), environment, value));
        }
        let Some(next) = page.next else { return Ok(secrets) };
        query = query.after(next);
    }
}

fn open(double: &LockerDouble, configuration: Value) -> Result<Arc<dyn SecretStore>, BenchError> {
    let registry = PLUGINS.registry()?;
    let plugin = registry.get::<SecretStores>("locker")?;
    let credentials = Credentials::source()
        .access_key_id(double.access_key_id())
        .secret_access_key(double.secret_access_key())
        .api_base(double.base())
        .resolve()?;
    let context = OpenContext::new(
        StoreName::new("project")?,
        plugin.metadata().clone(),
        KeyRing::new([Key::generate()?])?,
    )
    .with_configuration(configuration)
    .with_resources(Resources::new().with(credentials));
    Ok(plugin.open(&context)?)
}
