//! Checks the life of one order under any sequence of events.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyway_certificates::{
    AuthorityName, Capabilities, CertificateAuthority, OrderId, OrderMetadata, Owner, RequestTypes,
};
use keyway_core::{Clock, Registry, Timestamp};
use keyway_host::Host;
use keyway_host::orders::{
    Action, Authority, Decision, End, Isolation, Limits, NewOrder, Order, OrderState, OrderStatus, Phase,
    Retries,
};
use keyway_storage::{Memory, Storage};

use super::ca::Ca;
use crate::records::{keys, run};

/// The maximum number of events in one input.
const MOST_EVENTS: usize = 48;
/// The time at which the life of the order begins, in milliseconds since 1970. The certificate is valid then.
const BEGINNING: u64 = 1_800_000_000_000;

#[derive(Debug)]
struct Still(AtomicU64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// The order, and everything around it.
struct World {
    storage: Arc<dyn Storage>,
    clock: Arc<Still>,
    ca: Arc<Ca>,
    host: Host,
}

fn owner() -> Owner {
    Owner::new("joe").expect("a name")
}

async fn host(storage: &Arc<dyn Storage>, clock: &Arc<Still>, ca: &Arc<Ca>) -> Host {
    let retries = Retries::default().with_attempts(3);
    let limits = Limits::default().with_isolation(Isolation::Inline).with_retries(retries);
    let name = AuthorityName::new("ca").expect("a name");
    Host::builder(Registry::builder().build().expect("no plugins"), Arc::clone(storage), keys())
        .name("web-1")
        .takeover_after(Duration::ZERO)
        .clock(Arc::clone(clock) as Arc<dyn Clock>)
        .order_limits(limits)
        .authority(Authority::with_authority(name, Arc::clone(ca) as Arc<dyn CertificateAuthority>))
        .start()
        .await
        .expect("a host")
}

impl World {
    async fn new(capabilities: u8) -> Self {
        let has = |bit: u8| capabilities & (1 << bit) != 0;
        let capabilities = Capabilities::MINIMAL
            .request_types(RequestTypes::CUSTOM)
            .idempotent(has(0))
            .reconciles(has(1))
            .modifies(has(2))
            .cancels(has(3))
            .revokes(has(4));
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let clock = Arc::new(Still(AtomicU64::new(BEGINNING)));
        let ca = Arc::new(Ca { capabilities, answers: Mutex::new(VecDeque::new()) });
        let host = host(&storage, &clock, &ca).await;
        Self { storage, clock, ca, host }
    }

    async fn work(&self) {
        self.host.run_due(self.clock.now()).await.expect("the storage engine works");
    }

    /// Lets one event happen. A refusal is a valid result.
    async fn happen(&mut self, order: &OrderId, event: u8, more: u8) {
        let orders = self.host.orders().clone();
        match event % 10 {
            0 => self.work().await,
            1 => {
                self.clock.0.fetch_add(u64::from(more) * 60_000, Ordering::SeqCst);
                self.work().await;
            }
            2 => {
                self.clock.0.fetch_sub(u64::from(more) * 1000, Ordering::SeqCst);
                self.work().await;
            }
            3 => {
                let metadata = format!(r#"{{"number": {more}}}"#);
                let metadata = OrderMetadata::from_json(metadata.as_bytes()).expect("an object");
                drop(orders.modify(&owner(), order, &metadata).await);
            }
            4 => drop(orders.cancel(&owner(), order).await),
            5 => drop(orders.delete(&owner(), order).await),
            6 => {
                let decisions = [Decision::NotPlaced, Decision::Placed, Decision::GiveUp];
                drop(orders.decide(&owner(), order, decisions[usize::from(more % 3)]).await);
            }
            // The process ends, and a new one starts.
            7 => {
                self.host = host(&self.storage, &self.clock, &self.ca).await;
                self.host.recover().await.expect("the storage engine works");
            }
            _ => self.ca.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back(more),
        }
    }
}

/// Checks the life of an order. The bytes of the input are the events and the answers.
///
/// After each event the state is legal, at most one action is scheduled, and a finished order keeps its end (decision
/// B8).
pub fn order_machine(data: &[u8]) {
    let Some((capabilities, events)) = data.split_first() else { return };
    run(async {
        let mut world = World::new(*capabilities).await;
        let placed = world.host.orders().submit(NewOrder::new(owner(), OrderMetadata::default())).await;
        let id = placed.expect("an order").id;
        let mut before = None;
        for event in events.chunks(2).take(MOST_EVENTS) {
            world.happen(&id, event[0], event.get(1).copied().unwrap_or_default()).await;
            let Ok(order) = world.host.orders().get(&owner(), &id).await else {
                assert!(world.host.orders().list(&owner()).await.is_ok_and(|all| all.is_empty()));
                return;
            };
            check(&order);
            check_lists(&world.host, &order).await;
            if let Some(earlier) = before.replace(order.state.clone()) {
                check_final(&earlier, &order.state);
            }
        }
    });
}

fn check(order: &Order) {
    let state = &order.state;
    let scheduled = state.scheduled.map(|scheduled| scheduled.action);
    let (status, is_scheduled) = match state.phase {
        Phase::Submitted => (OrderStatus::Pending, scheduled == Some(Action::Issue)),
        Phase::Waiting => (
            OrderStatus::Pending,
            scheduled.is_some_and(|action| !matches!(action, Action::Revoke | Action::Store)),
        ),
        Phase::Undecided => (OrderStatus::Pending, scheduled.is_none()),
        Phase::Finished(end) => {
            let is_late = state.late.as_ref().is_some_and(|late| !late.revoked);
            let status = if end == End::Failed { OrderStatus::Error } else { OrderStatus::Active };
            let is_scheduled = match scheduled {
                None => true,
                Some(Action::Revoke) => is_late,
                // The authority is asked to cancel an order that failed.
                Some(action) => end == End::Failed && matches!(action, Action::Cancel | Action::Check),
            };
            (status, is_scheduled)
        }
        // The host has no secret store, and no call is in progress between two events.
        Phase::Storing | Phase::Asking(_) => panic!("{state:?}"),
    };
    assert!(state.status() == status && is_scheduled, "{state:?}");
    assert!(!state.message.contains(char::is_control) && state.message.len() <= 1000, "{state:?}");
    if state.phase == Phase::Finished(End::Generated) {
        assert!(state.certificate.is_some(), "{state:?}");
    }
}

/// Checks that lists agree with the order itself.
async fn check_lists(host: &Host, order: &Order) {
    let listed = host.orders().list(&owner()).await.expect("the storage engine works");
    assert_eq!(listed.iter().map(|each| &each.state).collect::<Vec<_>>(), [&order.state]);
    let undecided = host.orders().undecided(None, 10).await.expect("the storage engine works");
    assert_eq!(undecided.orders.len(), usize::from(order.state.phase == Phase::Undecided));
}

/// Checks that the result of a finished order does not change.
fn check_final(earlier: &OrderState, later: &OrderState) {
    if let Phase::Finished(_) = earlier.phase {
        assert_eq!(earlier.phase, later.phase);
        assert_eq!(earlier.certificate, later.certificate);
        assert_eq!(earlier.message, later.message);
        assert_eq!(earlier.sub_status, later.sub_status);
    }
}
