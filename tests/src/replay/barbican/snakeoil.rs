//! Replays the vectors `snakeoil`: upstream's authority for tests, which has keys of its own. Keyway's local authority
//! takes its place.

use keyway_certificates::{
    CaId, CaInformation, CertificateAuthority as _, DeleteCa, IntentId, OrderOutcome, OrderRequest,
};
use keyway_local_ca::LocalCa;
use keyway_x509::{CertificateRequest, Expected as Ordered, check_issued};
use serde_json::{Value, json};

use super::fixture;
use super::local::{Desk, facts, new_ca, order};
use super::stage::{class, run};
use crate::replay::oracle::barbican::issued::{self, AUTHORITY_DAYS, DAYS, ROOT};
use crate::replay::oracle::barbican::subject;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct SnakeOil;

/// The subject of the subordinate authority in the vectors.
const SUB: &str = "cn=Sub One,o=Org";
const NEW_SUB: &str = "<new sub-CA>";

/// The question that a vector asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Issue,
    CreateCa,
    /// A call of a method that upstream does not have.
    Method,
    Supports,
    Reopened,
    CreateBelowReopened,
    Deleted,
}

/// Reads the question from the input. If the input is empty, the description of the vector says what is asked.
fn question(input: &Input) -> Option<Question> {
    let has = |key| input.value().get(key).is_some();
    Some(match input.situation() {
        _ if has("method") => Question::Method,
        _ if has("request_data") => Question::Issue,
        _ if has("parent") || has("parent_ca_id") => Question::CreateCa,
        _ if has("request_type") => Question::Supports,
        "no request_data" => Question::Issue,
        "supports" => Question::Supports,
        "create_ca under a sub-CA that was reloaded from disk" => Question::CreateBelowReopened,
        "delete_ca removes the four files" => Question::Deleted,
        "a new plugin instance finds sub-CAs by the *.key files" => Question::Reopened,
        _ => return None,
    })
}

async fn sub(ca: &LocalCa) -> Result<CaInformation, Class> {
    ca.create_ca(&new_ca("sub", SUB, "base")?).await.map_err(|error| class(&error))
}

/// Issues the order of a vector.
async fn issue(ca: &LocalCa, input: &Input) -> Result<Value, Class> {
    let by = match input.get("plugin_ca_id").as_str() {
        None => None,
        Some(NEW_SUB) => Some(sub(ca).await?.id),
        Some(id) => Some(CaId::new(id).map_err(|_| Class::Invalid)?),
    };
    let mut metadata = input.value().clone();
    if let Some(Value::String(data)) = metadata.get_mut("request_data") {
        *data = fixture::text(data).to_owned();
    }
    let order = order(&metadata, by)?;
    match ca.issue(&order).await.map_err(|error| class(&error))? {
        OrderOutcome::Generated(issued) => {
            let request =
                CertificateRequest::from_request_data(metadata["request_data"].as_str().unwrap_or_default());
            let request = request.map_err(|_| Class::BadResult)?;
            let chain = issued.intermediates.as_ref().map(keyway_certificates::Pem::as_str);
            let now = keyway_core::Clock::now(&keyway_core::SystemClock);
            let certificate = issued.certificate.as_str();
            check_issued(certificate, chain, &Ordered::from_request(&request), now)
                .map_err(|_| Class::BadResult)?;
            facts(certificate)
        }
        _ => Err(Class::BadResult),
    }
}

async fn create(ca: &LocalCa, input: &Input) -> Result<Value, Class> {
    let parent = match input.text("parent") {
        "Snakeoil CA" => "base",
        _ => input.text("parent_ca_id"),
    };
    let made = ca.create_ca(&new_ca("sub", input.text("subject_dn"), parent)?).await;
    let made = made.map_err(|error| class(&error))?;
    facts(made.signing_certificate.ok_or(Class::MissingResult)?.as_str())
}

/// Asks whether the authority supports a request type. The order has all data that its type needs, so the answer
/// depends on the type only.
async fn supports(ca: &LocalCa, input: &Input) -> Result<Value, Class> {
    let mut metadata = json!({ "request_data": fixture::text("<CSR>") });
    if let Some(request_type) = input.value().get("request_type") {
        metadata["request_type"] = request_type.clone();
    }
    let order = order(&metadata, None)?;
    let request = OrderRequest::new(order.metadata);
    let support = ca.supports(&request).await.map_err(|error| class(&error))?;
    Ok((support == keyway_certificates::Support::Yes).into())
}

