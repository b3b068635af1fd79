//! The host that the processes run: the real engine over one SQLite file.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use keyway_certificates::{
    AuthorityName, CaUnavailable, Capabilities, CertificateAuthority, CertificateAuthorityLayer,
    CertificateError, CertificateEvents, CertificateOrder, CertificateReady, CertificateRevocation, Layered,
    OrderId, OrderOutcome, Owner,
};
use keyway_conformance::certificates::{CaCall, ScriptedCa, Step};
use keyway_core::{PluginError as _, Plugins, plugins};
use keyway_host::orders::{Authority, Limits, Orders};
use keyway_seal::KeyRing;
use keyway_secrets::StoreName;
use keyway_storage::Storage;
use serde_json::json;

use super::Defect;
use super::acme;
use super::plan::{Kind, Plan};
use crate::torture::draw::Draw;
use crate::torture::fixture::Role;
use crate::torture::hosting;

const PLUGINS: Plugins = plugins! { keyway_generic };
/// The store of certificates.
const STORE: &str = "vault";
/// The number of checks until the authority makes a certificate.
const LOOKS: u32 = 2;
/// The number of scripted calls of each operation. Later calls succeed.
const SCRIPTED: usize = 300;

/// A host of a process.
pub(super) struct Host {
    pub(super) engines: keyway_host::Host,
    pub(super) orders: Orders,
    pub(super) ca: ScriptedCa,
    keys: KeyRing,
    folder: PathBuf,
}

/// The owner of all orders.
pub(super) fn owner() -> Owner {
    Owner::new("joe").expect("a short name")
}

pub(super) fn store_name() -> StoreName {
    StoreName::new(STORE).expect("a valid name")
}

/// Opens the storage engine that all hosts of a process share.
pub(super) async fn storage(plan: &Plan) -> Result<Arc<dyn Storage>, String> {
    let is_lazy = plan.defect == Some(Defect::AcknowledgesBeforeWriting);
    hosting::storage(&plan.folder, plan.slot, is_lazy).await
}

impl Host {
    /// Starts the host of this slot. At most one run of this host may exist.
    pub(super) async fn start(plan: &Plan, slot: u32, storage: &Arc<dyn Storage>) -> Result<Self, String> {
        // The claim is so short that one host can see another host's claim expire. With the ACME server, the deadline
        // is more than a second, because requests to the server take longer.
        let deadline = if plan.kind == Kind::Acme { 1250 } else { 250 };
        let limits = Limits::default()
            .with_deadline(Duration::from_millis(deadline))
            .with_lease_grace(Duration::from_millis(50))
            .with_check_every(Duration::from_millis(5))
            .with_retries(hosting::often(4));
        let keys = hosting::keys()?;
        let registry = PLUGINS.registry().map_err(|faults| faults.to_string())?;
        let draw = Draw::new(plan.seed).fork(u64::from(slot));
        let ca = ca(plan, draw.fork(1));
        let listener = Listener { plan: plan.clone(), draw: Mutex::new(draw.fork(2)) };
        let authority = match &plan.directory {
            Some(directory) => acme::open(plan, directory, storage, &keys)?,
            None => connection(plan, &ca),
        };
        let builder = hosting::builder(registry, storage, keys.clone(), slot, draw.fork(3))
            .order_limits(limits)
            .store_limits(limits)
            .certificate_store(store_name())
            .certificate_events(Arc::new(listener))
            .authority(Authority::with_authority(authority_name(), authority));
        let engines = builder.start().await.map_err(|error| error.detail())?;
        let orders = engines.orders().clone();
        Ok(Self { engines, orders, ca, keys, folder: plan.folder.clone() })
    }

    /// Makes the store of certificates, if it is missing. Certificates wait in their orders until the store exists.
    pub(super) async fn make_store(&self) {
        // Another host may be creating the store, and a killed host may have left it half created, so an error is
        // ignored.
        drop(self.engines.stores().create(&store_name(), "generic", json!({}), &self.keys).await);
    }

    /// Resumes interrupted work.
    pub(super) async fn recover(&self) -> Result<(), String> {
        self.engines.recover().await.map(drop).map_err(|error| error.detail())
    }

    /// Notes that the order of a cell is about to be deleted.
    pub(super) fn note_deleted(&self, order: &OrderId, cell: &str) {
        append(&self.folder.join("deleted"), &format!("{order} {cell}"));
    }

