//! A complete host on real files. Run it with `cargo run --example host`.
//!
//! It lists the linked plugins. It opens a store file that Convection's Python plugin wrote, and copies it into a
//! generic store on SQLite. It works with environments, versions and compare-and-set. It lets an application read
//! through the client, with an audit. It makes passwords, and reads a project of the service Locker. It issues logins
//! by SSH key and revokes them, in this process and through a separate executable. It orders certificates, also across
//! a crash, and makes and revokes one with an authority of its own. It lends credentials to sessions, also across a
//! crash. It rotates the keys during reads. It shows the errors for a wrong key, for tampered and swapped records, and
//! for data of another version. It checks every result itself, and exits with 1 if a check fails.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

#[path = "host/accounts.rs"]
mod accounts;
#[path = "host/application.rs"]
mod application;
#[path = "host/damage.rs"]
mod damage;
#[path = "host/local_ca.rs"]
mod local_ca;
#[path = "host/locker.rs"]
mod locker;
#[path = "host/logins.rs"]
mod logins;
#[path = "host/orders.rs"]
mod orders;
#[path = "host/report.rs"]
mod report;
#[path = "host/request_file.rs"]
mod request_file;
#[path = "host/sessions.rs"]
mod sessions;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use keyway::seal::{Key, KeyRing};
use keyway::secrets::{
    EnvironmentChange, EnvironmentFilter, EnvironmentName, ListQuery, ListedSecret, NewEnvironment,
    NewSecret, Progress, SecretAddress, SecretChange, SecretName, SecretStore, SecretVersion, SecretWrite,
    StoreError, StoreName,
};
use keyway::storage::{Sqlite, Storage};
use keyway::stores::{HostedStore, Stores};
use keyway::{Host, Plugins, Registry, SecretValue, Structured, WorkReport, plugins};
use serde_json::json;

use report::{Failure, Report};

/// The plugins of this host.
const PLUGINS: Plugins = plugins! {
    keyway_generic, keyway_convection, keyway_passdb, keyway_locker, keyway_info, keyway_local_ca, keyway_ssh,
    keyway_process, keyway_vaulted
};

/// The number of secrets that the rotation re-encrypts.
const MANY: usize = 1500;

fn main() -> ExitCode {
    // One step of the example starts this program again, as a plugin.
    logins::run_as_plugin(&PLUGINS).unwrap_or_else(host)
}

