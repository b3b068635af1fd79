//! Checks sessions at a credential store under any sequence of calls, failures and crashes.

mod answer;
mod clock;
mod ledger;
mod life;
mod oracle;
mod silence;
mod vault;
mod world;

pub use life::session_machine;
