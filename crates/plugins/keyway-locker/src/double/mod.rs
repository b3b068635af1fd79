//! A test double of the service Locker Secrets, on a loopback address.
//!
//! It serves the requests that Locker's native client sends, stores sealed rows, and has faults that a test can switch
//! on. Its credentials, keys and hashes are those of the recorded vectors `go.crypto.*`. The double also checks its
//! clients: it refuses a text that is not sealed with the project's keys, and a hash that is not that of the name
//! (H278). It shares no code with the plugin.
//!
//! ```
//! use keyway_locker::double::{Fault, LockerDouble, Route};
//!
//! # fn main() -> std::io::Result<()> {
//! let double = LockerDouble::start()?;
//! double.put_environment("prod", "https://example.org");
//! double.put_secret("TOKEN", Some("prod"), "hunter2", "");
//! double.fail_once(Some(Route::ListSecrets), Fault::CutBody);
//! // Run a client on `double.base()`, `double.access_key_id()` and `double.secret_access_key()`.
//! assert!(double.base().starts_with("http://127.0.0.1:"));
//! assert_eq!(double.secrets()[0].value, "hunter2");
//! assert_eq!(double.take_requests(), []);
//! # Ok(())
//! # }
//! ```

mod body;
pub mod cipher;
mod faults;
mod http;
mod pages;
mod project;
mod refusal;
mod routes;
mod rows;
mod seeding;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use faults::Fault;
pub use http::SeenRequest;
pub use routes::Route;
pub use rows::RawSecret;

use cipher::lookup_hash;
use faults::Faults;
use http::Server;
use project::Project;

/// The last part of the base URL, which precedes the paths of the service.
const PREFIX: &str = "/locker_secrets";
const ACCESS_KEY_ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const SECRET_ACCESS_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// The project's keys, sealed with keys that are derived from the secret access key. This is a recorded text.
const PROFILE_KEY: &str = "2.10uWcJHhTzGL4f2WpWP2qg==|rIrPomeF4IVpN51mvwt5UNAZiXHqjqPqZ6GTy2/lLAd2eCVbO8KPxZTddkOxH7MwL5k+jcW1O9wfro/3gPkqVMlVbS5yq/iDbWOyqHfld34=|wOIljy9D4moUmPpKHZHRPfsvmNVt4IX0+T9apc2+XpA=";

/// A server that answers as Locker Secrets does. Dropping it blocks until all its threads have ended.
///
/// Two doubles that get the same rows and the same requests give the same answers, except for the port.
#[derive(Debug)]
pub struct LockerDouble {
    shared: Arc<Shared>,
    server: Server,
}

/// The state of the double that all its connections share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    project: Project,
    faults: Faults,
    seen: Vec<SeenRequest>,
}

/// A secret, in plaintext.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainSecret {
    /// The id.
    pub id: String,
    /// The key.
    pub key: String,
    /// The name of the environment.
    pub environment: Option<String>,
    /// The value.
    pub value: String,
    /// The description.
    pub description: String,
    /// The date of the last change, in seconds since the epoch.
    pub revision_date: f64,
}

