//! The engine for issuers on storage in memory, and one user that calls it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::Registry;
use keyway_host::grants::{Grant, GrantId, GrantRequest, Grants, Isolation, Limits, Phase, Service};
use keyway_host::{Host, HostBuilder};
use keyway_issuers::wire::{Ended, Profile, host};
use keyway_issuers::{Description, ParameterDescriptor, Parameters, ServiceName, UserInfo};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use serde_json::{Value, json};

use super::script::{Run, Script};
use crate::replay::{Class, Input, StepOutcome};

/// The deadline for a plugin that hangs.
///
/// The vectors have deadlines of hundreds of milliseconds. A shorter deadline has the same effect, because the plugin
/// never answers.
const DEADLINE_OF_HANGING: Duration = Duration::from_millis(30);

/// The storage of the records, which outlive the engines.
pub(super) struct Fixture {
    storage: Arc<dyn Storage>,
}

/// Returns the user of all vectors.
pub(super) fn user() -> UserInfo {
    UserInfo::new("https://issuer.example.com", "joe")
}

pub(super) fn service_name(name: &str) -> Result<ServiceName, Class> {
    ServiceName::new(name).map_err(|_| Class::Invalid)
}

/// Runs a future that needs a runtime.
pub(super) fn run<T>(work: impl Future<Output = Result<T, Class>>) -> Result<T, Class> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.map_err(|_| Class::Internal)?.block_on(work)
}

/// Builds a description with the sets of a vector, for example `[[{"key": "a", "mandatory":
/// true}]]`, or with one empty set if the vector has no sets.
pub(super) fn description(sets: &Value) -> Result<Description, Class> {
    let mut builder = Description::builder("1.0.0");
    for set in sets.as_array().into_iter().flatten() {
        let set = set.as_array().ok_or(Class::Invalid)?;
        builder = builder.set(set.iter().map(|parameter| {
            let key = parameter["key"].as_str().unwrap_or_default();
            ParameterDescriptor {
                mandatory: parameter["mandatory"].as_bool().unwrap_or(false),
                ..ParameterDescriptor::optional(key, key, "")
            }
        }));
    }
    builder.build().map_err(|_| Class::Invalid)
}

/// Returns the parameters of a vector.
///
/// The interface cannot express a value that is not an object. Such a value becomes a parameter with an invalid name,
/// which fits no set.
pub(super) fn parameters(value: &Value) -> Parameters {
    match value {
        Value::Null => Parameters::new(),
        Value::Object(entries) => {
            entries.iter().fold(Parameters::new(), |all, (key, value)| all.with(key, value.clone()))
        }
        other => Parameters::new().with("", other.clone()),
    }
}

/// Returns the features of the service's plugin. The vector names them `plugin_features` or `features`.
pub(super) fn features(input: &Input) -> &Value {
    let service = input.get("service");
    if service["plugin_features"].is_null() { &service["features"] } else { &service["plugin_features"] }
}

/// Tells whether a plugin with these features has a valid description.
pub(super) fn is_described(features: &Value, profile: Profile) -> bool {
    let described = json!({
        "result": "ok", "version": "1", "conf_params": [], "request_params": [], "features": features,
    });
    features.is_null()
        || host::decode_description(described.to_string().as_bytes(), Ended::SUCCESS, profile).is_ok()
}

/// The treatment of the features that a plugin describes. By decision W3, the strict profile refuses features of a
/// wrong form, and the lenient profile treats features that crash the real host as missing.
pub(super) enum Features {
    Plain,
    Refused,
    TakenForMissing,
}

impl Features {
    pub(super) fn of(features: &Value, profile: Profile) -> Self {
        let is_odd = |key| features.get(key).is_some_and(|value| !value.is_boolean());
        match (features, profile) {
            (Value::Object(_), Profile::Strict) if is_odd("stdin") || is_odd("idempotent") => Self::Refused,
            (Value::Null | Value::Object(_), _) => Self::Plain,
            (_, Profile::Strict) => Self::Refused,
            (_, Profile::Lenient) => Self::TakenForMissing,
        }
    }
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self { storage: Arc::new(Memory::new()) }
    }

    /// Opens an engine with these services. `impatient` sets short deadlines, for a plugin that
    /// hangs.
    pub(super) async fn open(
        &self,
        services: impl IntoIterator<Item = Service>,
        drops_missing: bool,
        impatient: bool,
    ) -> Result<Grants, Class> {
        let keys = KeyRing::new([Key::from_bytes(&mut [6; 32])]).map_err(|_| Class::Internal)?;
        let mut limits = Limits::default().with_isolation(Isolation::Inline);
        if impatient {
            limits = limits.with_deadline(DEADLINE_OF_HANGING);
        }
        let registry = Registry::builder().build().map_err(|_| Class::Internal)?;
        let builder = Host::builder(registry, Arc::clone(&self.storage), keys)
            .takeover_after(Duration::ZERO)
            .grant_limits(limits)
            .drop_grants_of_missing_services(drops_missing);
        let builder = services.into_iter().fold(builder, HostBuilder::service);
        Ok(builder.start().await.map_err(|_| Class::Internal)?.grants().clone())
    }

    /// Creates grants before the vector's requests. Their credentials have these values of `state` on the wire.
    pub(super) async fn preload(&self, service: &ServiceName, states: &[String]) -> Result<(), Class> {
        let printed = |state: &String| {
            Run::printing(json!({ "result": "ok", "credential": [], "state": state }).to_string())
        };
        let runs = states.iter().map(printed).collect();
        let script = Script::new(Profile::Strict, description(&Value::Null)?, runs);
        let open = Service::with_issuer(service.clone(), Arc::new(script)).allow_everybody();
        let grants = self.open([open], false, false).await?;
        for _ in states {
            let request = GrantRequest::new(user());
            grants.request(service, request).await.map_err(|_| Class::Internal)?;
        }
        Ok(())
    }
}

/// Returns the user's records: the number of grants that are granted or being revoked, the reference to the credential
/// of the grant `granted` (`state` on the wire), the number of other grants, which may have a credential, and the
/// references that were `revoked`.
pub(super) async fn records(grants: &Grants, granted: Option<GrantId>, revoked: Vec<String>) -> StepOutcome {
    let Ok(listed) = grants.list(&user().user_id()).await else {
        return StepOutcome::Refused(Class::Internal);
    };
    let is_stored = |grant: &&Grant| matches!(grant.state.phase, Phase::Granted | Phase::Revoking);
    let stored = listed.iter().filter(is_stored).count();
    let handed = listed.iter().find(|grant| Some(grant.id) == granted);
    let state =
        handed.and_then(|grant| grant.state.credential.as_ref()).map(keyway_issuers::CredentialRef::as_str);
    StepOutcome::Ok(json!({
        "stored": stored, "state": state, "undecided": listed.len() - stored, "revoked": revoked,
    }))
}
