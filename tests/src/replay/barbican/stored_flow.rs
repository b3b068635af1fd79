//! Replays the vectors `skflow`: an order whose certificate request is made by the host, from a stored key.

use std::sync::Arc;

use serde_json::{Value, json};

use super::script::{Answer, Scripted};
use super::stage::{Stage, run};
use super::{fixture, outcome};
use crate::replay::oracle::barbican::request;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct StoredFlow;

/// The private key of the certificate that the authority makes. The key is encrypted with the passphrase of the
/// fixtures.
const ENCRYPTED: &str = include_str!("pem/encrypted-key.pem");

fn has_key(input: &Input) -> bool {
    input.get("key_pair")["with_private"] != false
}

fn metadata(input: &Input) -> Value {
    let order = input.get("order_meta");
    let (request_type, subject) = if order.is_object() {
        (order["request_type"].clone(), &order["subject_dn"])
    } else {
        ("stored-key".into(), input.get("subject_dn"))
    };
    json!({ "request_type": request_type, "container_ref": "vault/pair", "subject_dn": subject })
}

async fn replay(input: &Input) -> Result<Value, Class> {
    let authority = Arc::new(Scripted::new([Answer::generated(true)]));
    let stage = Stage::new([("a", authority)], []).await?;
    if has_key(input) {
        stage.store("pair.private_key", ENCRYPTED).await?;
        stage.store("pair.private_key_passphrase", fixture::PASSPHRASE).await?;
    }
    let order = stage.submit(&metadata(input)).await?;
    let key = stage.part(&order, "key_container").await?;
    Ok(json!({ "order": stage.view(&order).await?.order, "key": key }))
}

impl Adapter for StoredFlow {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match run(replay(input)) {
            Ok(order) => StepOutcome::Ok(order),
            Err(class) => StepOutcome::Refused(class),
        };
        Observed::one("the order", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let body = json!({ "type": "certificate", "meta": metadata(input) });
        vec![match request::ruling(&body) {
            Some(refused @ Ruling { required: Demand::Refused(_), .. }) => Some(refused),
            // The client learns at once that the key is missing, and no order is stored.
            Some(_) if !has_key(input) => Some(Ruling::refused("B12", &[Class::NotFound])),
            _ => None,
        }]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let Some([step]) = expected.get("steps").as_array().map(Vec::as_slice) else {
            return Err("not one step".to_owned());
        };
        let shape = outcome::shape(step)?.demand();
        // Upstream's container refers to the private key of the stored pair. Keyway's container refers to the stored
        // pair as a whole.
        let key = step["container"]["private_key"].is_string().then_some("vault/pair");
        let demand = Demand::answer(format!("{shape}, with the key {key:?}"), move |found| {
            shape.admits(&StepOutcome::Ok(found["order"].clone())) && found["key"] == json!(key)
        });
        Ok(vec![demand.into()])
    }
}
