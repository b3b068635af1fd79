//! Implements the guard as a store: it makes only declared calls to the plugin, and returns only
//! answers that keep the contract.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{CallError, PluginMetadata, Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentFilter, EnvironmentName,
    EnvironmentPage, ListQuery, NewEnvironment, NewSecret, OpenContext, Progress, RotationListener, Secret,
    SecretAddress, SecretChange, SecretHeader, SecretPage, SecretRevision, SecretStore, SecretStorePlugin,
    SecretWrite, StoreError, StoreInfo,
};
use tokio::sync::watch;
use tokio::time::sleep;

use super::reported::Reported;
use super::verdict::{self, Asked, Violation};
use crate::plugin::{Calls, Factory, Guard, Pace, printable};
use crate::work::Limits;

/// A store behind a guard. It is a [`SecretStore`] itself, and its caller gets an answer whatever the plugin does:
///
/// * a call that takes too long is [`DeadlineExceeded`](CallError::DeadlineExceeded); a plugin that
///   hangs is [`Quarantined`](CallError::Quarantined) until its call returns;
/// * a panic is [`Panicked`](CallError::Panicked), and another instance is made (decision R4);
///   while that fails, every call is [`NotReopened`](CallError::NotReopened), and making one is
///   retried at most once a second;
/// * an answer that does not fit the question or the declared capabilities is discarded as a
///   [`ContractViolation`](CallError::ContractViolation);
/// * an operation that the plugin does not declare is [`Unsupported`](StoreError::Unsupported), and
///   the plugin is not called.
///
/// A process cannot contain an abort, an exit, a stack overflow or running out of memory. It can contain a panic only
/// with `panic = "unwind"`, which is Rust's default.
///
/// A guarded store needs a tokio runtime. Dropping one of its futures cancels the plugin's call.
#[derive(Debug)]
pub struct GuardedStore {
    guard: Guard<Maker>,
    /// How long a rotation may go without progress.
    stall: Duration,
    /// The capabilities at opening. They never change during the life of the handle.
    at_first: Capabilities,
}

struct Maker {
    plugin: &'static dyn SecretStorePlugin,
    opening: OpenContext,
}

impl Factory for Maker {
    type Instance = dyn SecretStore;
    type Error = StoreError;

    fn make(&self) -> Result<Arc<dyn SecretStore>, StoreError> {
        self.plugin.open(&self.opening)
    }
}

impl GuardedStore {
    /// Opens a store behind a guard, without I/O.
    ///
    /// # Errors
    /// Those of [`SecretStorePlugin::open`].
    pub fn open(
        plugin: &'static dyn SecretStorePlugin,
        opening: OpenContext,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        Self::open_sharing(plugin, opening, limits, Arc::default())
    }

    /// Opens another handle to a store. All handles with the same `calls` share the hanging calls, the observed polls
    /// and the blocking threads.
    pub(crate) fn open_sharing(
        plugin: &'static dyn SecretStorePlugin,
        opening: OpenContext,
        Limits { deadline, isolation, stall, .. }: Limits,
        calls: Arc<Calls>,
    ) -> Result<Self, StoreError> {
        let guard = Guard::open(Maker { plugin, opening }, (deadline, isolation), calls)?;
        let at_first = guard.look("capabilities", SecretStore::capabilities);
        Ok(Self { guard, stall, at_first: at_first.unwrap_or(Capabilities::MINIMAL) })
    }

    /// Returns the metadata of the running plugin.
    pub fn metadata(&self) -> PluginMetadata {
        self.guard.with_maker(|maker| maker.opening.metadata.clone())
    }

    /// Returns the capabilities that the plugin declares.
    ///
    /// # Errors
    /// [`Panicked`](CallError::Panicked) if the plugin panics, [`NotReopened`](CallError::NotReopened) if an earlier
    /// call panicked and the plugin could not be reopened.
    pub fn declared(&self) -> Result<Capabilities, StoreError> {
        self.guard.look("capabilities", SecretStore::capabilities)
    }

    /// Checks the writer of the data, as every opening of a store does; `None` if there is no data. A store without the
    /// capability `tracks_writer` is asked for its `info` instead, and its data counts as written by the running plugin
    /// (decision C4).
    ///
    /// # Errors
    /// [`Incompatible`](StoreError::Incompatible), and those of [`SecretStore::written_by`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn check_written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        if !self.declared()?.tracks_writer {
            return match self.info().await {
                Ok(_) => Ok(Some(self.metadata().written_by())),
                Err(StoreError::NotInitialized) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let written_by = self.written_by().await?;
        if let Some(written_by) = &written_by {
            self.metadata().check(written_by)?;
        }
        Ok(written_by)
    }

