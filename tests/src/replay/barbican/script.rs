//! An authority that answers by the script of a vector, and records its calls.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use keyway_certificates::{
    CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder, IssuedCertificate,
    Json, OrderOutcome, OrderRequest, Pem, RequestTypes, Support, Waiting,
};
use serde_json::{Map, Value, json};

use crate::replay::oracle::barbican::placeholder;

/// The certificate that replaces the placeholders in vectors, and its chain.
const CERTIFICATE: &str = include_str!("pem/leaf.pem");
const CHAIN: &str = include_str!("pem/signer.pem");

/// The behaviour in one call for an order.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// The entries that the plugin writes before it answers. Null writes none, and an empty object removes all.
    pub(super) writes: Value,
    pub(super) told: Told,
}

/// The end of a call.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Outcome(OrderOutcome),
    /// The plugin raises an exception with this text.
    Raises(String),
}

impl Default for Told {
    fn default() -> Self {
        Self::Outcome(OrderOutcome::WaitingForCa(Waiting::new("")))
    }
}

impl Answer {
    pub(super) fn outcome(outcome: OrderOutcome) -> Self {
        Self { writes: Value::Null, told: Told::Outcome(outcome) }
    }

    pub(super) fn writing(self, writes: Value) -> Self {
        Self { writes, ..self }
    }

    pub(super) fn waiting() -> Self {
        Self::default()
    }

    pub(super) fn unavailable() -> Self {
        let waiting = Waiting::new("down").retry_after(std::time::Duration::from_millis(777));
        Self::outcome(OrderOutcome::CaUnavailable(waiting))
    }

    pub(super) fn generated(with_chain: bool) -> Self {
        Self::outcome(issued(with_chain).into())
    }

    pub(super) fn raises(text: impl Into<String>) -> Self {
        Self { writes: Value::Null, told: Told::Raises(text.into()) }
    }
}

/// Returns a real certificate.
pub(super) fn issued(with_chain: bool) -> IssuedCertificate {
    let pem = |text: &str| Pem::new(text).expect("a certificate is not blank");
    let issued = IssuedCertificate::new(pem(CERTIFICATE));
    if with_chain { issued.with_intermediates(pem(CHAIN)) } else { issued }
}

/// Returns the certificate that a vector stands for.
pub(super) fn certificate(value: &Value) -> Result<Option<Pem>, String> {
    meant(value, placeholder::CERTIFICATE, CERTIFICATE)
}

/// Returns the chain that a vector stands for.
pub(super) fn chain(value: &Value) -> Result<Option<Pem>, String> {
    meant(value, placeholder::CHAIN, CHAIN)
}

/// Returns the PEM that a value stands for. For the placeholder this is a real PEM, which upstream's plugins have to
/// encode in base64. Any other text is used as it is, and an empty text means none.
fn meant(value: &Value, placeholder: &str, real: &str) -> Result<Option<Pem>, String> {
    let text = placeholder::text(value);
    let text = if text == Some(placeholder) { Some(real) } else { text.filter(|text| !text.is_empty()) };
    text.map(|text| Pem::new(text).map_err(|error| error.to_string())).transpose()
}

/// The authority.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) supports: bool,
    pub(super) capabilities: Capabilities,
    answers: Mutex<VecDeque<Answer>>,
    calls: Mutex<Vec<Value>>,
    /// The certificate authorities that this authority describes.
    pub(super) cas: Vec<CaInformation>,
}

impl Scripted {
    /// Creates an authority that gives these answers in order. After the last one, it answers that the order waits.
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let types = RequestTypes::CUSTOM.and(RequestTypes::SIMPLE_CMC).and(RequestTypes::STORED_KEY);
        Self {
            supports: true,
            capabilities: Capabilities::MINIMAL.request_types(types).modifies(true).cancels(true),
            answers: Mutex::new(answers.into_iter().collect()),
            calls: Mutex::default(),
            cas: Vec::new(),
        }
    }

    /// Returns the calls for orders so far, in the form of the vectors.
    pub(super) fn calls(&self) -> Vec<Value> {
        locked(&self.calls).clone()
    }

    fn answer(&self, method: &str, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        let seen: Map<String, Value> = order
            .plugin_meta
            .snapshot()
            .iter()
            .map(|(name, value)| (name.clone(), value.to_serde()))
            .collect();
        let metadata: Map<String, Value> =
            order.metadata.values().iter().map(|(name, value)| (name.clone(), value.to_serde())).collect();
        locked(&self.calls).push(json!({
            "method": method,
            "plugin_ca_id": order.context.ca.as_ref().map(|ca| ca.as_str().to_owned()),
            "plugin_meta_in": seen,
            "order_meta": metadata,
            "generated_csr": order.context.generated_csr.as_ref().map(|csr| csr.as_str().to_owned()),
        }));
        let Answer { writes, told } = locked(&self.answers).pop_front().unwrap_or_default();
        if let Value::Object(writes) = writes {
            if writes.is_empty() {
                seen.keys().for_each(|name| drop(order.plugin_meta.remove(name)));
            }
            for (name, value) in writes {
                order.plugin_meta.set(name, Json::from(value))?;
            }
        }
        match told {
            Told::Outcome(outcome) => Ok(outcome),
            Told::Raises(text) => Err(CertificateError::refused(text.clone(), text)),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl CertificateAuthority for Scripted {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn supports(&self, _: &OrderRequest) -> Result<Support, CertificateError> {
        Ok(if self.supports { Support::Yes } else { Support::no("not this one") })
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.answer("issue", order)
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.answer("check", order)
    }

    async fn modify(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.answer("modify", order)
    }

    async fn cancel(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.answer("cancel", order)
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        Ok(self.cas.clone())
    }
}
