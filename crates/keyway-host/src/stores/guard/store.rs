//! Implements the guard as a store: it makes only declared calls to the plugin, and returns only
//! answers that keep the contract.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{CallError, PluginMetadata, Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentFilter, EnvironmentName,
    EnvironmentPage, ListQuery, NewEnvironment, NewSecret, OpenContext, Progress, RotationListener, Secret,
    SecretAddress, SecretChange, SecretHeader, SecretPage, SecretRevision, SecretStore, SecretStorePlugin,
    SecretWrite, StoreError, StoreInfo,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::call::{Guard, StoreLimits};
use super::verdict::{self, Asked, Expected, Violation};
use crate::plugin::{Calls, Pace};

/// A store behind a guard. It is a [`SecretStore`] itself, and its caller gets an answer whatever
/// the plugin does:
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
/// A process cannot contain an abort, an exit, a stack overflow or running out of memory; a
/// panic only with `panic = "unwind"`, which is Rust's default.
///
/// It needs a tokio runtime. Dropping one of its futures cancels the plugin's call.
pub struct GuardedStore {
    guard: Guard,
    /// The capabilities at opening, which never change during the life of the handle.
    at_first: Capabilities,
}

impl GuardedStore {
    /// Opens a store behind a guard. It does no I/O.
    ///
    /// # Errors
    /// Those of [`SecretStorePlugin::open`].
    pub fn open(
        plugin: &'static dyn SecretStorePlugin,
        opening: OpenContext,
        limits: StoreLimits,
    ) -> Result<Self, StoreError> {
        Self::open_sharing(plugin, opening, limits, Arc::default())
    }

    /// Opens another handle to a store; the calls of both are watched together.
    pub(crate) fn open_sharing(
        plugin: &'static dyn SecretStorePlugin,
        opening: OpenContext,
        limits: StoreLimits,
        calls: Arc<Calls>,
    ) -> Result<Self, StoreError> {
        let guard = Guard::open(plugin, opening, limits, calls)?;
        let at_first = guard.look("capabilities", |store| store.capabilities());
        Ok(Self { guard, at_first: at_first.unwrap_or(Capabilities::MINIMAL) })
    }

    /// Returns the metadata of the running plugin.
    pub fn metadata(&self) -> PluginMetadata {
        self.guard.metadata()
    }

    /// Returns the capabilities that the plugin declares.
    ///
    /// # Errors
    /// [`Panicked`](CallError::Panicked) if the question panics,
    /// [`NotReopened`](CallError::NotReopened) if an earlier call panicked and the plugin could not
    /// be reopened.
    pub fn declared(&self) -> Result<Capabilities, StoreError> {
        self.guard.look("capabilities", |store| store.capabilities())
    }

    /// Checks the writer of the data, as on every open; `None` if there is no data. A store without
    /// the capability `tracks_writer` is asked for its `info` instead, and its data counts as
    /// written by the running plugin (decision C4).
    ///
    /// # Errors
    /// [`Incompatible`](StoreError::Incompatible), and those of
    /// [`SecretStore::written_by`].
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

    async fn call<T, F>(
        &self,
        operation: &'static str,
        declared: Capabilities,
        work: impl FnOnce(Arc<dyn SecretStore>) -> F + Send + 'static,
        judge: impl FnOnce(&T) -> Result<(), Violation>,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let answer = self.guard.call(operation, pace(operation, declared), work).await?;
        match judge(&answer) {
            Ok(()) => Ok(answer),
            Err(violation) => Err(CallError::ContractViolation { operation, violation }.into()),
        }
    }

    /// Returns the capabilities if they include the one that an operation needs.
    fn with(&self, what: &'static str, has: fn(&Capabilities) -> bool) -> Result<Capabilities, StoreError> {
        let declared = self.declared()?;
        if has(&declared) { Ok(declared) } else { Err(unsupported(what)) }
    }

    fn with_environments(&self) -> Result<Capabilities, StoreError> {
        self.with("environments", |declared| declared.environments)
    }

    fn for_address(&self, address: &SecretAddress) -> Result<Capabilities, StoreError> {
        match address.environment {
            Some(_) => self.with_environments(),
            None => self.declared(),
        }
    }
}

