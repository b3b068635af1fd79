//! A process that writes until it is killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{ErrorKind, PluginError as _};
use keyway_host::stores::HostedStore;
use keyway_secrets::{
    NewSecret, SecretAddress, SecretChange, SecretHeader, SecretStore as _, SecretVersion, StoreError,
};
use tokio::task::JoinSet;

use super::defect::{self, Defect};
use super::host::{ENVIRONMENT, FILES, Host, RECORDS, address, is_passing, label, ring};
use super::plan::Plan;
use super::{batches, life, value};
use crate::torture::draw::Draw;
use crate::torture::line::{Line, State, say};

/// The number of secrets of a task.
const SECRETS: u64 = 6;
/// The number of secrets that all tasks share, in each store.
const SHARED: u64 = 2;
/// The number of the task that opens the shared stores.
const COORDINATOR: u32 = 100;
/// The number of the task that rotates the shared stores.
const ROTATOR: u32 = 101;
/// The offset from the number of a task to the number under which it reports the keys of its stores.
const KEYS: u32 = 200;

/// Writes until the process is killed, or all tasks did their operations.
pub(super) async fn run(plan: Plan) {
    let host = match Host::start(&plan, plan.slot).await {
        Ok(host) => Arc::new(host),
        Err(error) => return say(&Line::Corrupt(format!("a writer could not start the host: {error}"))),
    };
    let mut tasks = JoinSet::new();
    for name in [RECORDS, FILES] {
        if let Err(error) = begin_main_store(&host, &plan, name).await {
            return say(&Line::Corrupt(format!("a writer could not open {name}: {error}")));
        }
    }
    let draw = Draw::new(plan.seed);
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    let Tasks { on_records, on_files, sharing, batches, making, .. } = plan.tasks;
    for _ in 0..on_records {
        tasks.spawn(Task::new(&host, &plan, next(), &draw).own_secrets(RECORDS));
    }
    for _ in 0..on_files {
        tasks.spawn(Task::new(&host, &plan, next(), &draw).own_secrets(FILES));
    }
    for at in 0..sharing {
        let task = Task::new(&host, &plan, next(), &draw);
        if at % 2 == 0 {
            tasks.spawn(task.compare_and_set());
        } else {
            tasks.spawn(task.overwrite());
        }
    }
    for at in 0..batches {
        let task = Task::new(&host, &plan, next(), &draw);
        tasks.spawn(batches::run(task, if at % 2 == 0 { RECORDS } else { FILES }));
    }
    for _ in 0..making {
        let task = Task::new(&host, &plan, next(), &draw);
        tasks.spawn(life::run(task));
    }
    for name in plan.rotates.clone() {
        rotate(&host, &plan, &name).await;
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            say(&Line::Corrupt(format!("a task ended: {error}")));
        }
    }
    if plan.tasks.operations > 0 {
        host.storage.close();
    }
}

use super::plan::Tasks;

async fn begin_main_store(host: &Host, plan: &Plan, name: &str) -> Result<(), String> {
    let cell = |task, cell: &str, state| say(&Line::Begun { task, cell: cell.to_owned(), state });
    let is_new = match host.open(name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(error.detail()),
        Ok(_) => false,
    };
    // Only the process that creates the store knows its first keys.
    cell(COORDINATOR, name, State::of(name));
    if is_new {
        cell(ROTATOR, &format!("{name}/#keys"), State::of(label(plan.oldest_key)));
    }
    host.main_store(name).await.map_err(|error| error.detail())?;
    say(&Line::Acknowledged { task: COORDINATOR });
    if is_new {
        say(&Line::Acknowledged { task: ROTATOR });
    }
    Ok(())
}

async fn rotate(host: &Host, plan: &Plan, name: &str) {
    let pause = Draw::new(plan.seed).fork(99).below(15);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    let store = match host.open(name).await {
        Ok(store) => store,
        Err(error) => return say(&Line::Corrupt(format!("{name} could not be opened: {}", error.detail()))),
    };
    let new = label(plan.newest_key);
    say(&Line::Begun { task: ROTATOR, cell: format!("{name}/#keys"), state: State::of(&new) });
    for _ in 0..100 {
        match store.rotate(&ring([new.clone()]), &|_| {}).await {
            Ok(()) => return say(&Line::Acknowledged { task: ROTATOR }),
            // The next attempt continues the rotation where it stopped.
            Err(error) if is_passing(error.kind()) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => {
                return say(&Line::Corrupt(format!("{name} could not be rotated: {}", error.detail())));
            }
        }
    }
    say(&Line::Corrupt(format!("{name} could not be rotated in 100 attempts")));
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    Done,
    /// The write did not happen, because another writer was first.
    Refused,
    /// The write did not happen, and the fault was reported.
    Failed,
}

