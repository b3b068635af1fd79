//! Replays the vectors `request`: the checks before a request, the plugin's output, and the resulting records.

use std::sync::Arc;

use keyway_host::grants::{DuplicatePolicy, GrantOutcome, GrantRequest, Requester, Service};
use keyway_issuers::wire::Profile;
use keyway_issuers::{
    CredentialRequest, Issuer, IssuerError, IssuerLayer, Layered, RequestOutcome, Revocation,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use serde_json::{Map, Value, json};

use super::fixture::{self, Features, Fixture};
use super::script::{Run, Script, filling, hangs};
use super::wire::is_large;
use super::{outcome, profiles};
use crate::replay::oracle::watts::answer::{Printed, request as read_answer};
use crate::replay::oracle::watts::gate::{Fit, Sets};
use crate::replay::oracle::watts::{Answer, Reading};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// Tests a request, in both profiles: the user's answer, and the stored records.
pub(super) struct Request;

/// The vector's service and initial records.
struct Setup<'a> {
    service: &'a Value,
    preload: Vec<String>,
}

impl<'a> Setup<'a> {
    fn of(input: &'a Input) -> Self {
        let mut preload: Vec<String> = Vec::new();
        for state in input.get("preload").as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !preload.iter().any(|known| known == state) {
                preload.push(state.to_owned());
            }
        }
        Self { service: input.get("service"), preload }
    }

    fn is_true(&self, key: &str) -> bool {
        self.service[key] == Value::Bool(true)
    }

    fn limit(&self) -> Option<u64> {
        self.service["cred_limit"].as_u64()
    }

    fn is_enabled(&self) -> bool {
        self.service["enabled"] != Value::Bool(false)
    }

    fn command(&self) -> Option<&'a str> {
        self.service["cmd"].as_str()
    }
}

/// Tells whether the session has no access token, which crashes the real host.
pub(super) fn has_no_token(input: &Input) -> bool {
    input.get("user").get("access_token") == Some(&Value::Null)
}

/// An issuer that calls the program named by a service's command. The test gives the description of the issuer, so the
/// program is not called for it.
#[derive(Debug)]
struct Named {
    script: Arc<Script>,
    program: Result<ProcessIssuer, IssuerError>,
}

impl Named {
    /// Returns the program. If the command is invalid, returns the error of a program that does not start.
    fn program(&self) -> Result<&ProcessIssuer, IssuerError> {
        self.program.as_ref().map_err(|error| IssuerError::NotStarted { source: error.to_string().into() })
    }
}

impl IssuerLayer for Named {
    type Inner = Script;

    fn inner(&self) -> &Script {
        &self.script
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        self.program()?.request(request).await
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        self.program()?.revoke(revocation).await
    }
}

async fn steps(input: &Input, profile: Profile) -> Result<[StepOutcome; 2], Class> {
    let setup = Setup::of(input);
    let name = fixture::service_name("svc")?;
    let fixture = Fixture::new();
    fixture.preload(&name, &setup.preload).await?;
    // An invalid description counts as missing: the service is disabled.
    let description = fixture::description(&setup.service["params"]);
    let is_described = description.is_ok() && fixture::is_described(fixture::features(input), profile);
    let description = description.or_else(|_| fixture::description(&Value::Null))?;
    let run = Run { hangs: hangs(input), ..Run::of(input) };
    let impatient = run.hangs;
    let script = Arc::new(Script::new(profile, description, vec![run]));
    let issuer: Arc<dyn Issuer> = match setup.command() {
        None => Arc::clone(&script) as _,
        Some(command) => {
            let mut configuration = ProcessConfiguration::new(command);
            configuration.allow_argv = true;
            configuration.profile = profile.into();
            let program = ProcessIssuer::new(&configuration);
            Arc::new(Layered(Named { script: Arc::clone(&script), program }))
        }
    };
    let mut service = Service::with_issuer(name.clone(), issuer).enabled(setup.is_enabled() && is_described);
    if !setup.is_true("forbid") {
        service = service.allow_everybody();
    }
    if let Some(limit) = setup.limit() {
        service = service.limit(limit);
    }
    if setup.is_true("allow_same_state") {
        service = service.duplicates(DuplicatePolicy::Reuse);
    }
    let grants = fixture.open([service], false, impatient).await?;
    let mut requester = Requester::new(fixture::user());
    if let Value::String(token) = &input.get("user")["access_token"] {
        requester = requester.with_access_token(token.as_str());
    }
    let request = GrantRequest::new(requester).with_parameters(fixture::parameters(input.get("params")));
    let answer = grants.request(&name, request).await;
    let granted = match &answer {
        Ok(GrantOutcome::Granted(handed)) => Some(handed.grant),
        _ => None,
    };
    let records = fixture::records(&grants, granted, script.revoked()).await;
    Ok([shortened(outcome::requested(&answer), input), records])
}

