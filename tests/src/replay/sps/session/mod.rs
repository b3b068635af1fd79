//! `session`: a plugin that follows a vector, and the calls of its host.
//!
//! Upstream's plugin reads and writes the account and the asset in its cookie; here they are typed fields, which the
//! rules of a vector see under the same names (decision S5). An exception is an error that left nothing, except
//! `NotImplementedError`, which is the outcome `Unsupported`.
//!
//! ```text
//!   plugin.hooks ──► Rules ──┐
//!   config       ────────────┴──► Scripted, a CredentialStore ──► the journal of its hooks
//!   steps        ──► HostCall, in order                              │
//!   expected     ──► Accounting, and the hooks of each call ◄────────┘ compared
//! ```

mod accounting;
mod journal;
mod plan;
mod rules;
mod scripted;
mod typed;
mod yields;

pub use accounting::{Accounting, hooks_of};
pub use journal::{HookCall, Journal};
pub use plan::{HostCall, Plan};
pub use rules::{Effect, End, Rule, Rules};
pub use scripted::Scripted;
