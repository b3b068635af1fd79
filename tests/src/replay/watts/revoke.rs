//! Replays the vectors `revoke`: the plugin's output, and whether the grant is kept.

use std::sync::Arc;

use keyway_host::grants::{Revoked, Service};
use keyway_issuers::wire::Profile;
use serde_json::{Value, json};

use super::fixture::{self, Fixture};
use super::request::{has_no_token, only};
use super::script::{Run, Script, hangs};
use super::{outcome, profiles};
use crate::replay::oracle::watts::answer::{Printed, revocation};
use crate::replay::oracle::watts::{Answer, Reading};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// Tests a revocation of the only grant, in both profiles: the answer, and the records after it.
pub(super) struct Revoke;

fn is_true(value: &Value) -> bool {
    *value == Value::Bool(true)
}

async fn steps(input: &Input, profile: Profile) -> Result<[StepOutcome; 2], Class> {
    let name = fixture::service_name("svc")?;
    let fixture = Fixture::new();
    fixture.preload(&name, &["state of the vector".to_owned()]).await?;
    let description = fixture::description(&Value::Null)?;
    let run = Run { hangs: hangs(input), ..Run::of(input) };
    let impatient = run.hangs;
    let script = Script::new(profile, description, Vec::new()).revoking(run);
    let mut service = Service::with_issuer(name, Arc::new(script))
        .enabled(input.get("service")["enabled"] != Value::Bool(false));
    if !is_true(&input.get("service")["forbid"]) {
        service = service.allow_everybody();
    }
    let services = (!is_true(input.get("drop_service"))).then_some(service);
    let grants = fixture.open(services, is_true(input.get("allow_drop")), impatient).await?;
    let listed = grants.list(&fixture::user().user_id()).await.map_err(|_| Class::Internal)?;
    let grant = listed.first().ok_or(Class::Internal)?.id;
    let answer = match grants.revoke(grant, fixture::user()).await {
        Ok(Revoked::NotThere) => StepOutcome::Refused(Class::NotFound),
        Ok(_) => StepOutcome::done(),
        Err(error) => outcome::grants_error(&error),
    };
    let left = grants.list(&fixture::user().user_id()).await.map_err(|_| Class::Internal)?;
    let is_kept = left.iter().any(|left| left.id == grant && left.state.credential.is_some());
    Ok([answer, StepOutcome::Ok(json!({ "kept": is_kept, "records": left.len() }))])
}

fn rulings_for(input: &Input, profile: Profile) -> [Option<Ruling>; 2] {
    if is_true(input.get("drop_service")) {
        return [None, None];
    }
    let left = |kept: bool| Demand::Exactly(json!({ "kept": kept, "records": usize::from(kept) }));
    if hangs(input) {
        return [Some(Ruling::refused("W7", &[Class::Deadline])), Some(Ruling::new("W7", left(true)))];
    }
    let run = Run::of(input);
    let lenient = profile == Profile::Lenient;
    let Reading { answer, decision } =
        revocation(Printed { text: &run.printed, success: run.is_success(), lenient });
    // The real host crashes if a session has no token. Here a session needs no token (decision W5).
    let decision = decision.or(has_no_token(input).then_some("W5"));
    let Some(id) = decision else { return [None, None] };
    let (answer, kept) = match answer {
        Answer::Revoked => (Demand::done(), false),
        Answer::TransitionError(messages) => (Demand::Exactly(json!({ "error": messages })), true),
        Answer::Broken(class, _) => (Demand::Refused(only(class)), true),
        _ => return [None, None],
    };
    [Some(Ruling::new(id, answer)), Some(Ruling::new(id, left(kept)))]
}

impl Adapter for Revoke {
    fn run(&self, input: &Input) -> Observed {
        profiles::observed(["the answer", "the records"], |profile| steps(input, profile))
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        profiles::rulings(|profile| rulings_for(input, profile))
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let host = expected.get("host");
        let kept = host["credential_still_stored"].as_bool().ok_or("no `credential_still_stored`")?;
        let stored = host["stored_count"].as_u64().ok_or("no `stored_count`")?;
        let mut demands = Vec::new();
        for _ in Profile::ALL {
            demands.push(outcome::demanded(host)?.into());
            demands.push(Demand::Exactly(json!({ "kept": kept, "records": stored })).into());
        }
        Ok(demands)
    }
}
