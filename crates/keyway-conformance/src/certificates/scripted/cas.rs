//! The authorities that the scripted plugin describes, creates and deletes, and the revocation of its certificates.

use std::time::Duration;

use keyway_certificates::{
    CaId, CaInformation, CertificateError, CertificateRevocation, CreateCa, DeleteCa, Pem,
};

use super::authority::Answer;
use super::books::SubCa;
use super::{CaCall, ScriptedCa};

/// The certificate of the authority, and the certificate of the root above it.
pub(super) const SIGNER: &str = include_str!("pem/signer.pem");
const ROOT: &str = include_str!("pem/root.pem");

/// The id of the authority that always exists.
const BASE: &str = "base";

pub(super) const DAY: Duration = Duration::from_secs(86_400);

impl ScriptedCa {
    pub(super) fn known(&self, ca: &CaId) -> Answer<()> {
        let known = self.at_books(|books| books.cas.iter().any(|sub| sub.id == ca.as_str()))?;
        if known || ca.as_str() == BASE {
            Ok(())
        } else {
            Err(CertificateError::UnknownCa { ca: ca.clone() })
        }
    }

    fn information(&self, id: &str, name: &str, description: Option<&String>) -> Answer<CaInformation> {
        let information = CaInformation::new(CaId::new(id)?, name)
            .with_description(description.map_or("A scripted authority", String::as_str))
            .with_signing_certificate(Pem::new(SIGNER)?)
            .with_intermediates(Pem::new(ROOT)?);
        Ok(information.with_expiration(self.clock.now().plus(DAY)))
    }

    pub(super) fn all(&self) -> Answer<Vec<CaInformation>> {
        let cas = self.at_books(|books| books.cas.clone())?;
        let base = self.information(BASE, &self.name, None);
        let subs = cas.iter().map(|sub| self.information(&sub.id, &sub.name, sub.description.as_ref()));
        std::iter::once(base).chain(subs).collect()
    }

    pub(super) fn created(&self, request: &CreateCa) -> Answer<CaInformation> {
        self.known(&request.parent)?;
        let sub = self.at_books(|books| {
            let done = books.done(CaCall::CreateCa, &request.intent).map(str::to_owned);
            let known = done.and_then(|id| books.cas.iter().find(|sub| sub.id == id).cloned());
            if let (Some(known), true) = (known, self.capabilities.idempotent) {
                return known;
            }
            books.numbers += 1;
            let id = format!("sub-{}", books.numbers);
            let sub = SubCa { id, name: request.name.clone(), description: request.description.clone() };
            books.enter(CaCall::CreateCa, &sub.id, &request.intent);
            books.cas.push(sub.clone());
            sub
        })?;
        self.information(&sub.id, &sub.name, sub.description.as_ref())
    }

    pub(super) fn deleted(&self, request: &DeleteCa) -> Answer<()> {
        if request.ca.as_str() == BASE {
            let log = "the base authority stays";
            return Err(CertificateError::refused("This authority cannot be deleted.", log));
        }
        self.at_books(|books| {
            let before = books.cas.len();
            books.cas.retain(|sub| sub.id != request.ca.as_str());
            if books.cas.len() < before {
                books.enter(CaCall::DeleteCa, request.ca.as_str(), &request.intent);
            }
        })
    }

    pub(super) fn revoked(&self, request: &CertificateRevocation) -> Answer<()> {
        if request.certificate != self.issued.certificate {
            let log = "the certificate is another one's";
            return Err(CertificateError::refused("This authority did not make the certificate.", log));
        }
        // Orders may have the same certificate. So each intent is an effect, to tell the orders apart.
        self.at_books(|books| {
            books.revoked.insert(request.certificate.as_str().to_owned());
            if books.done(CaCall::Revoke, &request.intent).is_none() {
                books.enter(CaCall::Revoke, "certificate", &request.intent);
            }
        })
    }
}
