//! The operations that mutants of authorities override.

use crate::notation::operations;

operations! { $ of keyway_certificates::CertificateError, keyway_certificates::Capabilities;
    supports(request: &keyway_certificates::OrderRequest) -> keyway_certificates::Support;
    issue(order: &keyway_certificates::CertificateOrder) -> keyway_certificates::OrderOutcome;
    check(order: &keyway_certificates::CertificateOrder) -> keyway_certificates::OrderOutcome;
    modify(order: &keyway_certificates::CertificateOrder) -> keyway_certificates::OrderOutcome;
    cancel(order: &keyway_certificates::CertificateOrder) -> keyway_certificates::OrderOutcome;
    ca_information() -> Vec<keyway_certificates::CaInformation>;
    default_ca() -> Option<keyway_certificates::CaInformation>;
    create_ca(request: &keyway_certificates::CreateCa) -> keyway_certificates::CaInformation;
    delete_ca(request: &keyway_certificates::DeleteCa) -> ();
    revoke(request: &keyway_certificates::CertificateRevocation) -> ();
    renewal_information(question: &keyway_certificates::RenewalQuestion) -> keyway_certificates::RenewalInformation;
    maintain() -> Option<keyway_core::Timestamp>;
    reconcile(question: &keyway_certificates::Reconciliation) -> keyway_certificates::Reconciled;
}

pub(super) use operation;
