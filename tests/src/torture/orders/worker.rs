//! The tasks of a host: clients that order certificates.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{OrderId, OrderMetadata};
use keyway_core::PluginError as _;
use keyway_host::orders::{End, NewOrder, Order, OrdersError, Phase};
use tokio::time::timeout;

use super::Defect;
use super::acme;
use super::host::{Host, owner, storage};
use super::plan::{Kind, Plan};
use crate::torture::draw::Draw;
use crate::torture::hosting::{is_passing, reported};
use crate::torture::line::{Line, State, say};

/// The number of clients.
const TASKS: u32 = 4;
/// The longest wait of a client for a certificate.
const PATIENCE: Duration = Duration::from_millis(500);
/// The name of the certificate below the name of its order.
pub(super) const CERTIFICATE: &str = "certificate";
/// The field of the metadata in which a client stores the name of its order.
pub(super) const CELL: &str = "cell";

/// Works until the process is killed.
pub(super) async fn run(plan: Plan) {
    reported(work(plan)).await;
}

async fn work(plan: Plan) -> Result<(), String> {
    let storage = storage(&plan).await?;
    let host = Arc::new(Host::start(&plan, plan.slot, &storage).await?);
    host.make_store().await;
    let clients = (0..TASKS).map(|number| {
        let draw = Draw::new(plan.seed).fork(100 + u64::from(number));
        let mut client = Client { host: Arc::clone(&host), plan: plan.clone(), number, draw, orders: 0 };
        tokio::spawn(async move { client.run().await })
    });
    let clients: Vec<_> = clients.collect();
    host.engines.run(pending()).await.map_err(|error| error.detail())?;
    drop(clients);
    Ok(())
}

struct Client {
    host: Arc<Host>,
    plan: Plan,
    number: u32,
    draw: Draw,
    orders: u32,
}

impl Client {
    async fn run(&mut self) {
        loop {
            if let Err(error) = self.order().await
                && !is_passing(error.kind())
            {
                return say(&Line::Corrupt(format!("an order failed: {}", error.detail())));
            }
        }
    }

    /// Returns the task number under which the client reports its certificate in the ledger. The certificate is a cell
    /// of its own, because it can come long after the order was acknowledged.
    fn certificate_task(&self) -> u32 {
        TASKS + self.number
    }

    async fn order(&mut self) -> Result<(), OrdersError> {
        self.orders += 1;
        let Plan { slot, round, .. } = self.plan;
        let cell = format!("o{slot}.{round}.{}.{}", self.number, self.orders);
        let task = self.number;
        let below = format!("{cell}/{CERTIFICATE}");
        say(&Line::Begun { task: self.certificate_task(), cell: below.clone(), state: State::of(&below) });
        say(&Line::Begun { task, cell: cell.clone(), state: State::of(&cell) });
        let request = (self.plan.kind == Kind::Acme).then(|| acme::request(&cell));
        let metadata = |change| metadata(&cell, change, request.as_deref());
        let placed = self.place(&cell, metadata(0)).await?;
        say(&Line::Acknowledged { task });
        if self.draw.chance(10) {
            let again = self.place(&cell, metadata(0)).await?;
            if again.id != placed.id {
                say(&Line::Doubled(format!("{cell} was placed as {} and {}", placed.id, again.id)));
            }
        }
        // With this defect, all orders are canceled, to get enough late certificates.
        let is_canceled = matches!(
            self.plan.defect,
            Some(Defect::KeepsLateCertificates | Defect::KeepsLateAcmeCertificates)
        );
        match if is_canceled { 1 } else { self.draw.below(10) } {
            0 => self.delete(&cell, &placed.id).await?,
            1 | 2 => {
                self.pause().await;
                is_taken(self.host.orders.cancel(&owner(), &placed.id)).await?;
            }
            3 => {
                self.pause().await;
                is_taken(self.host.orders.modify(&owner(), &placed.id, &metadata(1))).await?;
                self.wait(&cell, &placed.id).await?;
            }
            _ => self.wait(&cell, &placed.id).await?,
        }
        Ok(())
    }

    async fn place(&self, cell: &str, metadata: OrderMetadata) -> Result<Order, OrdersError> {
        let order = NewOrder::new(owner(), metadata).with_request_id(cell);
        self.host.orders.submit(order).await
    }

    /// Waits for a moment, or not at all: within a few milliseconds most orders have a certificate.
    async fn pause(&mut self) {
        if self.draw.chance(50) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(self.draw.below(15))).await;
    }

    async fn wait(&self, cell: &str, order: &OrderId) -> Result<(), OrdersError> {
        let Ok(waited) = timeout(PATIENCE, self.host.orders.wait_for(&owner(), order)).await else {
            return Ok(());
        };
        let state = waited?.state;
        match state.phase {
            Phase::Finished(End::Generated) => say(&Line::Acknowledged { task: self.certificate_task() }),
            Phase::Finished(End::Failed) => {
                say(&Line::Corrupt(format!("{cell} failed: {}", state.message)));
            }
            _ => {}
        }
        Ok(())
    }

    async fn delete(&mut self, cell: &str, order: &OrderId) -> Result<(), OrdersError> {
        self.pause().await;
        self.host.note_deleted(order, cell);
        say(&Line::Begun { task: self.number, cell: cell.to_owned(), state: State::Absent });
        match is_taken(self.host.orders.delete(&owner(), order)).await {
            Ok(true) => say(&Line::Acknowledged { task: self.number }),
            Ok(false) => say(&Line::Refused { task: self.number }),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn metadata(cell: &str, change: u32, request: Option<&str>) -> OrderMetadata {
    let mut fields = serde_json::json!({ CELL: cell, "change": change });
    if let Some(request) = request {
        fields["request_data"] = request.into();
    }
    OrderMetadata::from_json(fields.to_string().as_bytes()).expect("a small object")
}

/// Tells whether an order accepted a client's request. An order that is finished or undecided refuses the request.
async fn is_taken<T>(wish: impl Future<Output = Result<T, OrdersError>>) -> Result<bool, OrdersError> {
    match wish.await {
        Ok(_) => Ok(true),
        Err(OrdersError::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
