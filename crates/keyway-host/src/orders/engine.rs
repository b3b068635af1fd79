//! The interface of the engine for certificate plugins.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{CaId, OrderId, OrderMetadata, OrderRequest, Owner, Pem, RevocationReason};
use keyway_secrets::{HostStores, StoreName};
use keyway_x509::NewRequestError;

use super::asking::read_metadata;
use super::authority::{Authority, AuthorityView, Connections, RunningAuthority};
use super::ca_table::CaTable;
use super::cas::{Cas, refresh_due};
use super::checking::sent;
use super::error::OrdersError;
use super::hosted_ca::HostedCa;
use super::intents::{order_id, record_id};
use super::issuance_log::{IssuanceLog, IssuedBy, IssuedPage};
use super::listeners::Listeners;
use super::machine::{Decision, Event, TransitionError};
use super::order::{NewOrder, Order, OrderPage};
use super::policy::OrderPolicy;
use super::record::Placed;
use super::routing::{Route, route};
use super::state::Phase;
use super::stored_key::make_request;
use super::storing::CertificateStore;
use super::subordinate::SubordinateCas;
use super::validation::{RequestError, ValidRequest, check_fixed, validate};
use super::verified_orders::VerifiedOrders;
use super::workflow::OrderWorkflow;
use crate::host::{HostError, Lent};
use crate::records::{Address, Entry, NameTag, random};
use crate::work::{Limits, Worker};

/// The longest time that [`Orders::wait_for`] waits for a change by this host. After this time, it reads the record
/// again, because another host may have changed the record.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The engine for certificate plugins: clients order certificates, change their orders, and cancel them.
///
/// It keeps a record of each order on a storage engine. The host's own keys seal the records (decision K1). Every step
/// is stored before an authority is called (decision R2). Several hosts may share one storage engine.
///
/// [`Host::orders`](crate::Host::orders) returns it. Its methods store a client's wish and return. The [host's
/// loop](crate::Host::run) calls the authorities later. A clone is another handle to the same engine. The futures need
/// a tokio runtime, and block as much as the storage engine does.
#[derive(Clone, Debug)]
pub struct Orders {
    pub(crate) worker: Arc<Worker<OrderWorkflow>>,
    pub(crate) subordinate: SubordinateCas,
}

/// The settings of the engine before it is started.
#[derive(Debug, Default)]
pub(crate) struct OrderSettings {
    pub(crate) authorities: Vec<Authority>,
    pub(crate) limits: Limits,
    pub(crate) listeners: Listeners,
    pub(crate) policy: Option<Arc<dyn OrderPolicy>>,
    /// The name of the store that keeps certificates.
    pub(crate) certificates: Option<StoreName>,
}

type OrderEntry = Box<Entry<OrderWorkflow>>;

/// The request that the host made from a stored key, and the reference to the key.
#[derive(Default)]
struct MadeRequest {
    csr: Option<Pem>,
    key_container: Option<String>,
}

impl Orders {
    /// Opens all connections, and asks each for its authorities.
    pub(crate) async fn open_engine(
        lent: &Lent,
        settings: OrderSettings,
        stores: Arc<dyn HostStores>,
    ) -> Result<Self, HostError> {
        let OrderSettings { authorities, limits, listeners, policy, certificates } = settings;
        let now = lent.plugins.clock.now();
        let mut table = CaTable::default();
        let mut running: Vec<Arc<RunningAuthority>> = Vec::with_capacity(authorities.len());
        for authority in authorities {
            if running.iter().any(|other| other.name == authority.name) {
                return Err(HostError::DuplicateAuthority { name: authority.name.to_string() });
            }
            table.connect(authority.name.clone(), now);
            running.push(Arc::new(RunningAuthority::open(authority, lent, &limits)));
        }
        let (running, cas) = (Connections(running.into()), Arc::new(Cas::new(table, lent)));
        refresh_due(&cas, &running, now).join_all().await;
        let subordinate = SubordinateCas::open(lent, running.clone(), Arc::clone(&cas), limits);
        let workflow = OrderWorkflow {
            authorities: running,
            cas,
            limits,
            listeners,
            policy,
            certificates: certificates.map(|name| CertificateStore { name, stores: Arc::clone(&stores) }),
            stores,
            log: IssuanceLog(Arc::new(lent.journal())),
            verified: VerifiedOrders::default(),
            journal: Arc::new(lent.journal()),
            changed: tokio::sync::Notify::new(),
        };
        Ok(Self { worker: lent.worker(workflow), subordinate })
    }

