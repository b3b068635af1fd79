//! Provides the engine to a host.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{AuthorityName, OrderId, OrderMetadata, OrderRequest, Owner, Support};

use super::authority::{Authority, AuthorityView, RunningAuthority};
use super::error::OrdersError;
use super::intents::{order_id, record_id};
use super::listeners::Listeners;
use super::machine::{Decision, Event, TransitionError};
use super::order::{NewOrder, Order, OrderPage};
use super::record::Placed;
use super::state::Phase;
use super::storing::CertificateStore;
use super::workflow::OrderWorkflow;
use crate::host::{HostError, Lent};
use crate::records::{Address, Entry, NameTag, random};
use crate::work::{Limits, Worker};

/// How long [`Orders::wait_for`] relies on this host alone before it reads the record again, since another
/// host may have changed it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The engine for certificate plugins: clients order certificates, change their orders, and cancel them.
///
/// It keeps a record of each order on a storage engine, sealed by the host's own keys (decision K1). Every
/// step is stored before an authority is asked (decision R2). Several hosts may share one storage engine.
///
/// Get it from [`Host::orders`](crate::Host::orders). Its calls store a client's wish and return; the
/// [host's loop](crate::Host::run) asks the authorities. A clone is another handle to the same engine. Its
/// futures need a tokio runtime, and block as much as the storage engine does.
#[derive(Clone, Debug)]
pub struct Orders {
    pub(crate) worker: Arc<Worker<OrderWorkflow>>,
}

/// Holds the settings of the engine until it is started.
#[derive(Debug, Default)]
pub(crate) struct OrderSettings {
    pub(crate) authorities: Vec<Authority>,
    pub(crate) limits: Limits,
    pub(crate) listeners: Listeners,
    pub(crate) certificates: Option<CertificateStore>,
}

type OrderEntry = Box<Entry<OrderWorkflow>>;

impl Orders {
    /// Opens all authorities.
    pub(crate) fn open_engine(lent: &Lent, settings: OrderSettings) -> Result<Self, HostError> {
        let OrderSettings { authorities, limits, listeners, certificates } = settings;
        let mut running: Vec<RunningAuthority> = Vec::with_capacity(authorities.len());
        for authority in authorities {
            if running.iter().any(|other| other.name == authority.name) {
                return Err(HostError::DuplicateAuthority { name: authority.name.to_string() });
            }
            running.push(RunningAuthority::open(authority, lent, &limits));
        }
        let workflow = OrderWorkflow {
            authorities: running,
            limits,
            listeners,
            certificates,
            journal: Arc::new(lent.journal()),
            changed: tokio::sync::Notify::new(),
        };
        Ok(Self { worker: lent.worker(workflow) })
    }

    /// Places an order. The authority is chosen now, and asked whether it supports the order; the host's loop
    /// then places the order there (decision B10).
    ///
    /// An order with a [request id](NewOrder::with_request_id) can be placed again without making a second
    /// one: the first one is returned.
    ///
    /// # Errors
    /// [`OrdersError::Metadata`] names the field; [`OrdersError::NoAuthority`], [`OrdersError::Faulty`],
    /// [`OrdersError::NotSupported`], [`OrdersError::NobodySupports`], [`OrdersError::Support`];
    /// [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the order placed or not. With a request id, place it again.
    pub async fn submit(&self, order: NewOrder) -> Result<Order, OrdersError> {
        let journal = &self.worker.journal;
        let id = match &order.request {
            Some(request) => journal.id_of(&[order.owner.as_str(), request.as_str()].map(str::as_bytes)),
            None => random()?,
        };
        let address = Address { scope: self.scope(&order.owner), id };
        if order.request.is_some()
            && let Some(known) = journal.load(address).await?.and_then(|known| self.view(&known))
        {
            return Ok(known);
        }
        let request = OrderRequest::new(order.metadata.clone());
        let authority = self.route(order.authority.as_ref(), &request).await?;
        let now = self.worker.clock.now();
        let placed = Placed {
            owner: order.owner,
            authority,
            ca: request.context.ca,
            generated_csr: request.context.generated_csr,
            made: now,
            deadline: order.deadline,
        };
        let event = Event::Submit { now, metadata: order.metadata.to_ascii() };
        match self.submit_event(Box::new(Entry::new(address, placed)), event).await {
            // Another caller placed the same request first.
            Err(OrdersError::Refused(TransitionError::Exists)) => self.read(address).await,
            submitted => submitted,
        }
    }

