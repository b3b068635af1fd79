//! State for mutants: notes of one handle, and one external system (a vault or an authority) for each scratch folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use keyway_core::Json;
use tokio::sync::Semaphore;

use crate::lock::locked;
use crate::scripted::ScriptedError;

/// The state that a handle of a mutant keeps between calls.
#[derive(Debug)]
pub(crate) struct Notes<K> {
    pub(crate) flag: AtomicBool,
    pub(crate) number: AtomicU64,
    pub(crate) texts: Mutex<Vec<String>>,
    #[cfg_attr(
        not(feature = "certificates"),
        expect(dead_code, reason = "only mutants of authorities keep orders")
    )]
    pub(crate) kept: Mutex<Vec<K>>,
    pub(crate) slot: Semaphore,
}

impl<K> Default for Notes<K> {
    fn default() -> Self {
        let (flag, number) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { flag, number, texts: Mutex::default(), kept: Mutex::default(), slot: Semaphore::new(1) }
    }
}

impl<K> Notes<K> {
    /// Makes a call. If the call is dropped, all later calls fail.
    pub(crate) async fn once_dropped<T, E: ScriptedError>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        if self.flag.swap(true, Ordering::SeqCst) {
            return Err(E::failed());
        }
        let answer = call.await;
        self.flag.store(false, Ordering::SeqCst);
        answer
    }

    /// Makes a call. If the call is dropped, all later calls wait for ever.
    pub(crate) async fn stuck_once_dropped<T>(&self, call: impl Future<Output = T> + Send) -> T {
        if self.flag.swap(true, Ordering::SeqCst) {
            return std::future::pending().await;
        }
        let answer = call.await;
        self.flag.store(false, Ordering::SeqCst);
        answer
    }
}

/// Values of one type, one for each scratch folder. Each value stands for an external system.
#[derive(Debug)]
pub(crate) struct ByFolder<S>(Arc<Mutex<BTreeMap<PathBuf, S>>>);

impl<S> Clone for ByFolder<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Default for ByFolder<S> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<S: Clone> ByFolder<S> {
    /// Returns the value of a folder. Calls `make` for the value if the folder has none.
    pub(crate) fn of(&self, folder: &Path, make: impl FnOnce() -> S) -> S {
        locked(&self.0).entry(folder.to_owned()).or_insert_with(make).clone()
    }

    /// Sets the value of a folder.
    #[cfg(feature = "credentials")]
    pub(crate) fn set(&self, folder: &Path, value: S) {
        locked(&self.0).insert(folder.to_owned(), value);
    }
}

/// Reads the scratch folder from the configuration of a mutant.
pub(crate) fn folder_in(configuration: &Json) -> Option<PathBuf> {
    configuration.get("folder").and_then(Json::as_text).map(PathBuf::from)
}