async fn replay(input: &Input) -> Result<Value, Class> {
    let desk = Desk::new()?;
    let ca = desk.open()?;
    let failed = |error| class(&error);
    match question(input).ok_or(Class::Invalid)? {
        Question::Issue => issue(&ca, input).await,
        Question::CreateCa => create(&ca, input).await,
        Question::Supports => supports(&ca, input).await,
        Question::Method => {
            let order = order(&json!({}), None)?;
            let outcome = match input.text("method") {
                "modify" => ca.modify(&order).await,
                "cancel" => ca.cancel(&order).await,
                _ => return Err(Class::Invalid),
            };
            outcome.map(|_| Value::Null).map_err(failed)
        }
        Question::Reopened => {
            sub(&ca).await?;
            let all = desk.open()?.ca_information().await.map_err(failed)?;
            let name = all.iter().find(|ca| ca.id.as_str() != "base").map(|ca| ca.name.clone());
            Ok(json!({ "cas": all.len(), "name": name }))
        }
        Question::CreateBelowReopened => {
            let parent = sub(&ca).await?.id;
            let below = new_ca("below", "cn=x", parent.as_str())?;
            let below = desk.open()?.create_ca(&below).await.map_err(failed)?;
            let facts = facts(below.signing_certificate.ok_or(Class::MissingResult)?.as_str())?;
            Ok(facts["issuer"].clone())
        }
        Question::Deleted => {
            let ca_id = sub(&ca).await?.id;
            let intent = IntentId::new("delete").ok_or(Class::Internal)?;
            ca.delete_ca(&DeleteCa::new(intent, ca_id)).await.map_err(failed)?;
            let left = desk.open()?.ca_information().await.map_err(failed)?;
            Ok((left.len() - 1).into())
        }
    }
}

impl Adapter for SnakeOil {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match run(replay(input)) {
            Ok(answer) => StepOutcome::Ok(answer),
            Err(class) => StepOutcome::Refused(class),
        };
        Observed::one("the answer", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let demands = |decision, demand| Some(Ruling::new(decision, Demand::Exactly(demand)));
        let Some(question) = question(input) else { return vec![None] };
        vec![match question {
            Question::Issue if input.value().get("request_data").is_none() => {
                Some(Ruling::refused("H135", &[Class::Invalid]))
            }
            Question::Issue if fixture::is_request(input.text("request_data")) => {
                match input.get("plugin_ca_id").as_str() {
                    None => demands("B15", issued::facts("cn=server1", ROOT, DAYS)),
                    Some(NEW_SUB) => demands("B15", issued::facts("cn=server1", SUB, DAYS)),
                    Some("") => Some(Ruling::refused("H130", &[Class::Invalid])),
                    Some(_) => None,
                }
            }
            Question::CreateCa if input.text("parent") == "Snakeoil CA" => {
                let subject = input.text("subject_dn");
                let is_name = subject::verdict(subject) == Some(true);
                is_name
                    .then(|| issued::facts(subject, ROOT, AUTHORITY_DAYS))
                    .and_then(|facts| demands("B15", facts))
            }
            Question::Supports => match input.value().get("request_type").map(Value::as_str) {
                Some(Some("simple-cmc")) => demands("B20", true.into()),
                Some(None) => Some(Ruling::refused("B20", &[Class::Invalid])),
                _ => None,
            },
            Question::Reopened => demands("B14", json!({ "cas": 2, "name": "sub" })),
            Question::CreateBelowReopened => demands("B15", subject::encoded(SUB)),
            _ => None,
        }]
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let exactly = |value: &Value| Demand::Exactly(value.clone());
        let question = question(input).ok_or("no such question")?;
        let demand = match question {
            // Upstream's plugin does not classify failures, so any refusal is accepted.
            _ if expected.get("raises").is_string() => Demand::AnyRefusal,
            Question::Issue if *expected.get("status") == "client data issue seen" => Demand::AnyRefusal,
            Question::Issue if *expected.get("status") == "certificate generated" => {
                Demand::Exactly(issued::facts_of_upstream(expected.get("certificate")))
            }
            Question::CreateCa => Demand::Exactly(issued::facts_of_upstream(expected.get("cert"))),
            Question::Supports => exactly(expected.get("supports")),
            Question::Reopened => {
                Demand::Exactly(json!({ "cas": expected.get("cas"), "name": expected.get("sub_name") }))
            }
            Question::CreateBelowReopened => Demand::Exactly(issued::pairs(expected.get("issuer"))),
            Question::Deleted => exactly(expected.get("files_of_it_left")),
            _ => return Err("no such answer".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
