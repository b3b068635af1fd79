//! A certificate that is not yet signed, so that a mutant can change it.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{IssuedCertificate, Pem};
use keyway_core::Timestamp;
use keyway_x509::issuing::{CertificateContent, extensions, to_pem};
use keyway_x509::{AlternativeName, CertificateRequest, PrivateKey};

use super::authority::{CERTIFICATE, SigningAuthority};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The certificate of one order, before it is signed.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) request: CertificateRequest,
    /// The moment at which the certificate is made.
    pub(super) now: Timestamp,
    /// The number of certificates that were made before.
    pub(super) number: usize,
    /// The content, whose extensions follow from the fields below.
    pub(super) content: CertificateContent,
    pub(super) serial: Vec<u8>,
    pub(super) names: Vec<AlternativeName>,
    pub(super) is_authority: bool,
    pub(super) key_identifier: Option<Vec<u8>>,
    pub(super) issuer_key_identifier: Option<Vec<u8>>,
    pub(super) signer: Arc<PrivateKey>,
    pub(super) root_key: Arc<PrivateKey>,
    /// The certificates that the authority returns with this one, in PEM. The text is empty if there are none.
    pub(super) intermediates: String,
    pub(super) root: String,
}

impl Draft {
    /// Makes a correct certificate.
    pub(super) fn new(
        authority: &SigningAuthority,
        request: CertificateRequest,
        now: Timestamp,
        days: u32,
        number: usize,
    ) -> Result<Self, Failure> {
        let key_identifier = extensions::key_identifier(request.public_key())?;
        Ok(Self {
            content: CertificateContent {
                subject: request.subject().clone(),
                issuer: authority.name.clone(),
                public_key: request.public_key().clone(),
                not_before: now,
                not_after: now.plus(Duration::from_secs(u64::from(days) * 86_400 - 1)),
                extensions: Vec::new(),
            },
            serial: CertificateContent::random_serial()?.to_vec(),
            names: request.names().to_vec(),
            is_authority: false,
            key_identifier: Some(key_identifier),
            issuer_key_identifier: Some(authority.key_identifier.clone()),
            signer: Arc::clone(&authority.key),
            root_key: Arc::clone(&authority.root_key),
            intermediates: authority.certificate.clone(),
            root: authority.root.clone(),
            request,
            now,
            number,
        })
    }

    /// Signs the certificate.
    pub(super) fn sign(mut self) -> Result<IssuedCertificate, Failure> {
        let constraints =
            if self.is_authority { extensions::authority(None)? } else { extensions::no_authority()? };
        let names = (!self.names.is_empty())
            .then(|| extensions::alternative_names(self.request.subject().is_empty(), &self.names));
        let key = self.key_identifier.as_deref().map(extensions::subject_key);
        let issuer_key = self.issuer_key_identifier.as_deref().map(extensions::authority_key);
        self.content.extensions.push(constraints);
        for extension in [names, key, issuer_key].into_iter().flatten() {
            self.content.extensions.push(extension?);
        }
        let der = self.content.sign_with_serial(&self.serial, &self.signer)?;
        let issued = IssuedCertificate::new(Pem::new(to_pem(CERTIFICATE, &der))?);
        Ok(match self.intermediates.as_str() {
            "" => issued,
            chain => issued.with_intermediates(Pem::new(chain)?),
        })
    }
}
