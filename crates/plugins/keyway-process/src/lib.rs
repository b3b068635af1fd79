//! Any WaTTS executable as an issuer.
//!
//! The plugin `process` ([`ProcessPlugin`]) runs the executable that its configuration
//! names: once to describe itself, once for each request and each revocation. What goes to
//! and fro is the wire format of [`keyway_issuers::wire`]; what happens around it, and what
//! an executable can do wrong, is the business of this crate (decision W7).
//!
//! ```
//! use keyway_issuers::{
//!     Context, CredentialRequest, Issuers, OpenContext, RequestOutcome, Revocation, ServiceName, UserInfo,
//! };
//!
//! // An executable, in shell to be short. A real one decodes what it gets.
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
//! [`ProcessConfiguration`] lists what can be configured. The other way round, a Rust
//! issuer as an executable, is the crate `keyway-executable`.
//!
//! # How it is run
//!
//! | | |
//! | --- | --- |
//! | shell | none: the executable is an absolute path, or found in `PATH`, and gets its arguments as they are |
//! | input | the description is asked for by argument, since nothing of it is secret; requests and revocations go by standard input when the executable has the feature `stdin`, else by argument if `allow_argv` is set (decision W1) |
//! | environment | empty but for `PATH`, `HOME`, `LANG`, `TZ`, what is configured, and [`KEYWAY_RUN`](Environment::RUN_MARK) |
//! | output | at most 1 MiB, then it is killed |
//! | error output | the last 8 KiB go to the log (detail of an error, or level debug), without what they share with a secret of the call, and, where the answer was not accepted, with the answer: runs of eight bytes and more ([`ErrorOutput::for_log`]) |
//! | time | 30 seconds from its start; waiting for a place is not counted |
//! | at once | one, or `parallel` |
//! | end | when the executable itself ends, whoever else still holds its streams; an executable that closes its input early is in order |
//!
//! An issuer needs no runtime. A call starts the executable on the caller's thread, which
//! takes the system a fraction of a millisecond; threads of this crate wait for the
//! executables, and end when there is nothing to wait for. Dropping the future of a call
//! kills what it runs. A place in the queue is kept until everything of a run is gone.
//!
//! # What is left behind
//!
//! The mode in force decides which processes of an executable are ended with it. A line of the log at level
//! info names the mode, when an issuer is opened or its helper is first started.
//!
//! | in force | needs | what escapes |
//! | --- | --- | --- |
//! | `marks` | nothing | see below |
//! | `subreaper` | [`helper`](ProcessConfiguration::helper) | a process that took on the rights of another user, unless the host is root; where a program kills or stops its helper, what escapes from marks |
//! | `cgroup` | and [`cgroup`](ProcessConfiguration::cgroup) | what moves itself to another cgroup, where it may, and kills or stops the helper |
//!
//! The helper also closes what the host has open without close-on-exec, and ends a run when the host
//! dies (H65). Without it:
//!
//! Every executable leads a process group of its own. When it ends by itself, what is left
//! of the group is killed (`SIGKILL`). When it has to end, because of its deadline, its
//! output, or because its caller is gone, it and the group get `SIGTERM`, half a second of
//! grace, and `SIGKILL`; also when it left the group itself.
//!
//! On Linux, what left the group is killed too, daemons among it. Such a process is known
//! by the variable `KEYWAY_RUN` in its environment, which has a new value for each run, or,
//! while the executable still runs, by its parents. **What escapes** is a process that does
//! all of this: it leaves the group, replaces its environment, and loses its parent before
//! a search looks at it. Where the host is not root, a process also escapes whose environment cannot be read: one
//! that takes on the rights of another user, and one that forbids it, as `ssh-agent` does. This crate does
//! not make the host a subreaper: that would change what happens to every child of the host, also to those
//! that are none of its business. On other systems the process group is all.
//!
//! Searching ends with the deadline of the run (after two seconds at the latest, and never before 50
//! milliseconds). Neither a large environment nor one that cannot be read without waiting holds it up: a
//! megabyte of each is read, and only of processes that are younger than the executable (H64). Where
//! something could not be looked at in time, that is logged at level warn.
//!
//! When the host itself is killed, its executables go on, unless there is a helper. The intent that the host
//! stored before tells about them after the restart (decision R2).
//!
//! # What a host has to keep
//!
//! The standard library finds out how a child ended by waiting for it. A host that ignores
//! `SIGCHLD`, or waits for children that are not its own, takes that away; runs then end
//! with an error. Files that a host opens without close-on-exec (Rust opens none so) are
//! open in every executable that no helper starts.
//!
//! # What it does not hide
//!
//! An argument is seen by every user of the machine while the executable runs, and copies
//! of it in the system are not wiped. Standard input is not seen, and is zeroized here, as
//! the output is.
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
