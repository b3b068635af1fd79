//! The program that Locker's official SDKs start for each request. It reads and writes any secret store of this
//! project.
//!
//! An SDK of the second generation runs one process per request: `locker-sdk sdk`, with a request of JSON-RPC 2.0 on
//! standard input and one answer on standard output (protocol `locker.sdk`, version 1; decision L10). If
//! `LOCKER_CLI_PATH` names this program, an application keeps its SDK, but its secrets come from a store of your
//! choice.
//!
//! # Set up
//!
//! ```text
//! locker-sdk new-key web          # prints an access key, and the lines for the configuration
//! locker-sdk init                 # makes the stores that do not exist yet
//! export LOCKER_CLI_PATH=$(command -v locker-sdk)
//! ```
//!
//! The configuration is `$XDG_CONFIG_HOME/keyway/locker-sdk.toml`, or `~/.config/keyway/locker-sdk.toml`. The program
//! refuses the file if another user can read or write it. The file needs no secret: it holds access keys as hashes, and
//! the keys of the stores are in separate files.
//!
//! ```toml
//! log = "warning"                    # debug, info, warning or error; written to standard error
//!
//! [stores.web]                       # the name of the store
//! plugin = "generic"                 # the id of a plugin that is linked
//! keys = "/etc/keyway/web.keys"      # one key per line, the first one seals; mode 0600
//! sqlite = "/var/lib/keyway/web.db"  # for plugins that keep records
//! project_id = 7                     # the number that objects show; 0 if it is missing
//!
//! [stores.old]
//! plugin = "convection-generic"
//! keys = "/etc/keyway/old.keys"
//! configuration = { directory = "/srv/convection" }
//!
//! [stores.team]                      # a project of the service Locker, which has keys of its own
//! plugin = "locker"
//! configuration = { credentials_file = "/etc/keyway/team.credentials" }
//!
//! [[access]]
//! id = "0f8fad5b-d9cb-469f-a165-70867728950e"
//! secret_sha256 = "c775e7b757ede630cd0aa1113bd102661ab38829ca52a6422ab782862f268646"
//! store = "web"
//! read_only = false                  # true refuses writes as `forbidden`
//! ```
//!
//! The stores of a plugin that does not rotate, such as `locker`, need no `keys`: an external service seals the data
//! with its own keys. For any other plugin a store without `keys` is refused as `file_error`, and the log names the
//! remedy (H292).
//!
//! # A program with your own plugins
//!
//! [`run`] is the whole program. List the plugins of your choice:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use keyway_core::{Plugins, plugins};
//!
//! const PLUGINS: Plugins = plugins! { keyway_generic };
//!
//! fn main() -> ExitCode {
//!     keyway_locker_sdk::run(&PLUGINS)
//! }
//! ```
//!
//! [`answer`] answers one request without a process around it:
//!
//! ```
//! use keyway_core::{Plugins, plugins};
//! use keyway_locker_sdk::{Configuration, answer};
//!
//! const PLUGINS: Plugins = plugins! { keyway_generic };
//!
//! let request = br#"{"jsonrpc":"2.0","id":"1","method":"system.capabilities","params":{}}"#;
//! let answer = answer(request, &PLUGINS, || Configuration::parse("", "locker-sdk.toml".as_ref()));
//! assert!(answer.contains(r#""name":"locker.sdk""#));
//! ```
//!
//! # What the answers say
//!
//! * A read in an environment falls back to the secret without an environment, and a list of an environment holds the
//!   secrets that such reads return (decisions L1, L3). Writes never fall back (decision L4).
//! * A missing environment is `environment_not_found`. The official SDKs treat it as a missing secret, so their `get`
//!   returns the default value for it.
//! * A rename, or a move to another environment, creates the secret and then destroys the old one. If the process is
//!   killed between the two steps, both secrets remain (decision L12). In a store without versions, a change that
//!   another caller makes between the two steps is lost. For a store that cannot destroy, the answer is
//!   `validation_error`.
//! * A secret whose value is not a text cannot be shown. Lists leave it out, with a warning in the log; the answer to a
//!   read of it is `validation_error`.
//! * In a store without dates, all dates are 0. `project_id` comes from the configuration. The `id` of an environment
//!   is its name.
//! * Environments have no description and cannot be renamed: the answer to such a change is `validation_error`.
//! * `transport` is ignored, since no service is called; `insecure_skip_tls_verify` is refused as `request_rejected`.
//!   `cache` is honoured: a store that caches answers returns no cached answer that is older than `max_age_seconds`,
//!   and no cached answer at all with `force_refresh`.
//!
//! No host engine is started, so nothing is recovered or rotated. Each call of a plugin has a deadline, and a panic of
//! the plugin becomes an error in the answer.

mod access;
mod answer;
mod changes;
mod configuration;
mod context;
#[cfg(all(test, feature = "program"))]
mod effect_tests;
mod envelope;
mod environments;
mod failure;
mod log;
mod make_stores;
mod method;
mod moving;
mod new_key;
mod objects;
mod pages;
mod parameters;
mod project;
mod run;
mod runtime;
mod secrets;

pub use access::secret_sha256;
pub use answer::answer;
pub use configuration::{Configuration, ConfigurationError};
pub use make_stores::make_stores;
pub use run::run;
