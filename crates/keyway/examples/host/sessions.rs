//! Shows sessions: one logs in, one fails to authenticate, one waits in the queue for another, one loses its host, and
//! one has a lease that ends by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyway::credentials::{
    Connection, CredentialStore, CredentialStoreName, Holder, Password, Passwords, PrivateKeys, SessionId,
};
use keyway::seal::KeyRing;
use keyway::sessions::{FetchRequest, LeaseQuery, NewSession, Session, Transition, Vault};
use keyway::storage::Storage;
use keyway::{Host, Registry};
use keyway_conformance::credentials::{Fault, ScriptedStore, Step, StoreCall};
use tokio::task::JoinHandle;

use crate::report::{Failure, Report};

/// The lines of the audit.
type Audit = Arc<Mutex<Vec<String>>>;

/// A gateway: a host for sessions, and the task that runs it.
struct Gateway {
    host: Host,
    running: JoinHandle<()>,
}

impl Gateway {
    /// Starts a host for sessions. It shares the storage engine with the example's other hosts.
    async fn start(
        (storage, keys): (&Arc<dyn Storage>, &KeyRing),
        store: &ScriptedStore,
        audit: &Audit,
    ) -> Result<Self, Failure> {
        let store = Arc::new(store.reopened()) as Arc<dyn CredentialStore>;
        let audit = Arc::clone(audit);
        let host = Host::builder(Registry::builder().build()?, Arc::clone(storage), keys.clone())
            .name("gateway")
            .takeover_after(Duration::ZERO)
            .vault(Vault::with_store(hall()?, store))
            .session_audit(move |transition: &Transition<'_>| {
                audit.lock().unwrap_or_else(PoisonError::into_inner).push(transition.to_string());
            })
            .start()
            .await?;
        let running = tokio::spawn({
            let host = host.clone();
            // The host is dropped when the task ends, as at the end of a process.
            async move { drop(host.run(std::future::pending()).await) }
        });
        Ok(Self { host, running })
    }

    fn begin(&self, session: &str) -> Result<Session, Failure> {
        let mut connection = Connection::new(SessionId::new(session)?);
        connection.gateway_username = Some("joe".into());
        connection.server_username = Some("root".into());
        connection.server_hostname = Some("web1".into());
        Ok(self.host.sessions().begin(NewSession::new(connection))?)
    }
}

fn hall() -> Result<CredentialStoreName, Failure> {
    Ok(CredentialStoreName::new("hall")?)
}

async fn until(what: &str, is: impl Fn() -> bool) -> Result<(), Failure> {
    for _ in 0..2_000 {
        if is() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(format!("this did not happen: {what}").into())
}

fn reasons(store: &ScriptedStore) -> Vec<String> {
    let effects = store.effects().into_iter().filter(|effect| effect.call == StoreCall::CheckIn);
    effects.filter_map(|effect| effect.reason).collect()
}

pub(crate) async fn show(
    report: &mut Report,
    storage: &Arc<dyn Storage>,
    keys: &KeyRing,
) -> Result<(), Failure> {
    report.step("Credentials for sessions");
    let own = ScriptedStore::CAPABILITIES.own_accounts(false).own_assets(false);
    let store = ScriptedStore::new().with_account("root").with_capabilities(own).exclusive(true);
    let audit = Audit::default();
    let gateway = Gateway::start((storage, keys), &store, &audit).await?;
    let (request, hall) = (FetchRequest::new, hall()?);

    let session = gateway.begin("logs in")?;
    let keys_of = session.fetch::<PrivateKeys>(&hall, request()).await?.found();
    let passwords = session.fetch::<Passwords>(&hall, request()).await?.found();
    session.authentication_completed().await?;
    session.end().await?;
    let password = passwords.iter().flat_map(|found| &found.credentials).map(Password::expose).next();
    let password = password.map(str::to_owned).unwrap_or_default();
    report.check(
        keys_of.is_some() && !password.is_empty() && reasons(&store) == ["Unused", "Used"],
        "a session logs in with a password, and both check-outs are returned with their reasons",
    );

    let session = gateway.begin("fails")?;
    session.fetch::<Passwords>(&hall, request()).await?;
    session.authentication_failed().await?;
    let returned = reasons(&store);
    session.end().await?;
    report.check(
        returned.last().is_some_and(|reason| reason == "AuthenticationFailed"),
        "a session whose authentication fails returns its credentials at once",
    );

    let first = gateway.begin("first")?;
    first.fetch::<Passwords>(&hall, request()).await?;
    let second = gateway.begin("second")?;
    let asked = store.count(StoreCall::Passwords);
    let waiting = tokio::spawn({
        let (second, hall) = (second.clone(), hall.clone());
        async move { second.fetch::<Passwords>(&hall, FetchRequest::new()).await }
    });
    until("the second session waits", || store.count(StoreCall::Passwords) > asked).await?;
    let joe = LeaseQuery::Holder(Holder::new("joe")?);
    let held = gateway.host.sessions().leases(&joe, None, 10).await?.leases;
    report.check(
        held.len() == 1 && held[0].session.as_str() == "first",
        "an operator sees who holds the account",
    );
    first.end().await?;
    let found = waiting.await??.found();
    report.check(found.is_some(), "a session waits in the queue, and has the account when it is free");
    second.end().await?;

    // The host dies after the check-out, before it receives the answer.
    store.script(StoreCall::Passwords, [Step::fault(Fault::HangsAfterwards)]);
    let session = gateway.begin("is lost")?;
    let fetching = tokio::spawn({
        let (session, hall) = (session.clone(), hall.clone());
        async move { drop(session.fetch::<Passwords>(&hall, FetchRequest::new()).await) }
    });
    until("the account is checked out", || store.held().len() == 1).await?;
    fetching.abort();
    gateway.running.abort();
    std::mem::forget(session);
    let gateway = Gateway::start((storage, keys), &store, &audit).await?;
    until("the lost session is settled", || store.held().is_empty()).await?;
    report.check(
        reasons(&store).last().is_some_and(|reason| reason == "HostLost") && store.doubled().is_empty(),
        "a check-out of a host that died is found out about, and returned",
    );
    gateway.running.abort();

    let short = store.clone().lease_time(Duration::from_millis(1_500)).with_capabilities(own.renews(false));
    let gateway = Gateway::start((storage, keys), &short, &audit).await?;
    let session = gateway.begin("goes on")?;
    session.fetch::<Passwords>(&hall, request()).await?;
    session.fetch::<Passwords>(&hall, request()).await?;
    until("the lease is returned", || reasons(&store).last().is_some_and(|reason| reason == "Expired"))
        .await?;
    report.check(store.held().is_empty(), "a lease is returned before it ends, without anybody asking");
    session.end().await?;
    let lines = std::mem::take(&mut *audit.lock().unwrap_or_else(PoisonError::into_inner));
    let is_clean = !lines.iter().any(|line| line.contains(&password));
    report.check(lines.len() > 30 && is_clean, "the audit has a line for each step, and none has a secret");
    gateway.running.abort();
    Ok(())
}
