//! The subject of the suite: a storage engine, and how to open it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use keyway_core::Version;
use keyway_storage::{Storage, StorageError};

use crate::{Need, Subject};

/// A function that opens an engine in a folder.
type Open = dyn Fn(&Path) -> Result<Arc<dyn Storage>, StorageError> + Send + Sync;

/// A storage engine under test.
///
/// Every rule gets its own empty folder, and opens the engine there once or several times. An engine without files
/// ignores the folder. An engine on a server uses the folder's name as a namespace.
#[derive(Clone)]
pub struct StorageSubject {
    name: String,
    version: Version,
    open: Arc<Open>,
    persistent: bool,
    shared: bool,
    copyable: bool,
}

pub(super) const PERSISTENT: Need<StorageSubject> =
    Need { capability: "persistent", declared: |subject| subject.persistent };
pub(super) const SHARED: Need<StorageSubject> =
    Need { capability: "shared", declared: |subject| subject.shared };
pub(super) const COPYABLE: Need<StorageSubject> =
    Need { capability: "copyable", declared: |subject| subject.copyable };

impl StorageSubject {
    /// Makes a subject of an engine whose data is lost when its handle is dropped. `open` gets an empty folder, which
    /// exists until the rule ends.
    pub fn new(
        name: impl Into<String>,
        open: impl Fn(&Path) -> Result<Arc<dyn Storage>, StorageError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            version: Version::new(1, 0, 0),
            open: Arc::new(open),
            persistent: false,
            shared: false,
            copyable: false,
        }
    }

    /// Declares that records outlive a handle: an engine that is dropped and reopened in the same folder still has
    /// them.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Declares that the engine can be opened several times at once in one folder, by one or several processes, and
    /// that all these handles share one store.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Declares that all data of the engine is in files of the folder. A copy of these files is then the state that
    /// remains after the process is killed.
    #[must_use]
    pub fn copyable(mut self) -> Self {
        self.copyable = true;
        self
    }

    /// Sets the version of the engine, with which the ends of exclusions are compared. The default is 1.0.0.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    pub(super) fn open(&self, folder: &Path) -> Result<Arc<dyn Storage>, StorageError> {
        (self.open)(folder)
    }
}

impl Subject for StorageSubject {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> Version {
        self.version.clone()
    }
}

impl fmt::Debug for StorageSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageSubject").field("name", &self.name).finish_non_exhaustive()
    }
}