/// An environment, in plaintext.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainEnvironment {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The external URL.
    pub external_url: String,
    /// The description.
    pub description: String,
    /// The date of the last change, in seconds since the epoch.
    pub revision_date: f64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LockerDouble {
    /// Starts a double with an empty project.
    ///
    /// # Errors
    /// The error of the system, if it provides no port or no thread.
    pub fn start() -> io::Result<Self> {
        let state = State { project: Project::new(), faults: Faults::default(), seen: Vec::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request, stop| routes::answer(&serving, request, stop))?;
        Ok(Self { shared, server })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.shared.state)
    }

    /// Returns the base URL of all paths, `http://127.0.0.1:<port>/locker_secrets`.
    pub fn base(&self) -> String {
        format!("http://{}{PREFIX}", self.server.address())
    }

    /// Returns the id of the access key. The service expects it as the bearer token.
    pub fn access_key_id(&self) -> &'static str {
        ACCESS_KEY_ID
    }

    /// Returns the secret access key, in canonical base64.
    pub fn secret_access_key(&self) -> &'static str {
        SECRET_ACCESS_KEY
    }

    /// Returns the id of the project.
    pub fn project_id(&self) -> u64 {
        project::ID
    }

    /// Stores an environment, and returns its id. If there is an environment with this name, changes only its URL.
    pub fn put_environment(&self, name: &str, url: &str) -> String {
        self.state().project.put_environment(name, url)
    }

    /// Stores a secret, and returns its id. Replaces a secret with the same key and environment.
    ///
    /// # Panics
    /// If the environment does not exist.
    pub fn put_secret(&self, key: &str, environment: Option<&str>, value: &str, description: &str) -> String {
        self.state().project.put_secret(key, environment, value, description)
    }

    /// Stores texts as a new secret, without any check, and returns the id of the secret.
    pub fn put_raw_secret(&self, texts: RawSecret) -> String {
        self.state().project.add_secret(texts).id
    }

    /// Returns the stored texts of a secret, so that a test can change them or store them in another secret.
    pub fn raw_secret(&self, id: &str) -> Option<RawSecret> {
        let state = self.state();
        state.project.secrets.iter().find(|row| row.id == id).map(|row| row.texts.clone())
    }

    /// Replaces the stored texts of a secret, without any check. Tells whether the secret is there.
    pub fn replace_raw_secret(&self, id: &str, texts: RawSecret) -> bool {
        self.state().project.replace_raw_secret(id, texts)
    }

    /// Seals a text with the project's keys.
    pub fn sealed(&self, text: &str) -> String {
        self.state().project.seal(text)
    }

    /// Returns the hash by which the service looks up the name of a secret or an environment.
    pub fn lookup_hash(&self, name: &str) -> String {
        lookup_hash(project::ID, name)
    }

    /// Deletes a secret, or an environment with its secrets. Tells whether the row existed. Clients cannot delete: this
    /// method stands for a person who uses the service's website.
    pub fn delete(&self, id: &str) -> bool {
        self.state().project.delete(id)
    }

    /// Returns all secrets, the oldest first. A text that cannot be opened is returned as it is stored.
    pub fn secrets(&self) -> Vec<PlainSecret> {
        let state = self.state();
        let shown = |text: &str| state.project.shown(text);
        let secrets = state.project.secrets.iter();
        secrets
            .map(|row| PlainSecret {
                id: row.id.clone(),
                key: shown(&row.texts.key),
                environment: row.texts.environment_name.as_deref().map(shown),
                value: shown(&row.texts.value),
                description: shown(&row.texts.description),
                revision_date: row.dates.revised.as_secs_f64(),
            })
            .collect()
    }

    /// Returns all environments, the oldest first.
    pub fn environments(&self) -> Vec<PlainEnvironment> {
        let state = self.state();
        let shown = |text: &str| state.project.shown(text);
        let environments = state.project.environments.iter();
        environments
            .map(|row| PlainEnvironment {
                id: row.id.clone(),
                name: shown(&row.texts.name),
                external_url: shown(&row.texts.external_url),
                description: shown(&row.texts.description),
                revision_date: row.dates.revised.as_secs_f64(),
            })
            .collect()
    }

    /// Returns the requests since the last call, in the order of their arrival. Refused requests, and requests that
    /// failed because of a fault, are included.
    pub fn take_requests(&self) -> Vec<SeenRequest> {
        std::mem::take(&mut self.state().seen)
    }

    /// Switches a fault on for the next request to a route, or to any route.
    ///
    /// One-time faults are used in the order in which they were switched on, and before all permanent faults.
    pub fn fail_once(&self, route: Option<Route>, fault: Fault) {
        self.state().faults.once(route, fault);
    }

    /// Switches a permanent fault on for all requests to a route, or to all routes. If several permanent faults fit a
    /// request, the newest is used.
    pub fn fail_always(&self, route: Option<Route>, fault: Fault) {
        self.state().faults.always(route, fault);
    }

    /// Switches all faults off.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Sets the clock, as time since the epoch.
    ///
    /// The dates of changes increase even while the clock stands still or goes back: each is at least a microsecond
    /// later than the one before.
    pub fn set_now(&self, now: Duration) {
        self.state().project.now = now;
    }

    /// Returns the time of the clock, since the epoch.
    pub fn now(&self) -> Duration {
        self.state().project.now
    }

    /// Sets the maximum number of rows of a page. A client may request fewer. The initial value is 2,000.
    ///
    /// # Panics
    /// If `rows` is 0.
    pub fn set_page_limit(&self, rows: usize) {
        assert!(rows > 0, "a page holds at least one row");
        self.state().project.page_limit = rows;
    }

    /// Sets whether the access key may write. If not, writes are refused with status 403.
    pub fn set_editable(&self, is_editable: bool) {
        self.state().project.is_editable = is_editable;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Tests that the double does not share the plugin's code. Otherwise, a fault in the plugin's cryptography would be
    /// in the double, too, and the double could not detect it (H278).
    #[test]
    fn the_double_uses_no_code_of_the_plugin() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/double");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let texts: Vec<_> = files.map(|path| fs::read_to_string(path).unwrap()).collect();
        assert!(texts.len() > 5);
        for line in texts.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().starts_with("//")) {
            for foreign in [concat!("crate", "::"), concat!("super::", "super"), concat!("keyway", "_")] {
                // The reader of the recorded vectors is shared, and belongs to neither the plugin nor the double.
                let is_reader = line.trim() == concat!("use crate", "::vectors;");
                assert!(is_reader || !line.contains(foreign), "{line}");
            }
        }
    }
}
