//! Carries out the commands of the state machine by calling certificate authorities.

use std::sync::Arc;

use keyway_certificates::{AuthorityName, Capabilities};
use keyway_core::{PluginError, Timestamp};
use keyway_secrets::HostStores;
use keyway_x509::IssuedFacts;
use tokio::sync::Notify;
use tracing::warn;

use super::asking::one_line;
use super::authority::Connections;
use super::cas::{Cas, refresh_due};
use super::error::OrdersError;
use super::intents::order_id;
use super::issuance_log::{IssuanceLog, IssuedEntry};
use super::listeners::Listeners;
use super::machine::{self, Command, Event, Setup, TransitionError};
use super::policy::OrderPolicy;
use super::record::Placed;
use super::state::{About, KeptAs, OrderState, Phase};
use super::storing::CertificateStore;
use super::verified_orders::VerifiedOrders;
use crate::plugin::LaneGuard;
use crate::records::{Address, Due, Entry, Journal, Note, RecordError, RecordKind, Recorded};
use crate::work::{Carried, Claimed, Lane, Limits, Machine, Workflow};

/// The authorities of a host, and everything else that its orders need.
#[derive(Debug)]
pub(crate) struct OrderWorkflow {
    pub(super) authorities: Connections,
    pub(super) cas: Arc<Cas>,
    pub(super) limits: Limits,
    pub(super) listeners: Listeners,
    pub(super) policy: Option<Arc<dyn OrderPolicy>>,
    pub(super) stores: Arc<dyn HostStores>,
    pub(super) certificates: Option<CertificateStore>,
    pub(super) log: IssuanceLog,
    /// Requests that were verified when their orders were submitted.
    pub(super) verified: VerifiedOrders,
    /// The journal for checkpoints and renewal orders, which are stored while a step is carried out.
    pub(super) journal: Arc<Journal<Self>>,
    /// Notified of each stored step.
    pub(super) changed: Notify,
}

impl Recorded for OrderWorkflow {
    const KIND: RecordKind = RecordKind::Order;
    const LARGEST: usize = super::record::LARGEST;
    type Fixed = Placed;
    type State = OrderState;

    fn due(placed: &Placed, state: &OrderState) -> Due {
        if state.phase == Phase::Undecided {
            return Due::Decision;
        }
        let deadline = placed.deadline.filter(|_| state.is_open());
        state.next().into_iter().chain(deadline).min().map_or(Due::Never, Due::At)
    }

    fn lane(placed: &Placed) -> &str {
        placed.authority.as_str()
    }
}

type Done = Carried<OrderWorkflow>;

impl Workflow for OrderWorkflow {
    type Event = Event;
    type Command = Command;
    type TransitionError = TransitionError;
    type Live = ();
    type Answer = ();
    type Failure = OrdersError;

    const ENGINE: &'static str = "orders";
    const STEP: Machine<Self> = machine::step;

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn wake(&self, placed: &Placed, now: Timestamp) -> Event {
        Event::Wake { now, setup: self.setup(&placed.authority), deadline: placed.deadline }
    }

    fn record_id(entry: &Entry<Self>) -> String {
        order_id(&entry.address.id).to_string()
    }

    fn is_elsewhere(failure: &OrdersError) -> bool {
        matches!(failure, OrdersError::Refused(TransitionError::NotDue | TransitionError::NoOrder))
    }

    fn note(
        &self,
        entry: &Entry<Self>,
        next: Option<&OrderState>,
        event: &Event,
    ) -> Result<Option<Note>, RecordError> {
        let (Event::Answered(answered), Some(next)) = (event, next) else { return Ok(None) };
        let (placed, order, kept_as) = (&entry.fixed, order_id(&entry.address.id), next.kept_as());
        let late = answered.answer.certificate().filter(|_| kept_as == KeptAs::Late);
        let serial = answered.facts.as_ref().map(|facts| facts.serial.as_str());
        if late.is_some() {
            warn!(authority = %placed.authority, %order, serial, "a certificate came late, and is to be revoked");
        }
        let Some(facts) = &answered.facts else { return Ok(None) };
        let told = (answered.again.now, kept_as);
        let issued = IssuedEntry::of((order, &placed.owner, &placed.authority), facts, told);
        self.log.note(self.log.address(entry.address, next, late), issued).map(Some)
    }

    fn stored(&self, _: &Entry<Self>, _: &Self::Event) {
        self.changed.notify_waiters();
    }