    /// Places an order. This method chooses the authority, and asks the authority's plugin whether the order is
    /// supported. The host's loop then sends the order to the authority (decision B10).
    ///
    /// A repeated call with the same [request id](NewOrder::with_request_id) returns the first order, and places no
    /// second one.
    ///
    /// # Errors
    /// [`OrdersError::Request`] names the field; [`OrdersError::Policy`], [`OrdersError::Ca`],
    /// [`OrdersError::Route`]; [`TransitionError::Deleted`] for the request id of a deleted order with a certificate;
    /// [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the order placed or not. With a request id, the call can be repeated.
    pub async fn submit(&self, order: NewOrder) -> Result<Order, OrdersError> {
        let journal = &self.worker.journal;
        let id = match &order.request {
            Some(request) => journal.id_of(&[order.owner.as_str(), request.as_str()].map(str::as_bytes)),
            None => random()?,
        };
        let address = Address { scope: self.scope(&order.owner), id };
        if order.request.is_some() {
            if let Some(known) = journal.load(address).await?.and_then(|known| self.view(&known)) {
                return Ok(known);
            }
            // The order would share the id of the deleted one: the authority would return that one's certificate.
            if self.worker.workflow.log.holds(address).await? {
                return Err(TransitionError::Deleted.into());
            }
        }
        let valid = validate(&order.metadata)?;
        let made = self.request_of(&order.owner, &order.metadata, &valid).await?;
        let named = order.metadata.ca_id().map_err(RequestError::from)?;
        let workflow = &self.worker.workflow;
        let chosen = workflow.cas.chosen(&order.owner, named.as_ref()).await?;
        let mut request = OrderRequest::new(order.metadata.clone());
        request.context.generated_csr.clone_from(&made.csr);
        let Route { authority, ca, .. } =
            route(&workflow.authorities.0, chosen.as_ref(), request.clone()).await?;
        let now = self.worker.clock.now();
        let placed = Placed {
            owner: order.owner,
            authority,
            ca,
            generated_csr: made.csr,
            replaces: None,
            key_container: made.key_container,
            chain: None,
            renewal: order.renewal,
            made: now,
            deadline: order.deadline,
        };
        let event = Event::Submit { now, metadata: order.metadata.to_ascii() };
        request.context.ca.clone_from(&placed.ca);
        workflow.verified.remember(id, request);
        let submitted = self.submit_event(Box::new(Entry::new(address, placed)), event).await;
        if submitted.is_err() {
            workflow.verified.forget(&id);
        }
        match submitted {
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

    /// Waits until an order is finished or needs a person's [decision](Self::decide), and returns the order.
    ///
    /// There is no time limit, and an authority may have to wait for a person. Put a time-out around the call.
    ///
    /// # Errors
    /// [`TransitionError::NoOrder`], even if the order is deleted during the wait; [`OrdersError::Record`].
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
            // The result does not matter: the record is read again after a change and after the time-out.
            let _ = tokio::time::timeout(LOOK_AGAIN, changed).await;
        }
    }

    /// Changes the metadata of an order that is not finished. If the authority does not have the order yet, the order
    /// gets the new metadata at once. Otherwise the host's loop sends the new metadata to the authority, and the order
    /// gets it when the authority has accepted it (decision B8). While the connection is not open, the host does not
    /// know whether the authority accepts changes, and stores the wish. If the authority does not, the order stays as
    /// it was.
    ///
    /// # Errors
    /// [`TransitionError::NotModifiable`] if the authority has the order already and accepts no changes;
    /// [`TransitionError::Finished`], [`TransitionError::Generated`], [`TransitionError::BeingCanceled`],
    /// [`TransitionError::Undecided`], [`TransitionError::NoOrder`]; [`OrdersError::Request`], [`OrdersError::Policy`];
    /// [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the wish stored or not. The call can be repeated.
    pub async fn modify(
        &self,
        owner: &Owner,
        order: &OrderId,
        metadata: &OrderMetadata,
    ) -> Result<Order, OrdersError> {
        let entry = self.load(self.address(owner, order)?).await?;
        let is_made = entry.fixed.generated_csr.is_some();
        if let Some(state) = &entry.state {
            let before = read_metadata(&state.metadata).unwrap_or_default();
            check_fixed(&before, metadata, is_made).map_err(RequestError::from)?;
        }
        let valid = validate(metadata)?;
        if !is_made {
            self.worker.workflow.permit(owner, sent(metadata, &valid).as_deref())?;
        }
        let can = self.worker.workflow.authorities.capabilities(&entry.fixed.authority);
        let event = Event::Modify { now: self.worker.clock.now(), metadata: metadata.to_ascii(), can };
        self.submit_event(entry, event).await
    }

    /// Cancels an order that is not finished. If the authority does not have the order yet, the order is canceled at
    /// once. Otherwise the host's loop tells the authority. If the authority does not cancel the order at once, the
    /// order stays pending (decision B8). Cancelling a canceled order succeeds.
    ///
    /// # Errors
    /// [`TransitionError::Finished`], [`TransitionError::Generated`], [`TransitionError::Undecided`],
    /// [`TransitionError::NoOrder`]; [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the wish stored or not. The call can be repeated.
    pub async fn cancel(&self, owner: &Owner, order: &OrderId) -> Result<Order, OrdersError> {
        let entry = self.load(self.address(owner, order)?).await?;
        self.submit_event(entry, Event::Cancel { now: self.worker.clock.now() }).await
    }

