//! The host that the processes run: the real engine over one SQLite file.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_core::{PluginError as _, Registry};
use keyway_host::grants::{GrantOutcome, GrantRequest, Grants, GrantsError, Limits, Service};
use keyway_issuers::{IntentId, Issuer, Parameters, ServiceName, UserId};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use keyway_storage::Storage;
use serde_json::json;

use super::Defect;
use super::accounts::Accounts;
use super::cell::Cell;
use super::issuer::{Behaviour, FaultyIssuer, Then};
use super::offer::{OFFERS, Offer, USERS, user_info};
use super::plan::{Plan, Role};
use crate::torture::draw::Draw;
use crate::torture::hosting;

/// A host of a process.
pub(super) struct Host {
    pub(super) engines: keyway_host::Host,
    pub(super) grants: Grants,
    pub(super) accounts: Arc<Accounts>,
}

/// The resources that all hosts of a process share.
pub(super) struct HostResources {
    plan: Plan,
    storage: Arc<dyn Storage>,
    pub(super) accounts: Arc<Accounts>,
}

impl HostResources {
    pub(super) async fn open(plan: &Plan) -> Result<Self, String> {
        let is_lazy = plan.defect == Some(Defect::AcknowledgesBeforeWriting);
        let storage = hosting::storage(&plan.folder, plan.slot, is_lazy).await?;
        let accounts = Arc::new(Accounts::open(&plan.folder)?);
        Ok(Self { plan: plan.clone(), storage, accounts })
    }

    /// Starts the host of this slot, without resuming interrupted work. At most one run of this host may exist.
    pub(super) async fn host(&self, slot: u32) -> Result<Host, String> {
        let deadline = Duration::from_millis(250);
        // The claim is so short that one host can see another host's claim expire.
        let limits = Limits::default()
            .with_deadline(deadline)
            .with_lease_grace(Duration::from_millis(50))
            .with_retries(hosting::often(4))
            .with_cleanup_retries(hosting::often(1).with_attempts(3).with_within(Duration::from_secs(1)));
        let registry = Registry::builder().build().map_err(|faults| faults.to_string())?;
        let draw = Draw::new(self.plan.seed).fork(2000 + u64::from(slot));
        let mut builder =
            hosting::builder(registry, &self.storage, hosting::keys()?, slot, draw).grant_limits(limits);
        for (offer, number) in OFFERS.iter().zip(0..) {
            let mut service =
                Service::with_issuer(service_name(offer.name), self.issuer(offer, number)?).allow_everybody();
            if let Some(limit) = offer.limit {
                service = service.limit(limit);
            }
            builder = builder.service(service);
        }
        let engines = builder.start().await.map_err(|error| error.detail())?;
        let grants = engines.grants().clone();
        // On a busy machine an executable may exceed its time limit, and its service then has a fault. So services with
        // faults are asked again.
        for attempt in 0.. {
            let Some(view) = grants.services().into_iter().find(|view| !view.faults.is_empty()) else {
                break;
            };
            if attempt == 50 {
                return Err(format!("the service {} has faults", view.name));
            }
            grants.refresh(&view.name).await.map_err(|error| error.detail())?;
        }
        Ok(Host { engines, grants, accounts: Arc::clone(&self.accounts) })
    }

    fn issuer(&self, offer: &'static Offer, number: u64) -> Result<Arc<dyn Issuer>, String> {
        let Plan { role, folder, program, seed, tasks, defect, .. } = &self.plan;
        let draw = Draw::new(*seed).fork(1000 + number);
        if offer.executable && tasks.executable && *role != Role::Check {
            return executable(program, folder, draw).map_err(|error| error.detail());
        }
        // A checking process has to come to an end, so its issuers work correctly.
        let behaviour = if *role == Role::Check { Behaviour::Correct } else { Behaviour::Faulty };
        let accounts = Arc::clone(&self.accounts);
        Ok(Arc::new(FaultyIssuer { offer, accounts, behaviour, draw: Mutex::new(draw), defect: *defect }))
    }
}

fn executable(
    program: &Path,
    folder: &Path,
    mut draw: Draw,
) -> Result<Arc<dyn Issuer>, keyway_issuers::IssuerError> {
    let configuration = json!({
        "command": program,
        "arguments": ["issuer", folder, draw.bits().to_string()],
        "parallel": 3,
        "deadline_ms": 2000,
        "idempotent": true,
    });
    let configuration: ProcessConfiguration = serde_json::from_value(configuration)
        .map_err(|error| keyway_issuers::IssuerError::system("read its configuration", error))?;
    Ok(Arc::new(ProcessIssuer::new(&configuration)?))
}

impl Host {
    /// Makes the request that belongs to a cell.
    pub(super) async fn request(&self, cell: &Cell, then: Then) -> Result<GrantOutcome, GrantsError> {
        let parameters = Parameters::new().with("cell", cell.to_string()).with("then", then.word());
        let mut request = GrantRequest::new(user_info(cell.user)).with_parameters(parameters);
        if cell.has_id {
            request = request.with_id(IntentId::new(cell.name()).expect("letters, digits and dots"));
        }
        self.grants.request(&service_name(&cell.service), request).await
    }

    /// Returns the users, with their ids.
    pub(super) fn users() -> impl Iterator<Item = UserId> {
        (0..USERS).map(|user| user_info(user).user_id())
    }
}

pub(super) fn service_name(name: &str) -> ServiceName {
    ServiceName::new(name).expect("a name of the torture is valid")
}