/// Replaces the values in an answer by their lengths, if the vector gives only the length.
fn shortened(mut outcome: StepOutcome, input: &Input) -> StepOutcome {
    if filling(input).is_some()
        && let StepOutcome::Ok(answer) = &mut outcome
    {
        count_values(answer);
    }
    outcome
}

fn count_values(answer: &mut Value) {
    for entry in answer["granted"].as_array_mut().into_iter().flatten() {
        let count = entry["value"].as_str().map_or(0, |value| value.chars().count());
        entry["value"] = format!("<{count} chars>").into();
    }
}

/// Returns the rulings on the answer and on the records.
fn rulings_for(input: &Input, profile: Profile) -> [Option<Ruling>; 2] {
    let setup = Setup::of(input);
    let before = setup.preload.len();
    let records = |stored: usize, state: Option<&str>, undecided: usize, revoked: &[&str]| {
        Demand::Exactly(
            json!({ "stored": stored, "state": state, "undecided": undecided, "revoked": revoked }),
        )
    };
    let features = Features::of(fixture::features(input), profile);
    match gate(input, &setup, &features) {
        Gate::Open => {}
        Gate::Closed => return [None, None],
        // A decision refuses the request. The real host accepts such a request, and stores a record.
        Gate::ClosedBy(id, classes) => {
            let left = Ruling::new(id, records(before, None, 0, &[]));
            return [Some(Ruling::refused(id, classes)), Some(left)];
        }
    }
    if let Some(command) = setup.command() {
        // Keyway uses no shell (decision W7).
        let needs_shell = command.contains(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c)));
        let answer = needs_shell.then(|| Ruling::refused("W7", &[Class::Program]));
        return [answer, Some(Ruling::new("W7", records(before, None, 0, &[])))];
    }
    if hangs(input) {
        let answer = Ruling::refused("W7", &[Class::Deadline]);
        return [Some(answer), Some(Ruling::new("R2", records(before, None, 1, &[])))];
    }
    let run = Run::of(input);
    let printed =
        Printed { text: &run.printed, success: run.is_success(), lenient: profile == Profile::Lenient };
    let Reading { answer, decision } = read_answer(printed);
    let is_taken = |state: &str| setup.preload.iter().any(|known| known == state);
    // The real host crashes if a session has no token. Here the session passes the checks, which need no token
    // (decision W5).
    let decision = decision.or(has_no_token(input).then_some("W5"));
    let decision = decision.or(matches!(features, Features::TakenForMissing).then_some("W3"));
    // The real host cannot send large parameters, because of the way it starts programs. That limit is not part of the
    // wire format.
    let decision = decision.or(is_large(input).then_some("W1"));
    match answer {
        Answer::Issued(entries, state) if !is_taken(&state) || setup.is_true("allow_same_state") => {
            let mut demanded = json!({ "granted": entries });
            if filling(input).is_some() {
                count_values(&mut demanded);
            }
            let stored = before + usize::from(!is_taken(&state));
            let records = records(stored, Some(&state), 0, &[]);
            [
                decision.map(|id| Ruling::new(id, Demand::Exactly(demanded))),
                decision.map(|id| Ruling::new(id, records)),
            ]
        }
        Answer::Issued(..) => {
            let answer = decision.map(|id| Ruling::refused(id, &[Class::StateTaken]));
            [answer, decision.map(|id| Ruling::new(id, records(before, None, 0, &[])))]
        }
        Answer::Login(login) => {
            [decision.map(|id| Ruling::new(id, Demand::Exactly(json!({ "login": login })))), None]
        }
        Answer::TransitionError(messages) => {
            [decision.map(|id| Ruling::new(id, Demand::Exactly(json!({ "error": messages })))), None]
        }
        Answer::Leaking(state) => {
            // If the `state` belongs to another grant, nothing is revoked, and an operator has to decide.
            let left = if is_taken(&state) {
                records(before, None, 1, &[])
            } else {
                records(before, None, 0, &[&state])
            };
            [Some(Ruling::refused("W8", &[Class::BadResult])), Some(Ruling::new("W8", left))]
        }
        Answer::Broken(class, orphan) => {
            let answer = decision.map(|id| Ruling::new(id, Demand::Refused(only(class))));
            let left = match orphan {
                None => Ruling::new("R2", records(before, None, 1, &[])),
                Some(state) if is_taken(&state) => Ruling::new("W6", records(before, None, 0, &[])),
                Some(state) => Ruling::new("W6", records(before, None, 0, &[&state])),
            };
            [answer, Some(left)]
        }
        Answer::Revoked => [None, None],
    }
}