/// A task of a writer.
pub(super) struct Task {
    pub(super) host: Arc<Host>,
    pub(super) plan: Plan,
    pub(super) number: u32,
    pub(super) draw: Draw,
    written: u64,
}

impl Task {
    fn new(host: &Arc<Host>, plan: &Plan, number: u32, draw: &Draw) -> Self {
        let draw = draw.fork(u64::from(number));
        Self { host: Arc::clone(host), plan: plan.clone(), number, draw, written: 0 }
    }

    /// Returns a token that is used only once in a folder.
    pub(super) fn token(&mut self, is_file: bool) -> String {
        self.written += 1;
        let kind = if is_file { 'f' } else { 'r' };
        format!("{kind}{}.{}.{}.{}", self.plan.round, self.plan.slot, self.number, self.written)
    }

    pub(super) fn goes_on(&self, operations: u32) -> bool {
        self.plan.tasks.operations == 0 || operations < self.plan.tasks.operations
    }

    pub(super) fn begin(&self, cell: &str, state: State) {
        say(&Line::Begun { task: self.number, cell: cell.to_owned(), state });
    }

    pub(super) fn acknowledge(&self) {
        say(&Line::Acknowledged { task: self.number });
    }

    /// Does the same as [`begin`](Self::begin) for the keys of a store. The keys are created and deleted with the
    /// store.
    pub(super) fn begin_keys(&self, store: &str, label: &str) {
        let cell = format!("{store}/#keys");
        say(&Line::Begun { task: self.number + KEYS, cell, state: State::of(label) });
    }

    pub(super) fn acknowledge_keys(&self) {
        say(&Line::Acknowledged { task: self.number + KEYS });
    }

    pub(super) fn refuse(&self) {
        say(&Line::Refused { task: self.number });
    }

    /// Opens a store again, and waits until that is possible.
    pub(super) async fn reopen(&self, name: &str) -> Option<HostedStore> {
        for _ in 0..200 {
            match self.host.open(name).await {
                Ok(store) => return Some(store),
                Err(error) if is_passing(error.kind()) => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err(error) => {
                    say(&Line::Corrupt(format!("{name} could not be opened again: {}", error.detail())));
                    return None;
                }
            }
        }
        say(&Line::Corrupt(format!("{name} could not be opened again in 200 attempts")));
        None
    }

    /// Reads a secret and its header, and repeats this until the answer is final.
    ///
    /// Opens the store again if it was rotated to keys that this handle does not have.
    pub(super) async fn read(
        &self,
        store: &mut HostedStore,
        at: &SecretAddress,
    ) -> Option<(State, Option<SecretHeader>)> {
        for _ in 0..200 {
            match store.get(at).await {
                Ok(secret) => {
                    let Some(token) = value::token(&secret.value) else {
                        say(&Line::Corrupt(format!(
                            "{at} holds half a value, or one that was never written"
                        )));
                        return None;
                    };
                    let version = secret.header.version.map(SecretVersion::number);
                    return Some((State::Present { token, version }, Some(secret.header)));
                }
                Err(StoreError::SecretNotFound { .. }) => return Some((State::Absent, None)),
                Err(error) if is_passing(error.kind()) => *store = self.reopen(store.name().as_str()).await?,
                Err(error) => {
                    say(&Line::Corrupt(format!("{at} cannot be read: {}", error.detail())));
                    return None;
                }
            }
        }
        say(&Line::Corrupt(format!("{at} cannot be read in 200 attempts")));
        None
    }

    /// Reports the outcome of a write.
    pub(super) async fn end(
        &self,
        outcome: Result<(), StoreError>,
        store: &mut HostedStore,
        what: &str,
    ) -> Wrote {
        let name = store.name().as_str().to_owned();
        match outcome {
            Ok(()) => {
                self.acknowledge();
                if name == FILES && self.plan.defect == Some(Defect::WritesInPlace) {
                    defect::write_in_place(&Host::files(&self.plan.folder).join("secrets").join(FILES));
                }
                Wrote::Done
            }
            Err(error) if is_passing(error.kind()) => {
                self.refuse();
                if error.kind() == ErrorKind::WrongKey
                    && let Some(again) = self.reopen(&name).await
                {
                    *store = again;
                }
                Wrote::Refused
            }
            Err(error) => {
                self.refuse();
                let kind = error.kind();
                let text = format!("{what} in {name} failed: {}", error.detail());
                // These errors mean that an acknowledged write is missing.
                let lost = matches!(kind, ErrorKind::NotFound | ErrorKind::AlreadyExists);
                say(&if lost { Line::Lost(text) } else { Line::Corrupt(text) });
                Wrote::Failed
            }
        }
    }

