//! Replays the vectors `skcsr`: the certificate request that the host makes from a stored key.

use std::sync::Arc;

use keyway_x509::{CertificateRequest, PrivateKey};
use serde_json::{Value, json};

use super::fixture;
use super::script::Scripted;
use super::stage::{Stage, run};
use crate::replay::oracle::barbican::issued::pairs;
use crate::replay::oracle::barbican::{request, subject};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct StoredKey;

/// The stored container that a vector describes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Plain,
    Encrypted,
    Empty,
    Unknown,
}

fn container(input: &Input) -> Container {
    let key = input.get("key_pair");
    if input.situation() == "unknown container" {
        Container::Unknown
    } else if key["with_private"] == false {
        Container::Empty
    } else if key["enc"] == true {
        Container::Encrypted
    } else {
        Container::Plain
    }
}

fn metadata(input: &Input) -> Value {
    json!({
        "request_type": "stored-key",
        "container_ref": "vault/pair",
        "subject_dn": input.get("subject_dn"),
        "extensions": input.get("extensions"),
    })
}

async fn replay(input: &Input) -> Result<Value, Class> {
    let authority = Arc::new(Scripted::new([]));
    let stage = Stage::new([("a", Arc::clone(&authority))], []).await?;
    match container(input) {
        Container::Plain => stage.store("pair.private_key", fixture::key()).await?,
        Container::Encrypted => {
            stage.store("pair.private_key", fixture::encrypted_key()).await?;
            stage.store("pair.private_key_passphrase", fixture::PASSPHRASE).await?;
        }
        Container::Empty => stage.store("pair.public_key", "not the private one").await?,
        Container::Unknown => {}
    }
    stage.submit(&metadata(input)).await?;
    let call = authority.calls().pop().ok_or(Class::Internal)?;
    let request = call["generated_csr"].as_str().ok_or(Class::MissingResult)?;
    // The parser also verifies the signature of the request.
    let request = CertificateRequest::from_pem(request).map_err(|_| Class::BadResult)?;
    let key = PrivateKey::from_pem(fixture::key(), None).map_err(|_| Class::Internal)?;
    Ok(json!({
        "subject": subject::encoded(&request.subject().to_string()),
        "extensions": request.extensions().len(),
        "same_key": request.public_key() == key.public_key(),
    }))
}

impl Adapter for StoredKey {
    fn run(&self, input: &Input) -> Observed {
        let outcome = match run(replay(input)) {
            Ok(request) => StepOutcome::Ok(request),
            Err(class) => StepOutcome::Refused(class),
        };
        Observed::one("the request", outcome)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let body = json!({ "type": "certificate", "meta": metadata(input) });
        let is_there = matches!(container(input), Container::Plain | Container::Encrypted);
        let made = || {
            let subject = subject::encoded(input.text("subject_dn"));
            let request = json!({ "subject": subject, "extensions": 0, "same_key": true });
            Ruling::new("B12", Demand::Exactly(request))
        };
        vec![match request::ruling(&body) {
            Some(refused @ Ruling { required: Demand::Refused(_), .. }) => Some(refused),
            Some(_) if is_there => Some(made()),
            _ => None,
        }]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let demand = match expected.get("raises").as_str() {
            Some("StoredKeyPrivateKeyNotFound" | "StoredKeyContainerNotFound") => {
                Demand::Refused(&[Class::NotFound])
            }
            Some(_) => Demand::Refused(&[Class::Invalid]),
            None if *expected.get("signature_ok") == true => Demand::Exactly(json!({
                "subject": pairs(expected.get("subject_rdns_in_order")),
                "extensions": expected.get("extensions"),
                "same_key": expected.get("same_key"),
            })),
            None => return Err("neither `raises` nor `signature_ok`".to_owned()),
        };
        Ok(vec![demand.into()])
    }
}