#[tokio::main]
async fn host() -> ExitCode {
    let mut report = Report::new();
    if let Err(failure) = run(&mut report).await {
        eprintln!("The example could not go on: {failure}");
        return ExitCode::FAILURE;
    }
    if report.summary() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let registry = PLUGINS.registry()?;
    show_plugins(report, &registry);

    let storage: Arc<dyn Storage> = Arc::new(Sqlite::create(folder.path().join("keyway.db"))?);
    let host_keys = new_ring()?;
    let built = Host::builder(registry, Arc::clone(&storage), host_keys.clone()).name("example");
    let worked = Arc::new(AtomicU64::new(0));
    let built = built.observer({
        let worked = Arc::clone(&worked);
        move |_: &WorkReport| {
            worked.fetch_add(1, Ordering::SeqCst);
        }
    });
    let host = logins::add_services(built, folder.path())?.start().await?;
    // This task recovers, and performs due work until the host is told to end.
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let host = host.clone();
        async move { host.run(async { drop(ended.await) }).await }
    });
    let stores = host.stores();

    report.step("A store file that Convection's Python plugin wrote");
    let path = folder.path().join("convection.store");
    std::fs::write(&path, include_bytes!("fixtures/convection.store"))?;
    let python_keys = KeyRing::parse_lines(include_str!("fixtures/convection.keys"))?;
    let name = StoreName::new("from-python")?;
    let python = stores.adopt(&name, "convection-generic", json!({ "path": path }), &python_keys).await?;
    let found = list_all(&python, &ListQuery::all().with_values()).await?;
    report.check(found.len() == 12, &format!("it opens here and holds {} secrets", found.len()));
    let types: BTreeSet<_> = found.iter().filter_map(|listed| listed.value.as_ref()).map(type_of).collect();
    report.check(types.len() >= 6, &format!("of these types: {}", Vec::from_iter(types).join(", ")));
    report.check(
        std::fs::read(&path)? == include_bytes!("fixtures/convection.store"),
        "reading did not change a byte of the file",
    );

    report.step("Copied into a generic store on SQLite");
    let production = StoreName::new("production")?;
    let keys = new_ring()?;
    let store = Arc::new(stores.create(&production, "generic", json!({}), &keys).await?);
    let mut secrets = Vec::new();
    copy(report, &found, &store, &mut secrets).await?;

    environments(report, &store, &mut secrets).await?;
    application::show(report, &store, &mut secrets).await?;
    application::generated_passwords(report, stores, &mut secrets).await?;
    locker::show(report, stores, folder.path(), &mut secrets).await?;
    logins::show(report, host.grants(), folder.path(), &mut secrets).await?;
    orders::show(report, &storage, &host_keys).await?;
    sessions::show(report, &storage, &host_keys).await?;
    accounts::show(report, &storage, &host_keys, &mut secrets).await?;
    local_ca::show(report, &storage, &host_keys, folder.path(), &mut secrets).await?;
    versions(report, &store).await?;
    let new_keys = new_ring()?;
    rotation(report, stores, &store, &keys, &new_keys).await?;

    damage::show(report, stores, &production, &new_keys).await?;
    damage::show_truncated_file(report, stores, folder.path(), &python_keys).await?;

    report.step("The host ends");
    let _ = end.send(());
    running.await??;
    report.check(worked.load(Ordering::SeqCst) == 0, "its loop found no interrupted work");
    restart(report, &storage, &host_keys, &production, &new_keys).await?;
    report.check_no_secret_was_printed(&secrets);
    Ok(())
}

fn show_plugins(report: &mut Report, registry: &Registry) {
    report.step("Linked plugins");
    let mut table = Table::new();
    table.set_header(["kind", "id", "name", "version", "reads data of", "registered at"]);
    for registration in registry.iter() {
        let metadata = registration.metadata();
        table.add_row([
            registration.kind().to_string(),
            registration.id().to_owned(),
            metadata.name().to_owned(),
            metadata.version().to_string(),
            metadata.compatibility().to_string(),
            registration.origin().to_string(),
        ]);
    }
    report.line(&table.to_string());
    report.check(registry.iter().len() == 11, "all plugins of the listed crates are there");
}

async fn copy(
    report: &mut Report,
    found: &[ListedSecret],
    store: &HostedStore,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut writes = Vec::new();
    for listed in found {
        let value = listed.value.clone().ok_or("a list with values has values")?;
        collect_texts(&value, secrets);
        writes.push(SecretWrite::Create(NewSecret::new(listed.header.address.clone(), value)));
    }
    for batch in SecretWrite::batches(writes, store.capabilities().bulk) {
        SecretWrite::write_batch(store, batch).await?;
    }
    let mut equal = 0;
    for listed in found {
        let value = store.get(&listed.header.address).await?.value;
        equal += usize::from(listed.value.as_ref().is_some_and(|read| read.same_as(&value)));
    }
    report.check(equal == found.len(), &format!("{equal} secrets copied, each reads back equal"));
    let info = store.info().await?;
    report.check(
        info.secrets.number == found.len() as u64,
        &format!("info counts {} secrets, {} reads, {} writes", info.secrets.number, info.reads, info.writes),
    );
    Ok(())
}