/// Returns a static list with this class only, as a demand needs it.
pub(super) fn only(class: Class) -> &'static [Class] {
    match class {
        Class::BadJson => &[Class::BadJson],
        Class::NotAnObject => &[Class::NotAnObject],
        Class::MissingResult => &[Class::MissingResult],
        Class::BadError => &[Class::BadError],
        Class::BadDescription => &[Class::BadDescription],
        Class::Denied => &[Class::Denied],
        Class::Invalid => &[Class::Invalid],
        Class::Program => &[Class::Program],
        _ => &[Class::BadResult],
    }
}

/// The result of the checks that a host makes before it calls the plugin. The real host makes such checks, too.
enum Gate {
    /// The request passes.
    Open,
    /// The request is refused, as it is by the real host.
    Closed,
    /// The request is refused because of a decision of this project.
    ClosedBy(&'static str, &'static [Class]),
}

/// Returns the result of the checks, in the order of decision W5.
fn gate(input: &Input, setup: &Setup<'_>, features: &Features) -> Gate {
    let sets = match &setup.service["params"] {
        Value::Array(list) if !list.is_empty() => Sets::of(&setup.service["params"]),
        _ => Some(Sets::empty()),
    };
    if setup.is_true("forbid") {
        return Gate::Closed;
    }
    let Some(sets) = sets else { return Gate::ClosedBy("W4", &[Class::Disabled]) };
    if !setup.is_enabled() {
        return Gate::Closed;
    }
    if let Features::Refused = features {
        return Gate::ClosedBy("W3", &[Class::Disabled]);
    }
    let none = Map::new();
    let fit = match input.get("params") {
        Value::Null => sets.fit(&none),
        Value::Object(parameters) => sets.fit(parameters),
        _ => Fit::No,
    };
    match fit {
        Fit::No => return Gate::Closed,
        Fit::WrongType => return Gate::ClosedBy("W5", &[Class::Invalid]),
        Fit::Fits => {}
    }
    let held = u64::try_from(setup.preload.len()).unwrap_or(u64::MAX);
    if setup.limit().is_some_and(|limit| held >= limit) { Gate::Closed } else { Gate::Open }
}

/// Converts the real host's records to a demand.
fn demanded_records(host: &Value) -> Result<Demand, String> {
    let stored = host["stored_count"].as_u64().ok_or("no `stored_count`")?;
    let state = host.get("stored_state").cloned();
    let words = format!("{stored} stored, {}", state.as_ref().map_or_else(String::new, Value::to_string));
    Ok(Demand::answer(words, move |records| {
        let has_state = state.as_ref().is_none_or(|state| *state == records["state"]);
        records["stored"] == stored
            && has_state
            && records["undecided"] == 0
            && records["revoked"] == json!([])
    }))
}

impl Adapter for Request {
    fn run(&self, input: &Input) -> Observed {
        profiles::observed(["the answer", "the records"], |profile| steps(input, profile))
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        profiles::rulings(|profile| rulings_for(input, profile))
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let host = expected.get("host");
        let mut demands = Vec::new();
        for _ in Profile::ALL {
            demands.push(outcome::demanded(host)?.into());
            demands.push(demanded_records(host)?.into());
        }
        Ok(demands)
    }
}
