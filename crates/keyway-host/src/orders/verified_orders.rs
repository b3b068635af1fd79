//! Remembers the verified requests of the latest submitted orders. A request is remembered until the plugin is first
//! called for its order.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyway_certificates::OrderRequest;

use crate::records::NameTag;

/// The maximum number of orders that are remembered. The request of an order that is not remembered is verified again.
const MOST: usize = 128;

/// The data of recently submitted orders, with verified requests (decision H145).
#[derive(Debug, Default)]
pub(super) struct VerifiedOrders(Mutex<VecDeque<(NameTag, OrderRequest)>>);

impl VerifiedOrders {
    /// Remembers an order, and forgets the oldest one if there are too many.
    pub(super) fn remember(&self, id: NameTag, request: OrderRequest) {
        let mut orders = self.orders();
        if orders.len() == MOST {
            orders.pop_front();
        }
        orders.push_back((id, request));
    }

    /// Forgets an order, and returns its remembered data and `true` if they equal `stored`. Otherwise returns `stored`,
    /// whose request is not verified, and `false`.
    pub(super) fn take(&self, id: &NameTag, stored: OrderRequest) -> (OrderRequest, bool) {
        match self.forget(id) {
            Some(known) if known == stored => (known, true),
            _ => (stored, false),
        }
    }

    /// Forgets an order, and returns its data.
    pub(super) fn forget(&self, id: &NameTag) -> Option<OrderRequest> {
        let mut orders = self.orders();
        let at = orders.iter().rposition(|(known, _)| known == id)?;
        orders.remove(at).map(|(_, request)| request)
    }

    fn orders(&self) -> MutexGuard<'_, VecDeque<(NameTag, OrderRequest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