    fn tick(&self, now: Timestamp) {
        refresh_due(&self.cas, &self.authorities, now).detach_all();
        self.authorities.maintain_due(self.cas.clock(), now).detach_all();
    }

    fn lanes(&self) -> Vec<Lane> {
        self.authorities.lanes()
    }

    fn guard(&self, lane: &str) -> Option<&dyn LaneGuard> {
        self.authorities.guard(lane)
    }

    async fn carry_out(&self, on: &Claimed<'_, Self>, command: Command, _: Option<&()>) -> Done {
        let Some(state) = &on.entry.state else {
            // A command always belongs to a stored record. Without a record, nothing is left to do.
            return Carried::done(Event::NotStored { again: on.again(None), message: String::new() });
        };
        // Boxed, to keep the futures of client calls small. Client calls seldom carry out a command.
        match command {
            Command::Ask(action) => Box::pin(self.ask(on, state, action)).await,
            Command::Store => Box::pin(self.store(on, state)).await,
            Command::Notify => Box::pin(self.notify(on, state)).await,
            Command::AskRenewal => Box::pin(self.ask_renewal(on, state)).await,
            Command::Renew => Box::pin(self.renew(on, state)).await,
        }
    }
}

impl OrderWorkflow {
    /// Describes an authority and the host for the state machine. Workers only take up orders of open connections.
    pub(super) fn setup(&self, authority: &AuthorityName) -> Setup {
        Setup {
            can: self.authorities.capabilities(authority).unwrap_or(Capabilities::MINIMAL),
            notifies: !self.listeners.is_empty(),
            keeps: self.certificates.is_some(),
        }
    }

    /// Stores the certificate of an order in the host's secret store. Repeating it after a crash changes nothing
    /// (decision B13).
    async fn store(&self, on: &Claimed<'_, Self>, state: &OrderState) -> Done {
        let Err(error) = self.keep(on, state).await else {
            let placed = &on.entry.fixed;
            let certificate = state.certificate.as_ref();
            let facts = certificate.and_then(|issued| IssuedFacts::read(issued.certificate.as_str()).ok());
            let (now, expires) = (on.now(), facts.as_ref().map(|facts| facts.not_after));
            let renew_at = facts.and_then(|facts| placed.renew_at(&facts, now));
            let setup = self.setup(&placed.authority);
            return Carried::done(Event::Stored { now, setup, expires, renew_at });
        };
        warn!(error = %error.detail(), "a certificate could not be stored, and is kept in the order");
        let again = on.again(error.kind().retry_after());
        Carried::failed(Event::NotStored { again, message: one_line(error.to_string()) }, error)
    }

    async fn keep(&self, on: &Claimed<'_, Self>, state: &OrderState) -> Result<(), OrdersError> {
        let (placed, order) = (&on.entry.fixed, order_id(&on.entry.address.id));
        let Some(certificate) = &state.certificate else { return Ok(()) };
        let Some(store) = &self.certificates else { return Ok(()) };
        let key = placed.key_container.as_deref();
        let mut kept = store.keep(&order, certificate, key).await;
        if let (Ok(()), Some(first)) = (&kept, placed.chain_of(&on.entry.address.id)) {
            kept = store.keep_newest(&order_id(&first), placed.made, &order, certificate, key).await;
        }
        kept.map_err(|error| OrdersError::NotKept { order, error })
    }

    /// Tells the listeners, unless the notice is out of date.
    async fn notify(&self, on: &Claimed<'_, Self>, state: &OrderState) -> Done {
        let order = order_id(&on.entry.address.id);
        let container = self.certificates.as_ref().map(|store| store.reference(&order));
        let is_news = match state.notice.as_ref().map(|notice| &notice.about) {
            Some(About::Expiring) => state.is_expiry_news(self.renewal_of(on, state).await.as_ref()),
            _ => true,
        };
        let owner = &on.entry.fixed.owner;
        let delivered =
            !is_news || self.listeners.tell(owner, order, state, container, self.limits.deadline).await;
        Carried::done(Event::Notified { again: on.again(None), delivered })
    }

    /// Loads the order that renews this one.
    async fn renewal_of(&self, on: &Claimed<'_, Self>, state: &OrderState) -> Option<OrderState> {
        let id = state.renewal.as_ref()?.id?;
        self.journal.load(Address { id, ..on.entry.address }).await.ok()??.state
    }
}
