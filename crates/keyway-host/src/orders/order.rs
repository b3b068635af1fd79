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
    /// Creates an order with the client's metadata. Only the owner of the order sees it and acts on it (decision B19).
    ///
    /// The field `ca_id` holds the id of a certificate authority from the list of [`Orders::cas`](super::Orders::cas).
    /// Without this field, the order goes to the authority that the owner prefers, or else to the first connection that
    /// supports the order (decision B10).
    pub const fn new(owner: Owner, metadata: OrderMetadata) -> Self {
        Self { owner, metadata, request: None, deadline: None, renewal: None }
    }

    /// Sets the caller's own id of the request. If the request is repeated with this id, the host returns the order of
    /// the first request. An id serves only one order: take another id after the order is deleted.
    #[must_use]
    pub fn with_request_id(mut self, request: impl Into<String>) -> Self {
        self.request = Some(request.into());
        self
    }

    /// Makes the host renew the certificate before it expires, by a linked order (decision B18). By default, nothing is
    /// renewed.
    #[must_use]
    pub const fn with_renewal(mut self, renewal: Renewal) -> Self {
        self.renewal = Some(renewal);
        self
    }

    /// Sets the time at which the order fails if it is not finished. The authority is then asked to cancel it (decision
    /// H321). By default there is no deadline, because an authority may wait for a person for weeks (decision B7).
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
    /// The id of the order.
    pub id: OrderId,
    /// The owner of the order.
    pub owner: Owner,
    /// The connection that was chosen for the order.
    pub authority: AuthorityName,
    /// The plugin's own id of the certificate authority that signs. `None` stands for the plugin's default authority.
    pub ca: Option<CaId>,
    /// The time at which the order was placed.
    pub made: Timestamp,
    /// The time at which the order fails if it is not finished.
    pub deadline: Option<Timestamp>,
    /// The reference to the certificate in the host's secret store, once it is stored there.
    pub container: Option<String>,
    /// The reference to the newest certificate of this order's chain of renewals. All orders of the chain have the same
    /// reference. A secret that only an older certificate has, such as a chain, is an empty text (decision H345). In a
    /// store without bulk writes, each secret that the certificate lacks is one.
    ///
    /// A store without bulk writes gets these secrets one by one, so a reader may see the certificate of one order with
    /// the chain of another for a moment. If the store also lacks versions, this lasts if two hosts store at the same
    /// time, until the next renewal. A reader that must not see it reads the secret `<newest>.order`, whose last word
    /// is the id of an order, usually the newest, and then the secrets of that order, which never change
    /// ([`container`](Self::container)).
    pub newest: Option<String>,
    /// The state of the order.
    pub state: OrderState,
}

impl Order {
    /// Returns the order of a record, or `None` if the record was deleted.
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

    /// Returns the client's metadata, with the updates that the authority accepted.
    pub fn metadata(&self) -> OrderMetadata {
        // The host wrote these metadata itself, so reading them does not fail.
        read_metadata(&self.state.metadata).unwrap_or_default()
    }
}

/// A page of orders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OrderPage {
    /// The orders, sorted in a stable but arbitrary way.
    pub orders: Vec<Order>,
    /// The start of the next page, or `None` if there is no next page.
    pub next: Option<OrderId>,
}
