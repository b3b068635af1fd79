//! Replays the vectors `parameter`: a plugin's description of itself, and the resulting state of its service.

use std::sync::Arc;

use keyway_host::grants::{Service, ServiceFault, ServiceView};
use keyway_issuers::wire::{Profile, host};
use keyway_issuers::{
    Action, Capabilities, ConfigurationValue, CredentialRequest, Description, Features, Issuer, IssuerError,
    Json, RequestOutcome, Revocation, async_trait,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use serde_json::{Map, Value, json};

use super::fixture::{self, Fixture};
use super::outcome;
use super::request::only;
use super::script::Run;
use crate::replay::oracle::watts::answer::Printed;
use crate::replay::oracle::watts::description as oracle;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// Tests the state of a service after the host has started, in both profiles.
pub(super) struct Parameter;

/// An issuer whose description of itself is the output in a vector.
#[derive(Debug)]
struct Describing {
    run: Run,
    profile: Profile,
}

#[async_trait]
impl Issuer for Describing {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        host::decode_description(self.run.printed.as_bytes(), self.run.ended, self.profile)
    }

    async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        Err(IssuerError::Unsupported { what: "requests" })
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Err(IssuerError::Unsupported { what: "revocations" })
    }
}

fn configured(input: &Input) -> Map<String, Value> {
    input.get("service")["conf"].as_object().cloned().unwrap_or_default()
}

/// Tells whether the host may send requests as arguments to a plugin that does not read standard
/// input.
fn allows_argv(input: &Input) -> bool {
    *input.get("allow_insecure") == Value::Bool(true)
}

/// Returns a real program that prints the vector's output, for a host that does not permit arguments: only the runner
/// of programs checks this permission.
fn program(run: &Run, profile: Profile) -> Result<ProcessIssuer, Class> {
    let mut configuration = ProcessConfiguration::new("/bin/sh");
    let script = match run.ended {
        keyway_issuers::wire::Ended::Signal(_) => r#"printf %s "$0"; kill -9 $$"#.to_owned(),
        keyway_issuers::wire::Ended::Status(status) => format!(r#"printf %s "$0"; exit {}"#, status & 255),
    };
    configuration.arguments = vec!["-c".to_owned(), script, run.printed.clone()];
    configuration.profile = profile.into();
    ProcessIssuer::new(&configuration).map_err(|_| Class::Invalid)
}

async fn start(input: &Input, profile: Profile) -> Result<StepOutcome, Class> {
    let run = Run::of(input);
    let issuer: Arc<dyn Issuer> = if allows_argv(input) {
        Arc::new(Describing { run, profile })
    } else {
        Arc::new(program(&run, profile)?)
    };
    let name = fixture::service_name("svc")?;
    let mut service = Service::with_issuer(name.clone(), issuer).allow_everybody();
    for (key, value) in configured(input) {
        service = service.configure(key, value);
    }
    let grants = Fixture::new().open([service], false, false).await?;
    let view = grants.service(&name).map_err(|_| Class::NotFound)?;
    match &view.description {
        Some(description) if view.enabled => Ok(told_service(description, input)),
        _ => Ok(StepOutcome::Refused(class_of(&view))),
    }
}

/// Returns the class of the first fault.
fn class_of(view: &ServiceView) -> Class {
    match view.faults.first() {
        Some(ServiceFault::Describe(error) | ServiceFault::Open(error)) => outcome::class_of(error),
        // The description was valid, and the configuration is not.
        Some(ServiceFault::Violation(_)) if view.description.is_some() => Class::Invalid,
        Some(ServiceFault::Violation(violation)) => {
            outcome::class_of(&IssuerError::violation(Action::Parameter, violation.clone()))
        }
        _ => Class::Disabled,
    }
}

fn told_service(description: &Description, input: &Input) -> StepOutcome {
    let configured: Vec<(String, Json)> =
        configured(input).into_iter().map(|(name, value)| (name, value.into())).collect();
    let resolved = description.resolve_configuration(configured.iter().map(|(name, json)| (&**name, json)));
    let Ok(resolved) = resolved else { return StepOutcome::Refused(Class::Internal) };
    let resolved: Map<_, _> = resolved
        .iter()
        .map(|(name, value)| {
            let value = match value {
                ConfigurationValue::Text(text) => Value::from(text.expose()),
                ConfigurationValue::Boolean(truth) => Value::from(*truth),
                _ => Value::Null,
            };
            (name.to_owned(), value)
        })
        .collect();
    let sets: Vec<Vec<Value>> = description
        .parameter_sets()
        .iter()
        .map(|set| {
            let parameters = set.parameters().iter();
            parameters
                .map(|each| {
                    json!({
                        "key": each.key, "name": each.name, "description": each.description,
                        "type": each.kind.word(), "mandatory": each.mandatory,
                    })
                })
                .collect()
        })
        .collect();
    let Features { stdin, .. } = description.features();
    StepOutcome::Ok(json!({
        "version": description.version(), "stdin": stdin, "sets": sets, "configuration": resolved,
    }))
}

fn ruling_for(input: &Input, profile: Profile) -> Option<Ruling> {
    let run = Run::of(input);
    let printed =
        Printed { text: &run.printed, success: run.is_success(), lenient: profile == Profile::Lenient };
    let service = oracle::service(printed, &configured(input), allows_argv(input));
    let demand = match service.enabled {
        Ok(service) => Demand::Exactly(service),
        Err(class) => Demand::Refused(only(class)),
    };
    service.decision.map(|id| Ruling::new(id, demand))
}

impl Adapter for Parameter {
    fn run(&self, input: &Input) -> Observed {
        let outcome = |profile| fixture::run(start(input, profile)).unwrap_or_else(StepOutcome::Refused);
        Observed::steps([
            ("lenient: the service", outcome(Profile::Lenient)),
            ("strict: the service", outcome(Profile::Strict)),
        ])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        vec![ruling_for(input, Profile::Lenient), ruling_for(input, Profile::Strict)]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let host = expected.get("host");
        let demand = || match host["verdict"].as_str() {
            Some("enabled") => Ok(Demand::Exactly(json!({
                "version": host["plugin_version"],
                "stdin": host["features"]["stdin"] == Value::Bool(true),
                "sets": host["params"],
                "configuration": host["plugin_conf"],
            }))),
            Some("disabled" | "crash") => Ok(Demand::AnyRefusal),
            _ => Err("a `verdict` that is none of these".to_owned()),
        };
        Ok(vec![demand()?.into(), demand()?.into()])
    }
}