    /// Initializes the store, as [`SecretStore::initialize`] does. `held` is kept until the plugin's call has ended,
    /// even if its caller went away.
    pub(crate) async fn initialize_holding(
        &self,
        held: impl Send + Sync + 'static,
    ) -> Result<(), StoreError> {
        self.call("initialize")?.pass(held, |store, _| store.initialize()).await
    }

    /// Deletes the store, as [`SecretStore::marked_for_delete`] does, and keeps `held` as
    /// [`initialize_holding`](Self::initialize_holding) does.
    pub(crate) async fn delete_holding(&self, held: impl Send + Sync + 'static) -> Result<(), StoreError> {
        let call = self
            .call("marked_for_delete")?
            .needing("deletion of the store", |declared| declared.deletable)?;
        call.pass(held, |store, _| store.marked_for_delete()).await
    }

    /// Rotates the store, as [`SecretStore::rotate`] does, and keeps `held` as
    /// [`initialize_holding`](Self::initialize_holding) does.
    pub(crate) async fn rotate_holding(
        &self,
        new: &KeyRing,
        listener: &dyn RotationListener,
        held: impl Send + 'static,
    ) -> Result<(), StoreError> {
        let call = self.call("rotate")?.needing("rotation", |declared| declared.rotates)?;
        let (operation, guard) = (call.operation, call.guard);
        let (instance, notes_panic) = guard.instance(operation)?;
        // If an instance is made during the rotation, it must read with both rings of keys.
        guard.with_maker(|maker| maker.opening.keys = new.with_retiring(&maker.opening.keys));
        let (sender, mut reports) = watch::channel(Reported::NOTHING);
        let (keys, stall) = (new.clone(), self.stall);
        let mut running = guard.start(operation, stall, call.pace(), async move {
            let _kept = (held, notes_panic);
            let report = move |progress: Progress| {
                sender.send_if_modified(|reported| reported.add(progress));
            };
            instance.rotate(&keys, &report).await
        })?;

        let mut told = Reported::NOTHING;
        let mut stalled = pin!(sleep(stall));
        let outcome = loop {
            tokio::select! {
                biased;
                Ok(()) = reports.changed() => {
                    let reported = *reports.borrow_and_update();
                    if reported.tell(&told, listener) {
                        stalled.set(sleep(stall));
                    }
                    told = reported;
                    if let Err(violation) = reported.verdict() {
                        guard.end(operation, running).await;
                        return judged(operation, Err(violation));
                    }
                }
                answer = running.answer() => break answer,
                // The wait for a thread does not count.
                () = &mut stalled => match running.rest_of(stall) {
                    Duration::ZERO => return Err(guard.give_up(operation, stall, running).await),
                    rest => stalled.set(sleep(rest)),
                },
            }
        };
        let reported = *reports.borrow();
        reported.tell(&told, listener);
        let outcome = outcome.map_err(|panicked| guard.after_panic(operation, panicked))?;
        outcome.map_err(|error| printable(operation, error))?;
        guard.with_maker(|maker| maker.opening.keys = new.clone());
        judged(operation, reported.verdict())
    }

    fn call(&self, operation: &'static str) -> Result<GuardedCall<'_>, StoreError> {
        Ok(GuardedCall { guard: &self.guard, operation, declared: self.declared()? })
    }
}

/// A call of the plugin that needs only declared capabilities.
struct GuardedCall<'g> {
    guard: &'g Guard<Maker>,
    operation: &'static str,
    declared: Capabilities,
}

/// The future of the plugin's answer.
type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl GuardedCall<'_> {
    fn needing(self, what: &'static str, has: impl FnOnce(Capabilities) -> bool) -> Result<Self, StoreError> {
        if has(self.declared) { Ok(self) } else { Err(StoreError::Unsupported { what }) }
    }

    fn with_environments(self) -> Result<Self, StoreError> {
        self.needing("environments", |declared| declared.environments)
    }

    fn at(self, address: &SecretAddress) -> Result<Self, StoreError> {
        if address.environment.is_some() { self.with_environments() } else { Ok(self) }
    }

    /// Asks the plugin, and checks its answer against the question.
    async fn ask<Q, T>(
        self,
        question: Q,
        ask: impl for<'a> FnOnce(&'a dyn SecretStore, &'a Q) -> Answering<'a, T> + Send + 'static,
        judge: impl FnOnce(Capabilities, &Q, &T) -> Result<(), Violation> + Send + 'static,
    ) -> Result<T, StoreError>
    where
        Q: Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        let (operation, declared) = (self.operation, self.declared);
        let work = move |store: Arc<dyn SecretStore>| async move {
            let answer = ask(&*store, &question).await?;
            judged(operation, judge(declared, &question, &answer))?;
            Ok(answer)
        };
        self.guard.call(operation, self.pace(), work).await
    }

    /// Asks the plugin a question whose answer needs no check beyond its type.
    async fn pass<Q: Send + Sync + 'static, T: Send + Sync + 'static>(
        self,
        question: Q,
        ask: impl for<'a> FnOnce(&'a dyn SecretStore, &'a Q) -> Answering<'a, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(question, ask, |_, _, _| Ok(())).await
    }

    /// Returns the store's declaration about the operation.
    fn pace(&self) -> Pace {
        const READS: [&str; 3] = ["get", "written_by", "retrieve_environment"];
        let Capabilities { blocking, prompt, prompt_reads, .. } = self.declared;
        Pace::declared(blocking, prompt || (prompt_reads && READS.contains(&self.operation)))
    }
}

