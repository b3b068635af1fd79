//! An authority whose answers come from the bytes of an input.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyway_certificates::{
    CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder,
    CertificateRevocation, IntendedCall, IssuedCertificate, ObjectRef, OrderOutcome, OrderRequest, Pem,
    Reconciled, Reconciliation, RetryMethod, Support, Waiting, async_trait,
};

/// A certificate that is valid at the time of the properties.
const CERTIFICATE: &str =
    include_str!("../../../../crates/keyway-conformance/src/certificates/scripted/pem/leaf.pem");

/// An authority whose answers are the bytes of an input. Without a byte left, it answers that the order waits.
#[derive(Debug)]
pub(super) struct Ca {
    pub(super) capabilities: Capabilities,
    pub(super) answers: Mutex<VecDeque<u8>>,
}

impl Ca {
    fn next(&self) -> u8 {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default()
    }

    fn outcome(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        let answer = self.next();
        let (kind, more) = (answer % 16, answer / 16);
        order.plugin_meta.set("seen", more.to_string())?;
        let waiting =
            Waiting::new("as the input says").retry_after(Duration::from_secs(u64::from(more) * 60));
        Ok(match kind {
            0 => OrderOutcome::WaitingForCa(waiting),
            1 => OrderOutcome::WaitingForCa(waiting.retry_method(RetryMethod::Issue)),
            2 => OrderOutcome::WaitingForCa(waiting.retry_method(RetryMethod::Check)),
            3 if self.capabilities.cancels => {
                OrderOutcome::WaitingForCa(waiting.retry_method(RetryMethod::Cancel))
            }
            3 => OrderOutcome::ClientDataIssue(waiting.retry_method(RetryMethod::Check)),
            4 => OrderOutcome::CaUnavailable(waiting),
            5 => OrderOutcome::ClientDataIssue(waiting),
            6 => OrderOutcome::Canceled("canceled".into()),
            7 => OrderOutcome::InvalidOperation("not like this\nand not on two lines".into()),
            8 | 9 => issued(CERTIFICATE)?.into(),
            10 => issued("not a certificate")?.into(),
            11 => return Err(CertificateError::refused("no\nline", "no")),
            12 => return Err(CertificateError::failed("perhaps", "perhaps")),
            13 => {
                return Err(CertificateError::Unavailable {
                    what: "the input",
                    retry_after: None,
                    source: None,
                });
            }
            14 => return Err(CertificateError::Unsupported { what: "that" }),
            _ => return Err(CertificateError::system("answer", "the input ends it")),
        })
    }
}

fn issued(pem: &str) -> Result<IssuedCertificate, CertificateError> {
    Ok(IssuedCertificate::new(Pem::new(pem)?))
}

#[async_trait]
impl CertificateAuthority for Ca {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn supports(&self, _: &OrderRequest) -> Result<Support, CertificateError> {
        Ok(Support::Yes)
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.outcome(order)
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.outcome(order)
    }

    async fn modify(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        assert!(self.capabilities.modifies, "the host asks for nothing that is not declared");
        assert!(order.previous_metadata.is_some(), "a change has the data before it");
        self.outcome(order)
    }

    async fn cancel(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        if !self.capabilities.cancels {
            return Err(CertificateError::Unsupported { what: "cancelling" });
        }
        self.outcome(order)
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        Ok(vec![CaInformation::new(CaId::new("1")?, "Input CA")])
    }

    async fn revoke(&self, _: &CertificateRevocation) -> Result<(), CertificateError> {
        match self.next() % 3 {
            0 => Ok(()),
            1 => Err(CertificateError::system("revoke", "the input ends it")),
            _ => Err(CertificateError::Unsupported { what: "revocation" }),
        }
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CertificateError> {
        assert!(self.capabilities.reconciles, "the host asks for nothing that is not declared");
        Ok(match self.next() % 4 {
            0 => Reconciled::NothingHappened,
            1 => match &question.context {
                IntendedCall::Issue(order) | IntendedCall::Modify(order) => {
                    Reconciled::Made(ObjectRef::Order(order.id.clone()))
                }
                _ => Reconciled::Destroyed,
            },
            2 => Reconciled::Destroyed,
            _ => Reconciled::Unknown,
        })
    }
}