async fn environments(
    report: &mut Report,
    store: &HostedStore,
    secrets: &mut Vec<String>,
) -> Result<(), Failure> {
    report.step("Environments");
    for name in ["staging", "prod"] {
        let name = EnvironmentName::new(name)?;
        store.create_environment(NewEnvironment { name: name.clone(), external_url: None }).await?;
        let value = format!("password of {name}");
        secrets.push(value.clone());
        let address = SecretAddress::in_environment(SecretName::new("database/password")?, name);
        store.create(NewSecret::new(address, SecretValue::text(value))).await?;
    }
    let staging = EnvironmentName::new("staging")?;
    let change = EnvironmentChange { external_url: Some("staging.example.org".into()) };
    let changed = store.modify_environment(&staging, change).await?;
    report.check(changed.external_url.is_some(), "staging has got an external URL");
    let listed = store.list_environments(None, 10).await?.environments.len();
    report.check(listed == 2, &format!("{listed} environments are listed"));

    let in_staging = SecretAddress::in_environment(SecretName::new("database/password")?, staging.clone());
    let own = store.get(&in_staging).await?;
    let shared = store.get(&address("database/password")?).await?;
    report.check(!own.value.same_as(&shared.value), "the same name has another value in staging");
    let of_staging =
        list_all(store, &ListQuery::all().of(EnvironmentFilter::In(staging.clone()))).await?.len();
    report.check(of_staging == 1, "the list of staging holds its one secret");
    let misspelt = EnvironmentName::new("stagging")?;
    report.refused(
        store.get(&SecretAddress::in_environment(SecretName::new("api key")?, misspelt)).await,
        |error| matches!(error, StoreError::EnvironmentNotFound { .. }),
        "a misspelt environment is not answered from elsewhere",
    );
    Ok(())
}

async fn versions(report: &mut Report, store: &Arc<HostedStore>) -> Result<(), Failure> {
    report.step("Versions and compare-and-set");
    let counter = address("counter")?;
    let created = store.create(NewSecret::new(counter.clone(), SecretValue::text("0"))).await?;
    store.modify(&counter, SecretChange::value(SecretValue::text("0")).if_unchanged(&created)).await?;
    report.refused(
        store.modify(&counter, SecretChange::value(SecretValue::text("0")).if_unchanged(&created)).await,
        |error| matches!(error, StoreError::VersionConflict { .. }),
        "a change on the ground of an old version",
    );
    let mut writers = Vec::new();
    for _ in 0..8 {
        let (store, counter) = (Arc::clone(store), counter.clone());
        writers.push(tokio::spawn(async move {
            for _ in 0..25 {
                add_one(&store, &counter).await?;
            }
            Ok::<_, Failure>(())
        }));
    }
    for writer in writers {
        writer.await??;
    }
    let secret = store.get(&counter).await?;
    report.check(
        secret.value.expose_text() == Some("200") && secret.header.version == SecretVersion::new(202),
        "8 writers added 1 to a number 25 times each, and no update was lost",
    );
    Ok(())
}

