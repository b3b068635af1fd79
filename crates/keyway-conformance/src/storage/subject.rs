//! The subject of the suite: an engine, and how to open it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use keyway_core::Version;
use keyway_storage::{Storage, StorageError};

use crate::{Need, Subject};

/// Opens an engine in a folder.
type Open = dyn Fn(&Path) -> Result<Arc<dyn Storage>, StorageError> + Send + Sync;

/// A storage engine under test.
///
/// Every rule gets an empty folder of its own, and opens the engine there, again and again if
/// the rule asks for it. An engine that keeps nothing in files ignores the folder; one that
/// lives on a server takes its name for a name space.
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
    /// An engine that keeps nothing beyond the life of its handle. `open` gets an empty
    /// folder, which lives until the rule has ended.
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

    /// Declares that records outlive the handles: what was opened in a folder, dropped and
    /// opened there again has them.
    #[must_use]
    pub fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Declares that the engine can be opened in one folder several times at once, by this
    /// process or by others, and that all handles are one store.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Declares that all the engine keeps lies in files of the folder, so that a copy of
    /// them is what a killed process leaves behind.
    #[must_use]
    pub fn copyable(mut self) -> Self {
        self.copyable = true;
        self
    }

    /// Sets the version, by which exclusions expire; 1.0.0 by default.
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
