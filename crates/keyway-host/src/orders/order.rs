//! Defines orders as clients place and see them.

use keyway_certificates::{AuthorityName, CaId, OrderId, OrderMetadata, Owner};
use keyway_core::Timestamp;

use super::asking::read_metadata;
use super::intents::order_id;
use super::renewal::Renewal;
use super::state::OrderState;
use super::workflow::OrderWorkflow;
use crate::records::Entry;

/// An order that a client places.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub(super) owner: Owner,
    pub(super) metadata: OrderMetadata,
    pub(super) request: Option<String>,
    pub(super) deadline: Option<Timestamp>,
    pub(super) renewal: Option<Renewal>,
}

impl NewOrder {
    /// Creates an order with the client's metadata. Only its owner sees it and acts on it (decision B19).
    ///
    /// The field `ca_id` names the certificate authority, as [`Orders::cas`](super::Orders::cas) lists them.
    /// Without it, the order goes to the one that the owner prefers, or to the first connection that supports
    /// it (decision B10).
    pub const fn new(owner: Owner, metadata: OrderMetadata) -> Self {
        Self { owner, metadata, request: None, deadline: None, renewal: None }
    }

    /// Sets the caller's own id of the request: placing it again finds the order of the first time.
    #[must_use]
    pub fn with_request_id(mut self, request: impl Into<String>) -> Self {
        self.request = Some(request.into());
        self
    }

    /// Renews the certificate by a linked order before it expires (decision B18). Without it, nothing is renewed.
    #[must_use]
    pub const fn with_renewal(mut self, renewal: Renewal) -> Self {
        self.renewal = Some(renewal);
        self
    }

    /// Sets the moment at which the order fails if it is not finished. There is none by default: an authority
    /// may wait for a person for weeks (decision B7).
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Timestamp) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

/// An order as its owner or an operator sees it (decision B17).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Its owner.
    pub owner: Owner,
    /// The connection that carries it out.
    pub authority: AuthorityName,
    /// The certificate authority that signs, by the plugin's own id; `None` is the plugin's default.
    pub ca: Option<CaId>,
    /// When it was placed.
    pub made: Timestamp,
    /// The moment at which it fails if it is not finished.
    pub deadline: Option<Timestamp>,
    /// The reference to the certificate in the host's secret store, once it is stored there.
    pub container: Option<String>,
    /// The reference to the newest certificate of this order's chain of renewals. All orders of the chain have the same
    /// reference.
    pub newest: Option<String>,
    /// The state of the order.
    pub state: OrderState,
}

impl Order {
    /// Describes the order of a record; `None` if the record was deleted.
    pub(super) fn of(workflow: &OrderWorkflow, entry: &Entry<OrderWorkflow>) -> Option<Self> {
        let (placed, state) = (&entry.fixed, entry.state.clone()?);
        let id = order_id(&entry.address.id);
        let store = workflow.certificates.as_ref().filter(|_| state.is_kept());
        let first = placed.chain_of(&entry.address.id).as_ref().map(order_id);
        Some(Self {
            newest: first.and_then(|first| Some(store?.newest_reference(&first))),
            container: store.map(|store| store.reference(&id)),
            id,
            owner: placed.owner.clone(),
            authority: placed.authority.clone(),
            ca: placed.ca.clone(),
            made: placed.made,
            deadline: placed.deadline,
            state,
        })
    }

    /// Returns the client's metadata, with the updates that the authority took over.
    pub fn metadata(&self) -> OrderMetadata {
        // The host wrote these metadata itself, so they can be read.
        read_metadata(&self.state.metadata).unwrap_or_default()
    }
}

/// A page of orders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OrderPage {
    /// The orders, sorted in a stable but arbitrary way.
    pub orders: Vec<Order>,
    /// The start of the next page; `None` after the last one.
    pub next: Option<OrderId>,
}
