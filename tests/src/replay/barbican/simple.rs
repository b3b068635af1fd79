//! Replays the vectors `simple`: upstream's authority that lets every order wait, and an order from the request to the
//! certificate.

use std::sync::Arc;

use keyway_certificates::{CaId, CaInformation, CertificateAuthority as _};
use serde_json::{Value, json};

use super::fixture;
use super::local::Desk;
use super::outcome;
use super::script::{Answer, Scripted};
use super::stage::{Stage, run};
use crate::replay::oracle::barbican::order::{After, Next, Shape, after};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Simple;

const NAME: &str = "Simple CA";

/// The question that a vector asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Issue,
    Modify,
    Check,
    Facts,
    /// An order that the local authority carries out. `CheckedAgain` asks whether the finished order is checked once
    /// more.
    Order,
    CheckedAgain,
}

/// Reads the question from the input. If the input is empty, the description of the vector says what is asked.
fn question(input: &Input) -> Option<Question> {
    Some(match input.situation() {
        _ if input.value().get("request_data").is_some() => Question::Order,
        "issue_certificate_request" => Question::Issue,
        "modify_certificate_request" => Question::Modify,
        "check_certificate_status" => Question::Check,
        "facts" => Question::Facts,
        "check on a snake-oil order that is already done: error, container stays" => Question::CheckedAgain,
        _ => return None,
    })
}

fn generated() -> Value {
    json!({ "result": { "status": "certificate generated" } })
}

async fn replay(input: &Input) -> Result<Value, Class> {
    let question = question(input).ok_or(Class::Invalid)?;
    let answers = match question {
        Question::Issue => {
            vec![outcome::answer(&json!({ "result": { "status": "waiting for CA", "retry_msec": 5000 } }))]
        }
        Question::Check => vec![Answer::waiting(), outcome::answer(&generated())],
        _ => Vec::new(),
    };
    let mut simple = Scripted::new(answers);
    match question {
        Question::Issue | Question::Modify | Question::Check => {
            let stage = Stage::new([("simple", Arc::new(simple))], []).await?;
            let order = stage.submit(&json!({})).await?;
            match question {
                Question::Modify => stage.modify(&order, &json!({ "contact": "ada" })).await?,
                Question::Check => drop(stage.next(&order).await?),
                _ => {}
            }
            Ok(stage.view(&order).await?.order)
        }
        Question::Facts => {
            let id = CaId::new(NAME).map_err(|_| Class::Internal)?;
            simple.cas.push(CaInformation::new(id, NAME));
            let creates = simple.capabilities().creates_cas;
            let stage = Stage::new([("simple", Arc::new(simple))], []).await?;
            stage.work().await?;
            Ok(json!({ "is_known": stage.ca(NAME).is_some(), "creates_cas": creates }))
        }
        Question::Order | Question::CheckedAgain => {
            let data = input.get("request_data").as_str().unwrap_or("<CSR>");
            let stage = Stage::new([("local", Desk::new()?.open()?)], []).await?;
            let order = stage.submit(&json!({ "request_data": fixture::text(data) })).await?;
            if question == Question::CheckedAgain {
                stage.next(&order).await?;
            }
            Ok(stage.view(&order).await?.order)
        }
    }
}

/// Returns the order that the local authority has carried out. The chain does not contain the root.
fn carried_out() -> Shape {
    Shape {
        status: "ACTIVE".to_owned(),
        sub_status: Some("certificate generated"),
        next: None,
        parts: vec!["certificate"],
    }
}

impl Adapter for Simple {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match run(replay(input)) {
            Ok(answer) => StepOutcome::Ok(answer),
            Err(class) => StepOutcome::Refused(class),
        };
        Observed::one("the answer", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let is_request = input.get("request_data").as_str().is_none_or(fixture::is_request);
        let Some(question) = question(input) else { return vec![None] };
        vec![match question {
            Question::Check => {
                let After { shape, decision, .. } = after("check", &generated());
                Some(Ruling::new(decision, shape.demand()))
            }
            Question::Order if is_request => Some(Ruling::new("H135", carried_out().demand())),
            Question::CheckedAgain if is_request => Some(Ruling::new("B8", carried_out().demand())),
            _ => None,
        }]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let waiting = || {
            let delay = expected.get("retry_msec").as_u64().ok_or("no `retry_msec`")?;
            let next = Some(Next { method: "check", delay });
            let sub_status = Some("waiting for CA");
            Ok::<_, String>(
                Shape { status: "PENDING".to_owned(), sub_status, next, parts: Vec::new() }.demand(),
            )
        };
        let status = expected.get("status").as_str();
        let demand = match question(input).ok_or("no such question")? {
            Question::Issue | Question::Modify if status == Some("waiting for CA") => waiting()?,
            // Upstream's order has a container without a certificate, so no parts of the container are demanded.
            Question::Check if status == Some("certificate generated") => {
                Shape { parts: Vec::new(), ..carried_out() }.demand()
            }
            Question::Facts => Demand::Exactly(json!({
                "is_known": expected.get("ca_info").get(NAME).is_some(),
                "creates_cas": expected.get("supports_create_ca"),
            })),
            Question::Order => outcome::shape(expected.value())?.demand(),
            Question::CheckedAgain if status == Some("ERROR") => {
                let failed = Shape { status: "ERROR".to_owned(), ..carried_out() };
                failed.demand()
            }
            _ => return Err("no such answer".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
