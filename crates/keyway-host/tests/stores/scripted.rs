//! Provides the plugin `generic` with misbehaviour that a test chooses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyway_generic::GenericPlugin;
use keyway_seal::KeyRing;
use keyway_secrets::{
    Call, Capabilities, Json, Layered, OpenContext, Progress, RotationListener, SecretStore,
    SecretStoreLayer, SecretStorePlugin, SecretStores, StoreError,
};

keyway_secrets::register! {
    SecretStores {
        id: "scripted",
        name: "Scripted",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261128,
        compatibility: ">=:1.0,<:2.0",
        description: "misbehaves as a test says",
        plugin: Scripted,
    }
}

/// The next calls of a store that misbehave, and how many they are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// The store cannot be reached.
    Unavailable(u32),
    /// The store refuses to be made.
    Refuses(u32),
    /// The store cannot be deleted.
    Stays(u32),
    /// A rotation fails with an error that panics when it is printed.
    Unprintable(u32),
    /// A rotation fails with an error that panics when it is dropped.
    Undroppable(u32),
    /// A rotation reports progress, and does not end before the script does.
    Endless(u32),
}

/// The scripts, by the name of the store.
static SCRIPTS: Mutex<BTreeMap<String, Script>> = Mutex::new(BTreeMap::new());

pub(crate) fn script(store: &str, script: Script) {
    SCRIPTS.lock().unwrap().insert(store.to_owned(), script);
}

/// Returns what is left of a script.
pub(crate) fn left(store: &str) -> Option<Script> {
    SCRIPTS.lock().unwrap().get(store).copied()
}

/// The calls of a store that block their threads.
#[derive(Debug, Default)]
struct Gate {
    begun: u32,
    /// The numbers of the calls that may end.
    released: BTreeSet<u32>,
}

/// The gates, by the name of the store.
static GATES: Mutex<BTreeMap<String, Gate>> = Mutex::new(BTreeMap::new());

/// Makes the calls that make or delete a store block until they are released.
pub(crate) fn block(store: &str) {
    GATES.lock().unwrap().insert(store.to_owned(), Gate::default());
}

/// Returns how many calls of a blocked store have begun.
pub(crate) fn begun(store: &str) -> u32 {
    GATES.lock().unwrap()[store].begun
}

/// Lets the call of a blocked store with this number end.
pub(crate) fn release(store: &str, number: u32) {
    GATES.lock().unwrap().get_mut(store).unwrap().released.insert(number);
}

/// Lets all calls of a store end.
pub(crate) fn unblock(store: &str) {
    GATES.lock().unwrap().remove(store);
}

fn pass_gate(store: &str) {
    let number = GATES.lock().unwrap().get_mut(store).map(|gate| {
        gate.begun += 1;
        gate.begun
    });
    let Some(number) = number else { return };
    let blocks = || GATES.lock().unwrap().get(store).is_some_and(|gate| !gate.released.contains(&number));
    // A test that failed releases no call.
    let begun = Instant::now();
    while blocks() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[derive(Debug)]
struct Scripted;

impl SecretStorePlugin for Scripted {
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        GenericPlugin.check_configuration(configuration)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        let (inner, store) = (GenericPlugin.open(context)?, context.store.to_string());
        Ok(Arc::new(Layered(ScriptedStore { inner, store })))
    }
}

#[derive(Debug)]
struct ScriptedStore {
    inner: Arc<dyn SecretStore>,
    store: String,
}

impl ScriptedStore {
    /// Tells whether the script has another call of this kind.
    fn plays(&self, is: impl Fn(&mut Script) -> Option<&mut u32>) -> bool {
        let mut scripts = SCRIPTS.lock().unwrap();
        let Some(left) = scripts.get_mut(&self.store).and_then(is) else { return false };
        let plays = *left > 0;
        *left = left.saturating_sub(1);
        plays
    }
}

impl SecretStoreLayer for ScriptedStore {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    fn capabilities(&self) -> Capabilities {
        let declared = self.inner.capabilities();
        if GATES.lock().unwrap().contains_key(&self.store) { declared.blocking() } else { declared }
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        if self.plays(|script| if let Script::Unavailable(left) = script { Some(left) } else { None }) {
            return Err(StoreError::Unavailable { what: "the mount", retry_after: None, source: None });
        }
        if matches!(call, Call::Initialize)
            && self.plays(|script| if let Script::Refuses(left) = script { Some(left) } else { None })
        {
            return Err(StoreError::not_ready("the mount", "it is full"));
        }
        if matches!(call, Call::MarkedForDelete)
            && self.plays(|script| if let Script::Stays(left) = script { Some(left) } else { None })
        {
            return Err(StoreError::not_ready("the mount", "it is read-only"));
        }
        if matches!(call, Call::Initialize | Call::MarkedForDelete) {
            pass_gate(&self.store);
        }
        next.await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        if self.plays(|script| if let Script::Unprintable(left) = script { Some(left) } else { None }) {
            return Err(StoreError::system("rotate", Unprintable));
        }
        if self.plays(|script| if let Script::Undroppable(left) = script { Some(left) } else { None }) {
            return Err(StoreError::system("rotate", Undroppable));
        }
        let mut done = 0;
        while self.plays(|script| if let Script::Endless(left) = script { Some(left) } else { None }) {
            done += 1;
            listener.progressed(Progress { done, total: done + 1 });
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.inner.rotate(new, listener).await
    }
}

#[derive(Debug)]
struct Unprintable;

impl std::fmt::Display for Unprintable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("in the text of an error")
    }
}

impl std::error::Error for Unprintable {}

#[derive(Debug)]
struct Undroppable;

impl std::fmt::Display for Undroppable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it is not dropped in silence")
    }
}

impl std::error::Error for Undroppable {}

impl Drop for Undroppable {
    fn drop(&mut self) {
        panic!("in the destructor of an error");
    }
}