#[async_trait]
impl SecretStore for GuardedStore {
    fn capabilities(&self) -> Capabilities {
        self.declared().unwrap_or(self.at_first)
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        let declared = self.with("who wrote last", |declared| declared.tracks_writer)?;
        self.call("written_by", declared, move |store| async move { store.written_by().await }, |_| Ok(()))
            .await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        let declared = self.declared()?;
        self.call("initialize", declared, move |store| async move { store.initialize().await }, |()| Ok(()))
            .await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        const OPERATION: &str = "rotate";

        let declared = self.with("rotation", |declared| declared.rotates)?;
        let instance = self.guard.instance(OPERATION)?;
        // An instance that is made during the rotation must read with both rings.
        self.guard.set_keys(new.with_retiring(&self.guard.keys()));
        let (sender, mut progress) = mpsc::unbounded_channel();
        let keys = new.clone();
        let stall = self.guard.limits.rotation_stall;
        let mut running = self.guard.start(OPERATION, stall, pace(OPERATION, declared), async move {
            let report = move |progress: Progress| {
                // The caller may be gone.
                let _ = sender.send(progress);
            };
            instance.rotate(&keys, &report).await
        })?;

        let mut told = Told::default();
        let outcome = loop {
            let next = timeout(stall, async {
                tokio::select! {
                    biased;
                    Some(progress) = progress.recv() => Next::Progress(progress),
                    answer = running.answer() => Next::Answer(answer),
                }
            });
            match next.await {
                Ok(Next::Progress(progress)) => told.pass_on(progress, listener),
                Ok(Next::Answer(answer)) => break answer,
                Err(_) => {
                    self.guard.give_up(OPERATION, running).await;
                    return Err(CallError::DeadlineExceeded { operation: OPERATION, deadline: stall }.into());
                }
            }
        };
        while let Ok(progress) = progress.try_recv() {
            told.pass_on(progress, listener);
        }
        outcome.map_err(|panicked| self.guard.after_panic(OPERATION, panicked))??;
        self.guard.set_keys(new.clone());
        match told.violation {
            None => Ok(()),
            Some(violation) => Err(CallError::ContractViolation { operation: OPERATION, violation }.into()),
        }
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let declared = self.for_address(&secret.address)?;
        verdict::supported_creation(declared, &secret)?;
        let asked = (secret.address.clone(), secret.description.clone());
        self.call(
            "create",
            declared,
            move |store| async move { store.create(secret).await },
            |answer| {
                let asked = Expected { address: &asked.0, description: asked.1.as_deref() };
                verdict::created(declared, &asked, answer)
            },
        )
        .await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        self.with("destruction of secrets", |declared| declared.destroys)?;
        let declared = self.for_address(address)?;
        if expected.is_some() && !declared.versions {
            return Err(unsupported("versions"));
        }
        let address = address.clone();
        let work = move |store: Arc<dyn SecretStore>| async move { store.destroy(&address, expected).await };
        self.call("destroy", declared, work, |()| Ok(())).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        let declared = self.for_address(address)?;
        let asked = address.clone();
        let work = move |store: Arc<dyn SecretStore>| async move { store.get(&asked).await };
        self.call("get", declared, work, |answer| verdict::got(declared, address, answer)).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let declared = self.for_address(address)?;
        verdict::supported_change(declared, &change)?;
        let (expected, description) = (change.expected.clone(), change.description.clone());
        let asked = address.clone();
        let work = move |store: Arc<dyn SecretStore>| async move { store.modify(&asked, change).await };
        self.call("modify", declared, work, |answer| {
            verdict::modified(declared, address, expected.as_ref(), description.as_ref(), answer)
        })
        .await
    }

    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        let declared = self.declared()?;
        declared.bulk.ok_or_else(|| unsupported("bulk writes"))?.check(&writes)?;
        for (at, write) in writes.iter().enumerate() {
            let supported = self.for_address(write.address()).and_then(|_| match write {
                SecretWrite::Create(secret) => verdict::supported_creation(declared, secret),
                SecretWrite::Modify(_, change) => verdict::supported_change(declared, change),
                _ => Err(unsupported("this write")),
            });
            supported.map_err(|refusal| refusal.in_batch(at))?;
        }
        let asked: Vec<_> = writes.iter().map(Asked::of).collect();
        let work = move |store: Arc<dyn SecretStore>| async move { store.write_all(writes).await };
        self.call("write_all", declared, work, |answers| verdict::all_written(declared, &asked, answers))
            .await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let declared = match query.environment {
            EnvironmentFilter::In(_) => self.with_environments()?,
            _ => self.declared()?,
        };
        let asked = query.clone();
        let work = move |store: Arc<dyn SecretStore>| async move { store.list(&asked).await };
        self.call("list", declared, work, |answer| verdict::listed(declared, query, answer)).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        let declared = self.with("settings", |declared| declared.configures)?;
        let work = move |store: Arc<dyn SecretStore>| async move { store.configure(request).await };
        self.call("configure", declared, work, |_| Ok(())).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        let declared = self.declared()?;
        self.call("info", declared, move |store| async move { store.info().await }, |_| Ok(())).await
    }

    async fn exact_info(&self) -> Result<StoreInfo, StoreError> {
        let declared = self.declared()?;
        let work = move |store: Arc<dyn SecretStore>| async move { store.exact_info().await };
        self.call("exact_info", declared, work, verdict::counted).await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        let declared = self.with("deletion of the store", |declared| declared.deletable)?;
        let work = move |store: Arc<dyn SecretStore>| async move { store.marked_for_delete().await };
        self.call("marked_for_delete", declared, work, |()| Ok(())).await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        let declared = self.with_environments()?;
        let asked = after.cloned();
        let work = move |store: Arc<dyn SecretStore>| async move {
            store.list_environments(asked.as_ref(), limit).await
        };
        self.call("list_environments", declared, work, |answer| {
            verdict::environments_listed(after, limit, answer)
        })
        .await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        let declared = self.with_environments()?;
        let asked = name.clone();
        let work = move |store: Arc<dyn SecretStore>| async move { store.retrieve_environment(&asked).await };
        self.call("retrieve_environment", declared, work, |answer| verdict::environment_of(name, answer))
            .await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        let declared = self.with_environments()?;
        let asked = environment.clone();
        let work = move |store: Arc<dyn SecretStore>| async move { store.create_environment(asked).await };
        self.call("create_environment", declared, work, |answer| {
            verdict::environment_created(&environment, answer)
        })
        .await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        let declared = self.with_environments()?;
        let (asked_name, asked) = (name.clone(), change.clone());
        let work = move |store: Arc<dyn SecretStore>| async move {
            store.modify_environment(&asked_name, asked).await
        };
        self.call("modify_environment", declared, work, |answer| {
            verdict::environment_modified(name, &change, answer)
        })
        .await
    }
}

impl fmt::Debug for GuardedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GuardedStore").field(&self.guard).finish()
    }
}

/// Returns the store's declaration about an operation.
fn pace(operation: &str, declared: Capabilities) -> Pace {
    const READS: [&str; 3] = ["get", "written_by", "retrieve_environment"];
    if declared.blocking {
        Pace::Blocking
    } else if declared.prompt || (declared.prompt_reads && READS.contains(&operation)) {
        Pace::Prompt
    } else {
        Pace::Undeclared
    }
}

fn unsupported(what: &'static str) -> StoreError {
    StoreError::Unsupported { what }
}

/// The next event of a rotation.
enum Next<T> {
    Progress(Progress),
    Answer(T),
}

/// The progress that was reported so far.
#[derive(Default)]
struct Told {
    done: u64,
    violation: Option<Violation>,
}

impl Told {
    /// Reports progress to the listener, unless it is impossible.
    fn pass_on(&mut self, progress: Progress, listener: &dyn RotationListener) {
        if progress.done < self.done || progress.done > progress.total {
            self.violation = Some("its progress goes backwards or past the end".to_owned());
            return;
        }
        self.done = progress.done;
        listener.progressed(progress);
    }
}