    /// Returns the orders that were about to be deleted, with their cells.
    pub(super) fn deleted(&self) -> BTreeMap<String, String> {
        let lines = lines(&self.folder.join("deleted"));
        lines
            .iter()
            .filter_map(|line| line.split_once(' '))
            .map(|(order, cell)| (order.into(), cell.into()))
            .collect()
    }

    /// Returns the orders whose certificates the listener was told about.
    pub(super) fn ready(&self) -> Vec<String> {
        lines(&self.folder.join("ready"))
    }
}

pub(super) fn authority_name() -> AuthorityName {
    AuthorityName::new("ca").expect("a valid name")
}

/// Opens the authority. In a checking process all its calls work, because the check has to come to an end.
fn ca(plan: &Plan, mut draw: Draw) -> ScriptedCa {
    let capabilities = match plan.defect {
        Some(Defect::PlacesAnother) => plan.kind.capabilities().idempotent(false),
        _ => plan.kind.capabilities(),
    };
    let ca = ScriptedCa::in_folder(plan.folder.join("ca")).with_capabilities(capabilities).looks(LOOKS);
    if plan.role != Role::Check {
        for call in [CaCall::Issue, CaCall::Check, CaCall::Modify, CaCall::Cancel, CaCall::Revoke] {
            let steps: Vec<Step> = (0..SCRIPTED).map(|_| step(&mut draw)).collect();
            ca.script(call, steps);
        }
    }
    ca
}

fn step(draw: &mut Draw) -> Step {
    hosting::scripted_call(draw).map_or_else(Step::fault, |delay| Step::work().after(delay))
}

/// An authority that claims to be idempotent, but is not.
#[derive(Debug)]
struct Claiming(ScriptedCa);

impl CertificateAuthorityLayer for Claiming {
    type Inner = ScriptedCa;

    fn inner(&self) -> &ScriptedCa {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().idempotent(true)
    }
}

/// A connection that reports each revocation as done. Its cancellations arrive after the certificate is made.
#[derive(Debug)]
struct RevokingNothing(ScriptedCa);

impl CertificateAuthorityLayer for RevokingNothing {
    type Inner = ScriptedCa;

    fn inner(&self) -> &ScriptedCa {
        &self.0
    }

    async fn cancel(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        for _ in 0..LOOKS {
            drop(self.0.check(order).await);
        }
        self.0.cancel(order).await
    }

    async fn revoke(&self, _: &CertificateRevocation) -> Result<(), CertificateError> {
        Ok(())
    }
}

/// Opens the connection to the scripted authority, with the deliberate defect if it is one of the connection.
fn connection(plan: &Plan, ca: &ScriptedCa) -> Arc<dyn CertificateAuthority> {
    match plan.defect {
        Some(Defect::KeepsLateCertificates) => Arc::new(Layered(RevokingNothing(ca.clone()))),
        Some(Defect::PlacesAnother) => Arc::new(Layered(Claiming(ca.clone()))),
        _ => Arc::new(ca.clone()),
    }
}

/// A listener that writes down the orders whose certificates are ready, and sometimes fails.
#[derive(Debug)]
struct Listener {
    plan: Plan,
    draw: Mutex<Draw>,
}

impl Listener {
    fn chance(&self, percent: u64) -> bool {
        self.draw.lock().unwrap_or_else(PoisonError::into_inner).chance(percent)
    }
}

#[async_trait]
impl CertificateEvents for Listener {
    async fn certificate_is_ready(&self, event: &CertificateReady) -> Result<(), CertificateError> {
        if self.plan.role != Role::Check && self.chance(20) {
            return Err(CertificateError::not_ready("the listener", "it fails sometimes"));
        }
        if self.plan.defect != Some(Defect::ForgetsNotices) || self.chance(50) {
            append(&self.plan.folder.join("ready"), event.order.as_str());
        }
        Ok(())
    }

    async fn ca_is_unavailable(&self, _: &CaUnavailable) -> Result<(), CertificateError> {
        Ok(())
    }
}

/// Adds a line to a file. One write of a few bytes is not torn by a kill.
fn append(file: &Path, line: &str) {
    let line = format!("{line}\n");
    let written = OpenOptions::new().append(true).create(true).open(file);
    drop(written.and_then(|mut file| file.write_all(line.as_bytes())));
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}
