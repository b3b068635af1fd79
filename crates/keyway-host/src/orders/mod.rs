//! Runs certificate authorities for a host.

mod answers;
mod asking;
mod authority;
mod checkpoint;
mod engine;
mod error;
mod intents;
mod listeners;
mod machine;
mod order;
mod record;
mod state;
mod storing;
mod workflow;

pub use crate::plugin::Isolation;
pub use crate::work::{Limits, Retries};
pub use authority::{Authority, AuthorityFault, AuthorityView};
pub(crate) use engine::OrderSettings;
pub use engine::Orders;
pub use error::OrdersError;
pub use machine::{Decision, TransitionError};
pub use order::{NewOrder, Order, OrderPage};
pub use state::{Action, End, Late, OrderState, OrderStatus, Phase, Scheduled};
pub(crate) use storing::{CertificateStore, OpenedStore};
