//! Measures the credential store over secret stores: a check-out and its check-in, against bare commits of the same
//! rows.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use keyway_core::{Plugins, Resources, plugins};
use keyway_credentials::{
    Account, Asset, Candidate, CheckIn, CheckInReason, Connection, CredentialStore, CredentialStoreName,
    CredentialStores, Fetch, FetchOutcome, IntentId, OpenContext, SessionContext, SessionId,
};
use keyway_secrets::{
    EnvironmentName, HostStores, NewEnvironment, NewSecret, SecretAddress, SecretName, StoreName,
};
use keyway_storage::Sqlite;
use keyway_vaulted::StoredAccount;
use pollster::block_on;

use super::BenchError;
use crate::generic_store::GenericStore;
use crate::peers::{commits::compare_commits, recording::Recording, sqlite::BareTable};
use crate::row::{Row, Target};

const PLUGINS: Plugins = plugins! { keyway_vaulted };
const CALLS: u32 = 5;

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let folder = tempfile::tempdir()?;
    let recording = Recording::of(Arc::new(Sqlite::create(folder.path().join("keyway.db"))?));
    let secrets = GenericStore::over(Arc::clone(&recording) as _)?;
    let root = Candidate::new(Account::new("root")?, Asset::new("web1")?);
    let web1 = EnvironmentName::new("web1")?;
    let environment = NewEnvironment { name: web1.clone(), external_url: None };
    block_on(secrets.store().create_environment(environment))?;
    let address = SecretAddress::in_environment(SecretName::new("root")?, web1);
    let account = StoredAccount::new().with_password("not a real one").to_value();
    block_on(secrets.store().create(NewSecret::new(address, account)))?;
    let store = open(&secrets)?;

    let table = BareTable::create(&folder.path().join("table.db"))?;
    let number = Cell::new(0_u64);
    let (times, commits) = compare_commits(&recording.0, table, CALLS, || {
        number.set(number.get() + 1);
        check_out_and_in(&*store, &root, number.get()).expect("a check-out that is measured succeeds");
    })?;
    let name = "check-out and check-in of keyway-vaulted, SQLite; bare commits of its rows";
    Ok(vec![
        Row::compared(area, name, times.compared(0, 1)).must(Target::RatioAtMost(1.3)),
        Row::alone(area, "its durable commits", f64::from(commits), "")
            .must(Target::ValueAtMost(2.0))
            .noting("one for each of the two calls"),
    ])
}

fn open(secrets: &GenericStore) -> Result<Arc<dyn CredentialStore>, BenchError> {
    let stores = BTreeMap::from([(StoreName::new("accounts")?, Arc::clone(secrets.store()))]);
    let registry = PLUGINS.registry()?;
    let plugin = registry.get::<CredentialStores>("vaulted")?;
    let opening = OpenContext::new(CredentialStoreName::new("bench")?, plugin.metadata().clone())
        .with_configuration(serde_json::json!({ "store": "accounts" }))
        .with_resources(Resources::new().with::<Arc<dyn HostStores>>(Arc::new(stores)));
    Ok(plugin.open(&opening)?)
}

fn check_out_and_in(store: &dyn CredentialStore, root: &Candidate, number: u64) -> Result<(), BenchError> {
    let intent = |what: &str| IntentId::new(format!("{what}-{number}")).ok_or("an intent");
    let session = SessionContext::new(Connection::new(SessionId::new(format!("session-{number}"))?));
    let fetch = Fetch::new(root.clone(), session.clone()).with_intent(intent("fetch")?);
    let FetchOutcome::Found(found) = block_on(store.passwords(&fetch))? else {
        return Err("the account is free".into());
    };
    let lease = found.lease.ok_or("a lease")?;
    let check_in = CheckIn::new(intent("return")?, lease, root.clone(), session, CheckInReason::Used);
    block_on(store.check_in(&check_in))?;
    Ok(())
}