/// Adds one to a counter. Reads the counter, and writes it only if no other writer has changed it since.
async fn add_one(store: &HostedStore, counter: &SecretAddress) -> Result<(), Failure> {
    loop {
        let secret = store.get(counter).await?;
        let number: u64 = secret.value.expose_text().ok_or("a text")?.parse()?;
        let change = SecretChange::value(SecretValue::text((number + 1).to_string()));
        match store.modify(counter, change.if_unchanged(&secret.header)).await {
            Ok(_) => return Ok(()),
            Err(StoreError::VersionConflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn rotation(
    report: &mut Report,
    stores: &Stores,
    store: &Arc<HostedStore>,
    old: &KeyRing,
    new: &KeyRing,
) -> Result<(), Failure> {
    report.step("New keys, while reads go on");
    for number in 0..MANY {
        let value = SecretValue::text(format!("value {number}"));
        store.create(NewSecret::new(address(&format!("many/{number}"))?, value)).await?;
    }
    let (done, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let reader = tokio::spawn({
        let (store, done, reads) = (Arc::clone(store), Arc::clone(&done), Arc::clone(&reads));
        async move {
            while !done.load(Ordering::SeqCst) {
                let number = usize::try_from(reads.fetch_add(1, Ordering::SeqCst))? * 7 % MANY;
                let secret = store.get(&address(&format!("many/{number}"))?).await?;
                if secret.value.expose_text() != Some(format!("value {number}").as_str()) {
                    return Err("a read gave another value".into());
                }
            }
            Ok::<_, Failure>(())
        }
    });
    // The progress bar appears only on a terminal.
    let bar = ProgressBar::no_length()
        .with_style(ProgressStyle::with_template("  {bar:40} {pos}/{len} records {elapsed}")?);
    let listener = {
        let bar = bar.clone();
        move |progress: Progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    };
    store.rotate(new, &listener).await?;
    bar.finish();
    done.store(true, Ordering::SeqCst);
    let outcome = reader.await?;
    report.check(bar.position() >= MANY as u64, &format!("{} records have the new keys", bar.position()));
    report.check(
        outcome.is_ok() && reads.load(Ordering::SeqCst) > 0,
        &format!("{} reads went on meanwhile, each with the right value", reads.load(Ordering::SeqCst)),
    );
    let state = store.state().await?;
    report.check(state.keys == [new.primary_id()], "the host has noted down the new key by its name");
    report.check(stores.open_with(store.name(), old).await.is_err(), "the old keys open it no longer");
    let reopened = stores.open_with(store.name(), new).await?;
    report.check(reopened.get(&address("many/0")?).await.is_ok(), "the new ones alone do");
    Ok(())
}

async fn restart(
    report: &mut Report,
    storage: &Arc<dyn Storage>,
    host_keys: &KeyRing,
    production: &StoreName,
    keys: &KeyRing,
) -> Result<(), Failure> {
    report.step("The host starts again");
    let built = Host::builder(PLUGINS.registry()?, Arc::clone(storage), host_keys.clone()).name("example");
    let host = built.store_keys(keys.clone()).start().await?;
    let unfinished = host.recover().await?;
    let stores = host.stores();
    report.check(unfinished.is_empty(), "nothing was left unfinished");
    for summary in stores.list().await? {
        report.line(&format!("       {} ({}, {:?})", summary.name, summary.plugin, summary.state.phase));
    }
    let store = stores.open(production).await?;
    let secrets = list_all(&store, &ListQuery::all().limit(1000)).await?.len();
    report.check(secrets == 12 + 2 + 1 + MANY, &format!("all {secrets} secrets are listed"));
    store.marked_for_delete().await?;
    report.refused(
        store.get(&address("counter")?).await,
        |error| matches!(error, StoreError::Deleted),
        "the store was deleted, and says so",
    );
    Ok(())
}

/// Returns all pages of a list.
async fn list_all(store: &HostedStore, query: &ListQuery) -> Result<Vec<ListedSecret>, StoreError> {
    let mut query = query.clone();
    let mut all = Vec::new();
    loop {
        let page = store.list(&query).await?;
        all.extend(page.secrets);
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(all),
        }
    }
}

fn address(name: &str) -> Result<SecretAddress, Failure> {
    Ok(SecretAddress::shared(SecretName::new(name)?))
}

fn new_ring() -> Result<KeyRing, Failure> {
    Ok(KeyRing::new([Key::generate()?])?)
}

fn type_of(value: &SecretValue) -> &'static str {
    match value.expose_structured() {
        None => "text",
        Some(Structured::Integer(_)) => "integer",
        Some(Structured::Float(_)) => "float",
        Some(Structured::Boolean(_)) => "boolean",
        Some(Structured::DateTime(_)) => "date",
        Some(Structured::Array(_)) => "list",
        Some(Structured::Table(_)) => "table",
        Some(_) => "another",
    }
}

/// Collects the texts in a value, so that the output can be searched for them.
fn collect_texts(value: &SecretValue, texts: &mut Vec<String>) {
    fn within(value: &Structured, texts: &mut Vec<String>) {
        match value {
            Structured::Text(text) => texts.push(text.to_string()),
            Structured::Integer(integer) => texts.push(integer.decimal().to_owned()),
            Structured::Array(items) => items.iter().for_each(|item| within(item, texts)),
            Structured::Table(table) => table.iter().for_each(|(_, item)| within(item, texts)),
            _ => {}
        }
    }
    match (value.expose_text(), value.expose_structured()) {
        (Some(text), _) => texts.push(text.to_owned()),
        (_, Some(structured)) => within(structured, texts),
        _ => {}
    }
}
