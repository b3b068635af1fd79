//! Replays sessions through the engine.

use serde_json::{Map, Value, json};

use super::accounting::{Accounting, hooks_of};
use super::answer::of_upstream;
use super::driver::Driver;
use super::journal::HookCall;
use super::plan::HostCall;
use crate::replay::oracle::sps::session::{Outcome, outcomes};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(in crate::replay::sps) struct Sessions;

/// Shows the hooks of a call, and its answer. The answer is null if the call is refused or fails.
fn shown(hooks: impl IntoIterator<Item = (HookCall, Value)>, answer: &Value) -> Value {
    let hook = |(call, trace): (HookCall, Value)| {
        let mut trace = trace;
        if !call.hook.starts_with("do_get_") {
            // The facts are compared only for a fetch. For other hooks, the host chooses the facts (decision S6).
            trace["connection"] = Value::Null;
        }
        json!({ "hook": call.hook, "account": call.account, "asset": call.asset, "trace": trace })
    };
    json!({ "hooks": hooks.into_iter().map(hook).collect::<Value>(), "answer": answer })
}

fn counts(found: u64, check_ins: u64) -> Value {
    json!({ "found": found, "check_ins": check_ins })
}

async fn run(input: &Input) -> Result<Vec<(String, StepOutcome)>, Class> {
    let calls = HostCall::read_all(input).map_err(|_| Class::Invalid)?;
    let mut driver = Driver::new(input, &calls)?;
    let (mut steps, mut check_ins) = (Vec::new(), 0);
    for call in &calls {
        let answer = driver.call(call).await;
        if answer == Err(Class::Internal) {
            return Err(Class::Internal);
        }
        let hooks = driver.journal.take();
        let made = hooks.iter().filter(|(hook, _)| hook.hook == "do_check_in_credential");
        check_ins += u64::try_from(made.count()).unwrap_or(u64::MAX);
        steps.push((call.method.clone(), StepOutcome::Ok(shown(hooks, &answer.unwrap_or_default()))));
    }
    steps.push(("the accounting".to_owned(), StepOutcome::Ok(counts(driver.found, check_ins))));
    Ok(steps)
}

/// Returns upstream's trace of a hook: the facts and the login that the vector asks for.
fn trace(hook: &Value) -> Value {
    let mut trace = Map::new();
    if let Some(facts) = hook.get("connection") {
        trace.insert("connection".to_owned(), facts.clone());
    }
    if let Some(login) = hook.get("auth") {
        let value = |name: &str| login[name]["value"].clone();
        let login = json!({ "username": value("username"), "password": value("password") });
        trace.insert("login".to_owned(), login);
    }
    trace.into()
}

fn number_of_steps(input: &Input) -> usize {
    input.get("steps").as_array().map_or(0, Vec::len) + 1
}

impl Adapter for Sessions {
    fn run(&self, input: &Input) -> Observed {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let outcome = runtime.map_err(|_| Class::Internal).and_then(|runtime| runtime.block_on(run(input)));
        match outcome {
            Ok(steps) => Observed::steps(steps),
            Err(class) => {
                let refused = ("the session", StepOutcome::Refused(class));
                Observed::steps(std::iter::repeat_n(refused, number_of_steps(input)))
            }
        }
    }

    /// Demands the result of the session model, beginning with the call in which a decision makes the session differ
    /// from upstream's.
    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let outcomes = outcomes(input.value());
        let hooks = outcomes.iter().flat_map(|outcome| &outcome.hooks);
        let check_ins = hooks.filter(|call| call.hook == "check_in").count() as u64;
        let found = outcomes.iter().filter(|outcome| outcome.is_found).count() as u64;
        let all = outcomes.last().and_then(|last| last.ruling);
        let accounting = all.map(|decision| Ruling::new(decision, Demand::Exactly(counts(found, check_ins))));
        let ruling = |outcome: Outcome| {
            let Outcome { hooks, answer, ruling, .. } = outcome;
            let hooks = hooks.into_iter().map(|call| {
                let hook = super::scripted::upstream_name(&call.hook).to_owned();
                (HookCall { hook, account: call.account, asset: call.asset }, call.trace)
            });
            ruling.map(|decision| Ruling::new(decision, Demand::Exactly(shown(hooks, &answer))))
        };
        outcomes.into_iter().map(ruling).chain([accounting]).collect()
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let steps = expected.get("steps").as_array().ok_or("no `steps`")?;
        let mut demands = Vec::new();
        for (step, calls) in steps.iter().zip(hooks_of(expected)?) {
            let traces = step["hooks"].as_array().into_iter().flatten().map(trace);
            let hooks = calls.into_iter().zip(traces);
            demands.push(Demand::Exactly(shown(hooks, &of_upstream(step)?)).into());
        }
        let Accounting { found, check_ins } = Accounting::read(expected)?;
        demands.push(Demand::Exactly(counts(found, check_ins)).into());
        Ok(demands)
    }
}
