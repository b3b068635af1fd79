//! Sets up `locker` for the conformance suites: each store of a rule has a project of its own, at a double of the
//! service.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use keyway_client::Credentials;
use keyway_conformance::secrets::SecretStoreSubject;
use keyway_conformance::{Candidate, Exclusion};
use keyway_core::{Clock, Registration, Version};
use keyway_locker::LockerPlugin;
use keyway_locker::double::{Fault, LockerDouble};
use keyway_seal::KeyId;
use keyway_secrets::{
    Call, Json, Layered, OpenContext, SecretStore, SecretStoreLayer, SecretStorePlugin, StoreError, StoreName,
};
use serde_json::json;

/// A secret access key that opens no project. It has the length of a valid key.
const OTHER_KEY: &str = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";

/// Sets up `locker`, and the same plugin with answers that may be a minute old.
pub(crate) fn locker(registration: &Registration) -> [Candidate; 2] {
    let configured = |max_age_seconds: u32| {
        SecretStoreSubject::new(registration.id(), &ProjectsPlugin, registration.metadata().clone())
            .configuration(move |_| json!({ "proxy": "none", "max_age_seconds": max_age_seconds }))
            .lending(|resources, scratch| resources.with(Place(scratch.to_owned())))
    };
    [configured(0), configured(60).name("locker-kept")]
        .map(|subject| absent().into_iter().fold(Candidate::from(subject), Candidate::exclude))
}

/// Returns the rules that Locker's service cannot keep, with the reasons.
fn absent() -> [Exclusion; 2] {
    let exclusion = |rule, reason| Exclusion { rule, reason, until: Version::new(2, 0, 0) };
    [
        exclusion(
            "SEC-001",
            "A person makes a project and its access keys at the service's website. Before that, the service refuses the \
             access key as one that it does not know, and does not tell whether there is a project: the answer is \
             `unauthorized` (H281).",
        ),
        exclusion(
            "SEC-086",
            "The service keeps no counts of reads and writes. Those of a handle begin again with the next one (H281).",
        ),
    ]
}

/// The folder of a rule, by which its stores find their projects.
struct Place(PathBuf);

/// The projects of all rules, by folder and by the name of the store.
type Projects = HashMap<(PathBuf, StoreName), Arc<Project>>;

/// A project at a service of its own.
#[derive(Debug)]
struct Project {
    double: LockerDouble,
    /// The key of the host that first opened the project. Only a host with this key gets the project's secret access
    /// key.
    key: KeyId,
    is_made: AtomicBool,
}

impl Project {
    /// Starts the service. It does not know the access key yet.
    fn new(key: KeyId) -> Self {
        let double = LockerDouble::start().expect("a port on loopback");
        let unknown = r#"{"code": "unauthorized", "message": "the access key is not known"}"#.to_owned();
        double.fail_always(None, Fault::Status { code: 401, body: unknown, retry_after: None });
        Self { double, key, is_made: AtomicBool::new(false) }
    }

    /// Finds the project of a store.
    fn of(folder: &Path, context: &OpenContext) -> Arc<Self> {
        static ALL: LazyLock<Mutex<Projects>> = LazyLock::new(Mutex::default);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(folder, _), _| folder.exists());
        let place = (folder.to_owned(), context.store.clone());
        let new = || Arc::new(Self::new(context.keys.primary_id()));
        Arc::clone(all.entry(place).or_insert_with(new))
    }

    /// Makes the project, as a person does on the service's website. Returns true if the project was not made before.
    fn make(&self) -> bool {
        let is_new = !self.is_made.swap(true, Ordering::SeqCst);
        if is_new {
            self.double.heal();
        }
        is_new
    }

    /// Returns the credentials for a host: those of the project if the host has the key of the project, otherwise
    /// credentials with a wrong secret access key.
    fn credentials(&self, has_key: bool) -> Result<Credentials, StoreError> {
        let secret = if has_key { self.double.secret_access_key() } else { OTHER_KEY };
        let given = Credentials::source()
            .access_key_id(self.double.access_key_id())
            .secret_access_key(secret)
            .api_base(self.double.base());
        given.resolve().map_err(|error| StoreError::not_ready("the credentials", error.to_string()))
    }
}

/// The plugin `locker`, with the project of each store.
#[derive(Debug)]
struct ProjectsPlugin;

impl SecretStorePlugin for ProjectsPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        LockerPlugin.check_configuration(configuration)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        let place = context.resources.require::<Place>()?;
        let project = Project::of(&place.0, context);
        let credentials = project.credentials(context.keys.contains(project.key))?;
        let opening = OpenContext::new(context.store.clone(), context.metadata.clone(), context.keys.clone())
            .with_configuration(context.configuration.clone())
            .with_resources(context.resources.clone().with(credentials))
            .with_clock(Arc::clone(&context.clock));
        let store = LockerPlugin.open(&opening)?;
        Ok(Arc::new(Layered(ProjectStore { store, project, clock: Arc::clone(&context.clock) })))
    }
}

/// A store that makes its project in `initialize`. The service uses the host's clock.
#[derive(Debug)]
struct ProjectStore {
    store: Arc<dyn SecretStore>,
    project: Arc<Project>,
    clock: Arc<dyn Clock>,
}

impl SecretStoreLayer for ProjectStore {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.store
    }

    async fn around<T: std::any::Any + Send, F>(&self, _: Call<'_>, next: F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        self.project.double.set_now(Duration::from_millis(self.clock.now().as_milliseconds()));
        next.await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        if self.project.make() { Ok(()) } else { self.store.initialize().await }
    }
}