    /// Creates, modifies, destroys and reads secrets that no other task changes.
    async fn own_secrets(mut self, name: &'static str) {
        let Some(mut store) = self.reopen(name).await else { return };
        let mut known: BTreeMap<String, State> = BTreeMap::new();
        let mut operations = 0;
        while self.goes_on(operations) {
            operations += 1;
            let secret = self.own_name(name);
            let at = address(&secret);
            let cell = format!("{name}/{secret}");
            let there = match known.get(&secret) {
                Some(there) => there.clone(),
                None => match self.read(&mut store, &at).await {
                    Some((there, _)) => there,
                    None => return,
                },
            };
            let is_there = there != State::Absent;
            let token = self.token(name == FILES);
            let choice = self.draw.below(10);
            let (wrote, becomes) = if !is_there {
                self.begin(&cell, State::of(&token));
                let outcome = store.create(NewSecret::new(at, value::of(&token))).await.map(|_| ());
                (self.end(outcome, &mut store, "create").await, State::of(token))
            } else if choice < 6 {
                self.begin(&cell, State::of(&token));
                let outcome = store.modify(&at, SecretChange::value(value::of(&token))).await.map(|_| ());
                (self.end(outcome, &mut store, "modify").await, State::of(token))
            } else if choice < 8 {
                self.begin(&cell, State::Absent);
                let outcome = store.destroy(&at, None).await;
                (self.end(outcome, &mut store, "destroy").await, State::Absent)
            } else {
                match self.read(&mut store, &at).await {
                    Some((found, _)) if found.is_same_value(&there) => {}
                    Some((found, _)) => say(&Line::Lost(format!("{cell} reads {found}, and was {there}"))),
                    None => return,
                }
                (Wrote::Refused, there.clone())
            };
            match wrote {
                Wrote::Done => known.insert(secret, becomes),
                Wrote::Refused => known.insert(secret, there),
                Wrote::Failed => return,
            };
        }
    }

    fn own_name(&mut self, store: &str) -> String {
        let name = format!("own-{}-{}-{}", self.plan.slot, self.number, self.draw.below(SECRETS));
        if store == RECORDS && self.number.is_multiple_of(2) { format!("{ENVIRONMENT}:{name}") } else { name }
    }

    /// Changes secrets that all writers change. Each change is based on a version that the task has read.
    async fn compare_and_set(mut self) {
        let Some(mut store) = self.reopen(RECORDS).await else { return };
        let mut operations = 0;
        while self.goes_on(operations) {
            operations += 1;
            let secret = format!("chain-{}", self.draw.below(SHARED));
            let at = address(&secret);
            let cell = format!("{RECORDS}/{secret}");
            let token = self.token(false);
            let Some((there, header)) = self.read(&mut store, &at).await else { return };
            let version = there.version().unwrap_or(0);
            self.begin(&cell, State::versioned(&token, version + 1));
            let outcome = match header {
                None => store.create(NewSecret::new(at, value::of(&token))).await,
                Some(read) => {
                    let change = SecretChange::value(value::of(&token)).if_unchanged(&read);
                    store.modify(&at, change).await
                }
            };
            match outcome {
                Ok(header) => {
                    let got = header.version.map(SecretVersion::number);
                    if got != Some(version + 1) {
                        say(&Line::Corrupt(format!("{cell} got version {got:?} after {version}")));
                    }
                    self.acknowledge();
                }
                Err(StoreError::SecretExists { .. }) => self.refuse(),
                other => {
                    if self.end(other.map(|_| ()), &mut store, "compare-and-set").await == Wrote::Failed {
                        return;
                    }
                }
            }
        }
    }

    /// Overwrites secrets in the store on a file. All writers share these secrets, and no writer reads them first.
    async fn overwrite(mut self) {
        let Some(mut store) = self.reopen(FILES).await else { return };
        let mut operations = 0;
        while self.goes_on(operations) {
            operations += 1;
            let secret = format!("shared-{}", self.draw.below(SHARED));
            let at = address(&secret);
            let token = self.token(true);
            self.begin(&format!("{FILES}/{secret}"), State::of(&token));
            let mut outcome = store.modify(&at, SecretChange::value(value::of(&token))).await.map(|_| ());
            if matches!(outcome, Err(StoreError::SecretNotFound { .. })) {
                outcome = store.create(NewSecret::new(at, value::of(&token))).await.map(|_| ());
            }
            if matches!(outcome, Err(StoreError::SecretExists { .. })) {
                self.refuse();
            } else if self.end(outcome, &mut store, "overwrite").await == Wrote::Failed {
                return;
            }
        }
    }
}
