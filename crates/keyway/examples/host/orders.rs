//! Shows four certificate orders. One waits, one is changed, one is canceled, and one is interrupted by a crash.

use std::sync::Arc;
use std::time::Duration;

use keyway::certificates::{AuthorityName, CertificateAuthority, OrderMetadata, Owner};
use keyway::orders::{Authority, End, IssuedBy, NewOrder, Order, Orders, Phase};
use keyway::seal::KeyRing;
use keyway::storage::Storage;
use keyway::{Host, Registry};
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use tokio::task::JoinHandle;

use crate::report::{Failure, Report};

/// A host for orders, and the task that runs it.
struct Desk {
    host: Host,
    running: JoinHandle<()>,
}

impl Desk {
    /// Starts a host for orders. It shares the storage engine with the example's main host.
    async fn start(storage: &Arc<dyn Storage>, keys: &KeyRing, ca: &ScriptedCa) -> Result<Self, Failure> {
        let authority = Arc::new(ca.clone()) as Arc<dyn CertificateAuthority>;
        let host = Host::builder(Registry::builder().build()?, Arc::clone(storage), keys.clone())
            .name("certificates")
            .takeover_after(Duration::ZERO)
            .authority(Authority::with_authority(AuthorityName::new("scripted")?, authority))
            .start()
            .await?;
        let running = tokio::spawn({
            let host = host.clone();
            // The host is dropped when the task ends, as at the end of a process.
            async move { drop(host.run(std::future::pending()).await) }
        });
        Ok(Self { host, running })
    }

    /// Ends the host at once, as if its process were killed.
    fn kill(self) {
        self.running.abort();
    }
}

fn metadata(name: &str) -> Result<OrderMetadata, Failure> {
    Ok(OrderMetadata::from_json(serde_json::json!({ "name": name }).to_string().as_bytes())?)
}

/// Waits until an order satisfies a condition.
pub(crate) async fn until(
    orders: &Orders,
    order: &Order,
    is: impl Fn(&Order) -> bool,
) -> Result<Order, Failure> {
    for _ in 0..1_000 {
        let now = orders.get(&order.owner, &order.id).await?;
        if is(&now) {
            return Ok(now);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err("an order did not go on".into())
}

pub(crate) async fn show(
    report: &mut Report,
    storage: &Arc<dyn Storage>,
    keys: &KeyRing,
) -> Result<(), Failure> {
    report.step("Certificates on order");
    let joe = Owner::new("web team")?;
    // The authority checks an order twice before it issues the certificate, and asks for a short delay between two
    // checks.
    let ca = ScriptedCa::new().looks(2).retry_after(Duration::from_millis(50));
    let desk = Desk::start(storage, keys, &ca).await?;
    let orders = desk.host.orders().clone();
    let place = |name| Ok::<_, Failure>(NewOrder::new(joe.clone(), metadata(name)?));
    let is_waiting = |order: &Order| order.state.phase == Phase::Waiting;

    let order = orders.submit(place("door.example.com")?).await?;
    let ended = orders.wait_for(&joe, &order.id).await?;
    let looks = ca.calls(CaCall::Check);
    report.check(
        ended.state.phase == Phase::Finished(End::Generated) && looks == 2,
        "an order waits, is looked at twice, and has its certificate",
    );
    let logged = orders.issued(IssuedBy::Name("door.example.com"), None, 10).await?;
    report.check(
        logged.entries.iter().any(|entry| entry.order == order.id),
        "the log of issued certificates finds it by its name",
    );

    let order = orders.submit(place("old.example.com")?).await?;
    until(&orders, &order, is_waiting).await?;
    orders.modify(&joe, &order.id, &metadata("new.example.com")?).await?;
    let wanted = metadata("new.example.com")?;
    let changed = until(&orders, &order, |order| order.metadata() == wanted).await?;
    report.check(
        ca.calls(CaCall::Modify) == 1,
        "an order is changed while it waits, and the authority is told",
    );
    orders.wait_for(&joe, &changed.id).await?;

    let order = orders.submit(place("canceled.example.com")?).await?;
    until(&orders, &order, is_waiting).await?;
    orders.cancel(&joe, &order.id).await?;
    let ended = orders.wait_for(&joe, &order.id).await?;
    report.check(
        ended.state.phase == Phase::Finished(End::Canceled) && ca.calls(CaCall::Cancel) == 1,
        "an order is canceled at the authority",
    );

    ca.script(CaCall::Issue, [Step::fault(Fault::HangsAfterwards)]);
    let placed = ca.effects().len();
    let order = orders.submit(place("crash.example.com")?).await?;
    while ca.effects().len() == placed {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    desk.kill();
    report.line("  the host dies while the authority works on an order, and starts again");
    let desk = Desk::start(storage, keys, &ca).await?;
    let ended = desk.host.orders().wait_for(&joe, &order.id).await?;
    report.check(
        ended.state.phase == Phase::Finished(End::Generated) && ca.doubled().is_empty(),
        "the order goes on, and was placed once",
    );
    desk.kill();
    Ok(())
}
