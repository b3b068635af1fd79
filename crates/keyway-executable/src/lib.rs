//! Turns any issuer into a WaTTS executable. That takes one line of code.
//!
//! The executable runs under WaTTS itself (the real host), and under every host of this project through the plugin
//! `process` (crate `keyway-process`).
//!
//! A crate that registers an issuer becomes an executable by this `src/main.rs`:
//!
//! ```no_run
//! # mod passwords {
//! #     #[derive(Debug)] pub struct Passwords;
//! #     impl keyway_issuers::IssuerPlugin for Passwords {
//! #         fn open(&self, _: &keyway_issuers::OpenContext)
//! #         -> Result<std::sync::Arc<dyn keyway_issuers::Issuer>, keyway_issuers::IssuerError> { unimplemented!() }
//! #     }
//! #     keyway_issuers::register! { keyway_issuers::Issuers {
//! #         id: "passwords", name: "Passwords", version: "1.0.0", author: "Ada <ada@example.org>",
//! #         updated: 20261122, compatibility: ">=:1.0,<:2.0", description: "Makes passwords", plugin: Passwords,
//! #     } }
//! # }
//! keyway_executable::main!(passwords);
//! ```
//!
//! | the crate | the line |
//! | --- | --- |
//! | registers one issuer | `main!(passwords);` |
//! | registers several | `main!(passwords, id = "door");` |
//! | has a configuration of its own | `main!(passwords, configuration = serde_json::json!({"folder": "/srv/door"}));` |
//! | needs tokio (feature `tokio`) | `main!(tokio, passwords);` |
//!
//! [`run`] does everything else: it reads the argument, or standard input if there is none, answers all three actions,
//! prints exactly one JSON object and nothing else, and ends with status 0. A failure, even a panic, becomes an error
//! object with a message for the user and one for the log. If an effect may remain, the object says so by the key
//! `effect_unknown`, and a host of this project then keeps the intent of the call.
//!
//! [`answer`] does the same without a process around it:
//!
//! ```
//! use keyway_executable::answer;
//! use keyway_issuers::wire::{Ended, Profile, WireOptions, host};
//! use keyway_issuers::{
//!     Capabilities, Context, CredentialRequest, Description, Issued, Issuer, IssuerError, RequestOutcome, Revocation,
//!     UserInfo, async_trait,
//! };
//!
//! #[derive(Debug)]
//! struct Greeter;
//!
//! #[async_trait]
//! impl Issuer for Greeter {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::MINIMAL
//!     }
//!
//!     async fn describe(&self) -> Result<Description, IssuerError> {
//!         Description::builder("1.0.0")
//!             .text("greeting", "hello")
//!             .build()
//!             .map_err(|error| IssuerError::system("describe itself", error))
//!     }
//!
//!     async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
//!         let greeting = request.context.configuration.text("greeting").unwrap_or_default();
//!         Ok(Issued::new(format!("{greeting}, {}", request.context.requester.user_info.subject())).into())
//!     }
//!
//!     async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
//!         Err(IssuerError::refused("A greeting cannot be taken back.", "greetings stay"))
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! let joe = Context::new(UserInfo::new("https://issuer.example.com", "joe"));
//! let sent = host::encode_request(&CredentialRequest::new(joe), &WireOptions::new("1.6.1"));
//! let printed = answer(&Greeter, sent.expose().as_bytes()).await;
//!
//! let outcome = host::decode_outcome(printed.expose().as_bytes(), Ended::SUCCESS, Profile::Strict)?;
//! assert_eq!(outcome, RequestOutcome::Issued(Issued::new("hello, joe")));
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # What an executable cannot do
//! The wire protocol has no `reconcile`. So after a crash during a request, the host can learn the outcome only if the
//! issuer is [idempotent](keyway_issuers::Capabilities::idempotent). The executable declares in its features whether
//! the issuer is idempotent.
//!
//! Every user of the machine can see an argument, and this crate cannot wipe it. The executable declares that it reads
//! standard input, and hosts that know this feature use it.
//!
//! # Features
//! `tokio` adds `main!(tokio, ...)` and `run_on_tokio`. It is off by default. Without it, there is no runtime: the
//! issuer's futures are polled on the main thread.

mod answer;
mod open;
mod run;
mod streams;

pub use answer::answer;
pub use open::{OpenError, open};
pub use run::run;
#[cfg(feature = "tokio")]
pub use run::run_on_tokio;

/// Writes the `main` of an executable for a crate's issuer. See the [front page](crate) for the forms of the macro.
#[macro_export]
macro_rules! main {
    (tokio, $($plugin:ident)::+ $(, id = $id:expr)? $(, configuration = $configuration:expr)? $(,)?) => {
        $crate::main! { @write run_on_tokio, $($plugin)::+ $(, id = $id)? $(, configuration = $configuration)? }
    };
    (@write $run:ident, $($plugin:ident)::+ $(, id = $id:expr)? $(, configuration = $configuration:expr)?) => {
        fn main() -> ::std::process::ExitCode {
            const PLUGINS: $crate::__private::Plugins = $crate::__private::plugins! { $($plugin)::+ };
            $crate::$run(|| {
                let id = $crate::__private::or_none($crate::__private::first![$($id)?]);
                let configuration = $crate::__private::or_empty($crate::__private::first![$($configuration)?]);
                ::std::result::Result::Ok($crate::open(&PLUGINS, id, configuration)?)
            })
        }
    };
    ($($plugin:ident)::+ $(, id = $id:expr)? $(, configuration = $configuration:expr)? $(,)?) => {
        $crate::main! { @write run, $($plugin)::+ $(, id = $id)? $(, configuration = $configuration)? }
    };
}

/// The items that [`main!`] expands to.
#[doc(hidden)]
pub mod __private {
    pub use crate::__first as first;
    pub use keyway_core::{Json, Plugins, plugins};

    pub fn or_none(id: Option<&'static str>) -> Option<&'static str> {
        id
    }

    pub fn or_empty(configuration: Option<serde_json::Value>) -> Json {
        configuration.map_or_else(Json::default, Json::from)
    }
}

/// Expands to the first argument, if there is one.
#[doc(hidden)]
#[macro_export]
macro_rules! __first {
    [] => { ::std::option::Option::None };
    [$given:expr] => { ::std::option::Option::Some($given) };
}
