//! Replays the vectors `session`: a plugin that follows a vector, and the calls of its host.
//!
//! Upstream's plugin reads and writes the account and the asset in its cookie; here they are typed fields, which the
//! rules of a vector see under the same names (decision S5). An exception becomes an error without an effect, except
//! `NotImplementedError`, which becomes the outcome `Unsupported`.
//!
//! ```text
//!   plugin.hooks ──► Rules ──┐
//!   config       ────────────┴──► Scripted, a CredentialStore ◄──── the engine ◄──── Driver
//!   steps        ──► HostCall, in order ─────────────────────────────────────────────┘ │
//!                                    the journal of the hooks, and the answers ◄───────┘
//!   expected     ──► Accounting, the hooks and the answer of each call, compared
//! ```

mod accounting;
mod answer;
mod driver;
mod journal;
mod plan;
mod replay;
mod rules;
mod scripted;
mod typed;
mod yields;

pub use accounting::{Accounting, hooks_of};
pub use journal::{HookCall, Journal};
pub use plan::{HostCall, Plan};
pub(super) use replay::Sessions;
pub use rules::{Effect, End, Rule, Rules};
pub use scripted::Scripted;