    /// Returns an order.
    ///
    /// # Errors
    /// [`TransitionError::NoOrder`]; [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn get(&self, owner: &Owner, order: &OrderId) -> Result<Order, OrdersError> {
        self.read(self.address(owner, order)?).await
    }

    /// Lists all orders of an owner, the oldest first.
    ///
    /// # Errors
    /// [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn list(&self, owner: &Owner) -> Result<Vec<Order>, OrdersError> {
        let entries = self.worker.journal.of_scope(&self.scope(owner)).await?;
        let mut orders: Vec<_> = entries.iter().filter_map(|entry| self.view(entry)).collect();
        orders.sort_by(|one, other| (one.made, &one.id).cmp(&(other.made, &other.id)));
        Ok(orders)
    }

    /// Waits until an order is finished, or waits for a person's [decision](Self::decide), and returns it.
    ///
    /// It waits without end for an authority that needs a person: put a time-out around it.
    ///
    /// # Errors
    /// [`TransitionError::NoOrder`], also when the order is deleted meanwhile; [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn wait_for(&self, owner: &Owner, order: &OrderId) -> Result<Order, OrdersError> {
        let address = self.address(owner, order)?;
        loop {
            let changed = self.worker.workflow.changed.notified();
            let order = self.read(address).await?;
            if matches!(order.state.phase, Phase::Finished(_) | Phase::Undecided) {
                return Ok(order);
            }
            // After the time, the record is read again all the same.
            let _ = tokio::time::timeout(LOOK_AGAIN, changed).await;
        }
    }

    /// Changes the metadata of an order that is not finished. The authority is told of them by the host's loop,
    /// and the order has them when the authority took them over (decision B8).
    ///
    /// # Errors
    /// [`TransitionError::NotModifiable`] if the authority knows the order and takes no changes;
    /// [`TransitionError::Finished`], [`TransitionError::Generated`], [`TransitionError::BeingCanceled`],
    /// [`TransitionError::Undecided`], [`TransitionError::NoOrder`]; [`OrdersError::Metadata`];
    /// [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the wish stored or not. It can be repeated.
    pub async fn modify(
        &self,
        owner: &Owner,
        order: &OrderId,
        metadata: &OrderMetadata,
    ) -> Result<Order, OrdersError> {
        let entry = self.load(self.address(owner, order)?).await?;
        let can = self.worker.workflow.setup(&entry.fixed.authority).can;
        let event = Event::Modify { now: self.worker.clock.now(), metadata: metadata.to_ascii(), can };
        self.submit_event(entry, event).await
    }

    /// Cancels an order that is not finished. The authority is told by the host's loop, and an order that it
    /// does not cancel at once stays pending (decision B8). Cancelling a canceled order succeeds.
    ///
    /// # Errors
    /// [`TransitionError::Finished`], [`TransitionError::Generated`], [`TransitionError::Undecided`],
    /// [`TransitionError::NoOrder`]; [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the wish stored or not. It can be repeated.
    pub async fn cancel(&self, owner: &Owner, order: &OrderId) -> Result<Order, OrdersError> {
        let entry = self.load(self.address(owner, order)?).await?;
        self.submit_event(entry, Event::Cancel { now: self.worker.clock.now() }).await
    }

    /// Deletes an order: cancels it if it is not finished, and removes the record when that is settled. The
    /// certificate stays in the secret store (decision B17). Returns the order as long as it is there.
    ///
    /// # Errors
    /// [`TransitionError::Undecided`]; [`OrdersError::Record`]. Deleting a missing order succeeds.
    ///
    /// # Cancel safety
    /// A dropped future leaves the wish stored or not. It can be repeated.
    pub async fn delete(&self, owner: &Owner, order: &OrderId) -> Result<Option<Order>, OrdersError> {
        let entry = match self.load(self.address(owner, order)?).await {
            Err(OrdersError::Refused(TransitionError::NoOrder)) => return Ok(None),
            entry => entry?,
        };
        let event = Event::Delete { now: self.worker.clock.now() };
        match self.worker.submit(entry, event, None).await {
            Ok(submitted) => Ok(self.view(&submitted.entry)),
            Err(failed) => match OrdersError::from(failed) {
                OrdersError::Refused(TransitionError::NoOrder) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Lists the orders of all owners that wait for a person's decision, at most `limit` of them. `after` is
    /// [`OrderPage::next`] of the page before.
    ///
    /// # Errors
    /// [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn undecided(&self, after: Option<&OrderId>, limit: usize) -> Result<OrderPage, OrdersError> {
        let after = after.and_then(record_id);
        let (entries, next) = self.worker.journal.undecided(after.as_ref(), limit).await?;
        let orders = entries.iter().filter_map(|entry| self.view(entry)).collect();
        Ok(OrderPage { orders, next: next.as_ref().map(order_id) })
    }

    /// Records a person's decision about an order, after a look at the authority.
    ///
    /// # Errors
    /// [`TransitionError::NothingToDecide`], [`TransitionError::NoOrder`]; [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the order decided or unchanged.
    pub async fn decide(
        &self,
        owner: &Owner,
        order: &OrderId,
        decision: Decision,
    ) -> Result<Order, OrdersError> {
        let entry = self.load(self.address(owner, order)?).await?;
        self.submit_event(entry, Event::Decide { now: self.worker.clock.now(), decision }).await
    }

    /// Lists the connections of this host, in the order of its configuration.
    pub fn authorities(&self) -> Vec<AuthorityView> {
        self.worker.workflow.authorities.iter().map(RunningAuthority::view).collect()
    }

    /// Chooses the authority of an order (decision B10).
    async fn route(
        &self,
        named: Option<&AuthorityName>,
        request: &OrderRequest,
    ) -> Result<AuthorityName, OrdersError> {
        let workflow = &self.worker.workflow;
        if let Some(name) = named {
            let no_authority = || OrdersError::NoAuthority { authority: name.clone() };
            let running = workflow.authority(name.as_str()).ok_or_else(no_authority)?;
            return match supports(running, request).await? {
                Support::Yes => Ok(name.clone()),
                Support::No { reason } => Err(OrdersError::NotSupported { authority: name.clone(), reason }),
            };
        }
        for running in &workflow.authorities {
            if let Ok(Support::Yes) = supports(running, request).await {
                return Ok(running.name.clone());
            }
        }
        Err(OrdersError::NobodySupports)
    }

    async fn submit_event(&self, entry: OrderEntry, event: Event) -> Result<Order, OrdersError> {
        let submitted = self.worker.submit(entry, event, None).await?;
        Ok(self.view(&submitted.entry).ok_or(TransitionError::NoOrder)?)
    }

    fn view(&self, entry: &Entry<OrderWorkflow>) -> Option<Order> {
        Order::of(&self.worker.workflow, entry)
    }

    async fn read(&self, address: Address) -> Result<Order, OrdersError> {
        let entry = self.load(address).await?;
        Ok(self.view(&entry).ok_or(TransitionError::NoOrder)?)
    }

    async fn load(&self, address: Address) -> Result<OrderEntry, OrdersError> {
        Ok(self.worker.journal.load(address).await?.ok_or(TransitionError::NoOrder)?)
    }

    fn address(&self, owner: &Owner, order: &OrderId) -> Result<Address, TransitionError> {
        let id = record_id(order).ok_or(TransitionError::NoOrder)?;
        Ok(Address { scope: self.scope(owner), id })
    }

    fn scope(&self, owner: &Owner) -> NameTag {
        self.worker.journal.scope(&[owner.as_str().as_bytes()])
    }
}

/// Asks an authority whether it can carry out a request.
async fn supports(running: &RunningAuthority, request: &OrderRequest) -> Result<Support, OrdersError> {
    let authority = running.name.clone();
    let opened = match &running.opened {
        Ok(opened) => opened,
        Err(fault) => return Err(OrdersError::Faulty { authority, fault: fault.clone() }),
    };
    let request_type = request.metadata.request_type()?;
    if !opened.capabilities.request_types.contains(&request_type) {
        let reason = format!("it takes no requests of the type \"{}\"", request_type.as_str().escape_debug());
        return Ok(Support::no(reason));
    }
    let request = request.clone();
    opened
        .call("supports", (), |ca| async move { ca.supports(&request).await })
        .await
        .map_err(|error| OrdersError::Support { authority, error })
}