#[async_trait]
impl SecretStore for GuardedStore {
    fn capabilities(&self) -> Capabilities {
        self.declared().unwrap_or(self.at_first)
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        let call = self.call("written_by")?.needing("who wrote last", |declared| declared.tracks_writer)?;
        call.pass((), |store, ()| store.written_by()).await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        self.initialize_holding(()).await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        self.rotate_holding(new, listener, ()).await
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let call = self.call("create")?.at(&secret.address)?;
        let asked = Asked::create(call.declared, &secret)?;
        call.ask(asked, |store, _| store.create(secret), verdict::written).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        let call = self.call("destroy")?.needing("destruction of secrets", |declared| declared.destroys)?;
        let call = call.at(address)?;
        verdict::supported(call.declared, None, false, expected.is_some())?;
        call.pass(address.clone(), |store, address| store.destroy(address, expected)).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        let call = self.call("get")?.at(address)?;
        call.ask(address.clone(), |store, address| store.get(address), verdict::got).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let call = self.call("modify")?.at(address)?;
        let asked = Asked::modify(call.declared, address, &change)?;
        call.ask(asked, |store, asked| store.modify(&asked.address, change), verdict::written).await
    }

    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        let call = self.call("write_all")?;
        call.declared.bulk.ok_or(StoreError::Unsupported { what: "bulk writes" })?.check(&writes)?;
        let asked = |(at, write): (usize, &SecretWrite)| {
            let asked = self.call("write_all").and_then(|call| call.at(write.address()));
            let asked = asked.and_then(|call| match write {
                SecretWrite::Create(secret) => Asked::create(call.declared, secret),
                SecretWrite::Modify(address, change) => Asked::modify(call.declared, address, change),
                _ => Err(StoreError::Unsupported { what: "this write" }),
            });
            asked.map_err(|refusal| refusal.in_batch(at))
        };
        let asked = writes.iter().enumerate().map(asked).collect::<Result<Vec<_>, _>>()?;
        call.ask(asked, |store, _| store.write_all(writes), verdict::all_written).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let call = match query.environment {
            EnvironmentFilter::In(_) => self.call("list")?.with_environments()?,
            _ => self.call("list")?,
        };
        call.ask(query.clone(), |store, query| store.list(query), verdict::listed).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        let call = self.call("configure")?.needing("settings", |declared| declared.configures)?;
        call.pass((), |store, ()| store.configure(request)).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.call("info")?.pass((), |store, ()| store.info()).await
    }

    async fn exact_info(&self) -> Result<StoreInfo, StoreError> {
        self.call("exact_info")?.ask((), |store, ()| store.exact_info(), verdict::counted).await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.delete_holding(()).await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        let call = self.call("list_environments")?.with_environments()?;
        let question = (after.cloned(), limit);
        call.ask(
            question,
            |store, (after, limit)| store.list_environments(after.as_ref(), *limit),
            verdict::environments_listed,
        )
        .await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        let call = self.call("retrieve_environment")?.with_environments()?;
        call.ask(name.clone(), |store, name| store.retrieve_environment(name), verdict::environment_of).await
    }

    async fn create_environment(&self, new: NewEnvironment) -> Result<Environment, StoreError> {
        let call = self.call("create_environment")?.with_environments()?;
        let asked = (new.name.clone(), new.external_url.clone());
        call.ask(asked, |store, _| store.create_environment(new), verdict::environment_written).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        let call = self.call("modify_environment")?.with_environments()?;
        let asked = (name.clone(), change.external_url.clone());
        let judge = verdict::environment_written;
        call.ask(asked, |store, (name, _)| store.modify_environment(name, change), judge).await
    }
}

fn judged(operation: &'static str, verdict: Result<(), Violation>) -> Result<(), StoreError> {
    Ok(verdict.map_err(|violation| CallError::ContractViolation { operation, violation })?)
}