    /// Revokes the certificate of an order, also one in quarantine. The host's loop tells the authority, and retries
    /// after a failure, unless the failure is final or the attempts are used up.
    /// [`OrderState::revocation`](super::OrderState::revocation) tells whether the authority has revoked the
    /// certificate, and the log of issued certificates has the time.
    /// Revoking a revoked certificate succeeds. A repeated call after a failure starts the retries anew (decision B18).
    /// While the connection is not open, the host does not know whether the authority revokes, and stores the wish. If
    /// the authority does not, the order stays as it was.
    ///
    /// # Errors
    /// [`TransitionError::NoCertificate`], [`TransitionError::NotRevocable`], [`TransitionError::NoOrder`];
    /// [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the wish stored or not. The call can be repeated.
    pub async fn revoke(
        &self,
        owner: &Owner,
        order: &OrderId,
        reason: RevocationReason,
    ) -> Result<Order, OrdersError> {
        let entry = self.load(self.address(owner, order)?).await?;
        let can = self.worker.workflow.authorities.capabilities(&entry.fixed.authority);
        self.submit_event(entry, Event::Revoke { now: self.worker.clock.now(), reason, can }).await
    }

    /// Deletes an order. An order that is not finished is canceled first, and the record is removed when the order is
    /// settled. The certificate stays in the secret store (decision B17). Returns the order, or `None` if its record is
    /// removed already.
    ///
    /// # Errors
    /// [`TransitionError::Undecided`]; [`OrdersError::Record`]. Deleting a missing order succeeds.
    ///
    /// # Cancel safety
    /// A dropped future leaves the wish stored or not. The call can be repeated.
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

    /// Lists at most `limit` of all owners' orders that wait for a person's decision. `after` is [`OrderPage::next`] of
    /// the previous page.
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

    /// Records the decision of a person who has looked at the order at the authority. Returns the order after the
    /// decision. Returns `None` if the decision ends an order that a client has deleted: the record of such an order is
    /// removed.
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
    ) -> Result<Option<Order>, OrdersError> {
        let entry = self.load(self.address(owner, order)?).await?;
        let can = self.worker.workflow.authorities.capabilities(&entry.fixed.authority);
        let event = Event::Decide { now: self.worker.clock.now(), decision, can };
        Ok(self.view(&self.worker.submit(entry, event, None).await?.entry))
    }

    /// Lists the connections of this host, in the order of its configuration.
    pub fn authorities(&self) -> Vec<AuthorityView> {
        self.worker.workflow.authorities.0.iter().map(|running| running.view()).collect()
    }

    /// Returns the engine for subordinate authorities.
    pub const fn subordinate_cas(&self) -> &SubordinateCas {
        &self.subordinate
    }

    /// Lists the certificate authorities that an owner may use, ordered by id.
    pub fn cas(&self, owner: &Owner) -> Vec<HostedCa> {
        let table = self.worker.workflow.cas.table();
        table.all().filter(|ca| table.owners().may_use(owner, &ca.id)).cloned().collect()
    }

    /// Sets the preferred certificate authority of an owner. An order of the owner that names no authority goes to the
    /// preferred one. `None` as owner sets the preference for all owners without a preference of their own. `None` as
    /// authority removes the preference.
    ///
    /// # Errors
    /// [`OrdersError::Ca`] when the owner may not use the authority (decision B19), or when the preference is for all
    /// owners, and the authority is unknown or belongs to one owner; [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the preference set or unchanged.
    pub async fn prefer(&self, owner: Option<&Owner>, ca: Option<&CaId>) -> Result<(), OrdersError> {
        self.worker.workflow.cas.prefer(owner, ca).await
    }

    /// Searches the log of issued certificates of all owners, and returns at most `limit` entries. `after` is
    /// [`IssuedPage::next`] of the previous page. A search by name finds a certificate only by its first 100 names.
    /// [`IssuedEntry::kept_as`](super::IssuedEntry::kept_as) tells a certificate in use from one in quarantine, and
    /// from one that came late.
    ///
    /// # Errors
    /// [`OrdersError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn issued(
        &self,
        by: IssuedBy<'_>,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<IssuedPage, OrdersError> {
        let after = after.and_then(record_id);
        Ok(self.worker.workflow.log.find(by, after.as_ref(), limit).await?)
    }

    /// Checks a request against the policy. For a stored key, the request is made here first.
    async fn request_of(
        &self,
        owner: &Owner,
        metadata: &OrderMetadata,
        valid: &ValidRequest,
    ) -> Result<MadeRequest, OrdersError> {
        let ValidRequest::StoredKey(stored) = valid else {
            self.worker.workflow.permit(owner, sent(metadata, valid).as_deref())?;
            return Ok(MadeRequest::default());
        };
        let container = stored.container.to_string();
        let request = match Box::pin(make_request(&*self.worker.workflow.stores, stored)).await {
            Ok(request) => request,
            Err(error) => return Err(OrdersError::StoredKey { container, error: Box::new(error) }),
        };
        let csr = Pem::new(request.to_pem()).map_err(|_| OrdersError::StoredKey {
            container: container.clone(),
            error: Box::new(NewRequestError::TooLong { most: Pem::MAX_BYTES }.into()),
        })?;
        self.worker.workflow.permit(owner, Some(&request))?;
        Ok(MadeRequest { csr: Some(csr), key_container: Some(container) })
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
