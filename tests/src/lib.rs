//! Provides the tools that Keyway's tests across crates share.
//!
//! - [`echo_issuer`]: an issuer that is the same in this process and as an executable;
//! - [`locker_answer`]: judges answers as Locker's official SDK does; `locker_sdk`: stores for tests that run the
//!   program `locker-sdk`;
//! - [`replay`]: golden vectors of upstream systems, replayed;
//! - [`rules_page`]: the page of all conformance rules;
//! - [`services`]: finds or makes the real programs that some tests run against, and reports tests that are skipped
//!   because such a program is missing;
//! - `sshd`: a real server for SSH logins.
//!
//! A test against a real program reads like this:
//!
//! ```
//! use keyway_tests::services::{CONVECTION, OrSkip as _, python_with};
//!
//! fn the_real_plugin_reads_what_we_wrote() {
//!     let Some(python) = python_with(&CONVECTION).or_skip("store files against the real plugin") else {
//!         return;
//!     };
//!     // Run `python`, look at what it says.
//! #   let _ = python;
//! }
//! ```

pub mod echo_issuer;
pub mod locker_answer;
#[cfg(unix)]
pub mod locker_sdk;
pub mod replay;
pub mod rules_page;
pub mod services;
#[cfg(unix)]
pub mod sshd;
pub mod torture;

/// The code of `docs/plugin-author.md`, compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/plugin-author.md")]
pub struct PluginAuthorPage;

/// The code of `docs/migrating.md`, compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/migrating.md")]
pub struct MigratingPage;
