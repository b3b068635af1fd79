//! An authority that creates and deletes subordinate authorities by the script of a vector, and records its calls.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use keyway_certificates::{
    CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder, CreateCa,
    DeleteCa, OrderOutcome, OrderRequest, Pem, Support, Waiting,
};
use keyway_core::Timestamp;
use serde_json::{Value, json};

use crate::replay::oracle::barbican::subordinate::{Answer, BASE, NEW, SUB};

/// A time in the future, at which descriptions expire.
const LATER: Timestamp = Timestamp::from_milliseconds(4_000_000_000_000);

/// The authority.
#[derive(Debug)]
pub(super) struct Creator {
    pub(super) capabilities: Capabilities,
    /// The answer to a request that creates the authority of the vector. A request with the name [`SUB`] creates the
    /// authority that the owner has before the vector begins, so this answer does not apply to it.
    pub(super) answer: Answer,
    known: Mutex<Vec<CaInformation>>,
    created: Mutex<Vec<Value>>,
    deleted: Mutex<Vec<String>>,
}

fn described(id: &str, name: &str) -> Result<CaInformation, CertificateError> {
    Ok(CaInformation::new(CaId::new(id)?, name).with_signing_certificate(Pem::new("S")?))
}

impl Creator {
    pub(super) fn new(answer: Answer) -> Result<Self, CertificateError> {
        let known = BASE.into_iter().map(|id| described(id, id)).collect::<Result<_, _>>()?;
        let capabilities = Capabilities::MINIMAL.creates_cas(true).deletes_cas(true);
        let (created, deleted) = (Mutex::default(), Mutex::default());
        Ok(Self { capabilities, answer, known: Mutex::new(known), created, deleted })
    }

    /// Returns the calls that create an authority, without the one for [`SUB`].
    pub(super) fn created(&self) -> Vec<Value> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the ids in the calls to delete an authority.
    pub(super) fn deleted(&self) -> Vec<String> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, information: CaInformation) -> CaInformation {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).push(information.clone());
        information
    }
}

#[async_trait]
impl CertificateAuthority for Creator {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn supports(&self, _: &OrderRequest) -> Result<Support, CertificateError> {
        Ok(Support::Yes)
    }

    async fn issue(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        Ok(OrderOutcome::WaitingForCa(Waiting::new("")))
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.issue(order).await
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        Ok(self.known.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn create_ca(&self, request: &CreateCa) -> Result<CaInformation, CertificateError> {
        if request.name == SUB {
            return Ok(self.add(described(SUB, SUB)?));
        }
        self.created.lock().unwrap_or_else(PoisonError::into_inner).push(json!({
            "name": request.name,
            "subject_dn": request.subject_dn,
            "description": request.description,
            "parent": request.parent.as_str(),
        }));
        match self.answer {
            Answer::Raises => Err(CertificateError::refused("bad parent", "bad parent")),
            Answer::Described { has_id, has_intermediates, expires } => {
                let mut information = described(if has_id { NEW } else { "" }, &request.name)?;
                if has_intermediates {
                    information = information.with_intermediates(Pem::new("I")?);
                }
                Ok(self.add(if expires { information.with_expiration(LATER) } else { information }))
            }
        }
    }

    async fn delete_ca(&self, request: &DeleteCa) -> Result<(), CertificateError> {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner).push(request.ca.to_string());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known.id != request.ca);
        Ok(())
    }
}
