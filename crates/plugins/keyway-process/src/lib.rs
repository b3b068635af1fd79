//! Runs any WaTTS executable as an issuer.
//!
//! The plugin `process` ([`ProcessPlugin`]) runs the executable of its configuration: once to describe itself, once for
//! each request and each revocation. [`keyway_issuers::wire`] defines the format of the messages; this crate starts the
//! executable and handles all its possible faults (decision W7).
//!
//! ```
//! use keyway_issuers::{
//!     Context, CredentialRequest, Issuers, OpenContext, RequestOutcome, Revocation, ServiceName, UserInfo,
//! };
//!
//! // An executable, written in shell to be short. A real one decodes its input.
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("greeter.sh");
//! std::fs::write(&file, r#"
//!     case "${1-}" in
//!     ?*) echo '{"result": "ok", "version": "1.0.0", "conf_params": [], "request_params": [],
//!                "features": {"stdin": true}}' ;;
//!     *) cat > /dev/null
//!        echo '{"result": "ok", "state": "greeted",
//!               "credential": [{"name": "greeting", "type": "text", "value": "hello"}]}' ;;
//!     esac
//! "#)?;
//!
//! // A host lists its plugins once, and configures each service.
//! const PLUGINS: keyway_core::Plugins = keyway_core::plugins! { keyway_process };
//! let registry = PLUGINS.registry()?;
//! let plugin = registry.get::<Issuers>("process")?;
//! let opening = OpenContext::new(ServiceName::new("greeter")?, plugin.metadata().clone())
//!     .with_configuration(serde_json::json!({
//!         "command": "/bin/sh",
//!         "arguments": [file],
//!         "deadline_ms": 10_000,
//!         "parallel": 4,
//!     }));
//! let issuer = plugin.open(&opening)?;
//!
//! # pollster::block_on(async {
//! let description = issuer.describe().await?;
//! assert_eq!(description.version(), "1.0.0");
//! let joe = Context::new(UserInfo::new("https://issuer.example.com", "joe"));
//! let RequestOutcome::Issued(issued) = issuer.request(&CredentialRequest::new(joe.clone())).await? else { panic!() };
//! assert_eq!(issued.credential[0].expose_value(), "hello");
//! issuer.revoke(&Revocation::new(joe, issued.state)).await?;
//! # Ok::<(), keyway_issuers::IssuerError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`ProcessConfiguration`] lists the settings. The crate `keyway-executable` does the reverse: it makes a Rust
//! issuer an executable.
//!
//! # How an executable is run
//!
//! | | |
//! | --- | --- |
//! | shell | none: the executable is an absolute path, or found in `PATH`, and gets its arguments as they are |
//! | input | the description is requested by argument, since it is not secret; requests and revocations go by standard input if the executable has the feature `stdin`, else by argument if `allow_argv` is set (decision W1) |
//! | length of the input | at most [1 MiB of JSON](keyway_issuers::wire::MAX_INPUT) for a request or a revocation; a longer one is not sent |
//! | environment | only `PATH`, `HOME`, `LANG`, `TZ`, the configured variables, and [`KEYWAY_RUN`](Environment::RUN_MARK) |
//! | output | at most 1 MiB; a program that prints more is killed |
//! | error output | the last 8 KiB go to the log (detail of an error, or level debug). Runs of eight bytes or more that also stand in a secret of the call, or in a refused answer, are hidden ([`ErrorOutput::for_log`]) |
//! | time | 30 seconds from its start; waiting for a permit does not count |
//! | concurrency | one run, or `parallel` |
//! | end | when the executable itself ends, even if another process holds its streams; an executable may close its input early |
//!
//! An issuer needs no runtime. A call starts the executable on the caller's thread, which takes the system a
//! fraction of a millisecond. Threads of this crate wait for the executables, and end when they are idle. With a
//! helper, these threads also start the executable, since a helper may answer late (H332).
//! Dropping the future of a call kills its run. A run keeps its permit until all its processes are gone.
//!
//! # Processes left behind
//!
//! The mode in force decides which processes of an executable end with it. The log names the mode at level
//! info, when an issuer is opened or its helper is first started.
//!
//! | mode | needs | escapes |
//! | --- | --- | --- |
//! | `marks` | nothing | see below |
//! | `subreaper` | [`helper`](ProcessConfiguration::helper) | a process that changed to another user, unless the host is root; if a program kills or stops its helper, the same processes as with marks |
//! | `cgroup` | [`helper`](ProcessConfiguration::helper) and [`cgroup`](ProcessConfiguration::cgroup) | a process that moves itself to another cgroup, if it may, and kills or stops the helper |
//!
//! The helper also closes descriptors that the host opened without close-on-exec, and ends a run when the host
//! dies (H65). Without a helper:
//!
//! Every executable leads a process group of its own. When it ends, the rest of the group is killed (`SIGKILL`). If its
//! deadline is over, its output is too large or its caller is gone, the executable and the group get `SIGTERM`, and
//! `SIGKILL` after at most half a second of grace. The executable gets both signals even if it left the group.
//!
//! On Linux, processes that left the group are killed too, including daemons. Such a process is recognized by the
//! variable `KEYWAY_RUN` in its environment, which has a new value for each run. While the executable still runs, the
//! process is also recognized by its parents. **A process escapes** if it leaves the group, replaces its environment,
//! and loses its parent before a search looks at it. If the host is not root, a process also escapes if its environment
//! cannot be read, because the process changed to another user or forbids reading, as `ssh-agent` does. This crate does
//! not make the host a subreaper: that would affect all other children of the host, too. On other systems, only the
//! process group is killed.
//!
//! After the executable has ended, a search may take until the deadline of the run, but at most two seconds. If less
//! than 50 milliseconds are left until the deadline, it may take 50 milliseconds. A large environment, or one that
//! cannot be read without waiting, does not delay the search: only processes younger than the executable are read, each
//! up to a megabyte (H64). If a process could not be checked in time, that is logged at level warn.
//!
//! If the host itself is killed, its executables go on, unless there is a helper. After the restart, the intent that
//! the host had stored shows which runs these were (decision R2).
//!
//! # Requirements on the host
//!
//! The standard library waits for a child to learn how it ended. If a host ignores `SIGCHLD`, or waits for children
//! that this crate started, runs end with an error. A file that a host opens without close-on-exec (Rust's standard
//! library always sets it) is open in every executable that is started without a helper. If the host is the first
//! process of a container, the processes that an executable left behind become its children, and each stays as a
//! zombie after it is killed: start the container with an init program, or use the helper.
//!
//! # Visible data
//!
//! Every user of the machine can see an argument while the executable runs, and copies of it in the system are not
//! wiped. Standard input is not visible. This crate zeroizes its copies of the input and the output.
//!
//! # Features
//! `schemars`: the JSON schema of [`ProcessConfiguration`]. Off by default.

mod cancel;
mod configuration;
mod environment;
#[cfg(target_os = "linux")]
mod helper;
mod issuer;
mod plugin;
mod program;
mod redaction;
mod run;
mod runner;
#[cfg(target_os = "linux")]
mod sleep;
#[cfg(not(target_os = "linux"))]
#[path = "sleep_elsewhere.rs"]
mod sleep;
#[cfg(target_os = "linux")]
mod supervisor;
mod workers;

pub use configuration::{AlphabetChoice, ProcessConfiguration, ProfileChoice};
pub use environment::{Environment, EnvironmentError};
#[cfg(target_os = "linux")]
pub use helper::{Helper, HelperError};
pub use issuer::ProcessIssuer;
pub use plugin::ProcessPlugin;
pub use program::{Program, ProgramError};
pub use run::{ErrorOutput, Finished, Input, Limits, RunError};
pub use runner::Runner;

keyway_core::register! {
    keyway_issuers::Issuers {
        id: "process",
        name: "Keyway Process",
        version: "1.0.0",
        author: "The Keyway authors <keyway@example.org>",
        updated: 20261122,
        compatibility: ">=:1.0,<:2.0",
        plugin: ProcessPlugin,
    }
}
