//! Replays the vectors `cert`: the certificates of an order, and texts that are not certificates.

use std::sync::Arc;

use serde_json::{Value, json};

use super::outcome;
use super::script::{Answer, Scripted};
use super::stage::{Listener, Stage, run};
use super::state::expected_after;
use crate::replay::oracle::barbican::placeholder::{Given, given};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Cert;

/// Returns the order after the answer, and whether the host keeps a certificate for the order.
async fn replay(input: &Value) -> Result<(Value, bool), Class> {
    let mut answers = vec![outcome::answer(input)];
    let is_checked = input["method"] == "check_certificate_status";
    if is_checked {
        answers.insert(0, Answer::waiting());
    }
    let stage = Stage::new([("a", Arc::new(Scripted::new(answers)))], [Listener::default()]).await?;
    let order = stage.submit(&json!({})).await?;
    if is_checked {
        stage.next(&order).await?;
    }
    let is_kept = stage.order(&order).await?.state.certificate.is_some();
    Ok((stage.view(&order).await?.order, is_kept))
}

impl Adapter for Cert {
    fn run(&self, input: &Input) -> Observed {
        match run(replay(input.value())) {
            Ok((order, is_kept)) => Observed::steps([
                ("the order", StepOutcome::Ok(order)),
                ("a certificate that is kept", StepOutcome::Ok(is_kept.into())),
            ]),
            Err(class) => Observed::one("the order", StepOutcome::Refused(class)),
        }
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let after = expected_after(input.value());
        let is_damaged = after.decision == "B11" && given(input.get("result")) == Given::Damaged;
        let [order, ..] = after.rulings();
        vec![order, is_damaged.then(|| Ruling::new("B11", Demand::Exactly(true.into())))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        Ok(vec![outcome::shape(expected.get("order"))?.demand().into(), Demand::Nothing.into()])
    }
}
