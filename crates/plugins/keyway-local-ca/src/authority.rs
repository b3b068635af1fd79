//! An authority that is ready to sign.

use der::Decode as _;
use keyway_certificates::{CaId, CaInformation, CertificateError, Pem};
use keyway_core::Timestamp;
use keyway_storage::Revision;
use keyway_x509::issuing::extensions::{self, key_identifier};
use keyway_x509::issuing::{CertificateContent, NewCertificateError, from_encoded};
use keyway_x509::{DistinguishedName, PrivateKey};
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use crate::authority_record::AuthorityRecord;
use crate::chain_limits::ChainLimits;
use crate::configuration::{LocalCaConfiguration, address};
use crate::pem::{certificate_pem, chain_pem};
use crate::storage_error::corrupt;

/// The object that errors about a stored authority name.
pub(crate) const WHAT: &str = "the record of an authority";

/// An authority, and its record as it was read.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) record: AuthorityRecord,
    pub(crate) revision: Revision,
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Certificate,
    /// The identifier of the authority's key. It comes from the authority's certificate, or is computed from the key if
    /// the certificate has none.
    pub(crate) key_identifier: Vec<u8>,
    /// The limits of the chain from this authority to the root.
    pub(crate) limits: ChainLimits,
}

impl Authority {
    /// Prepares an authority from its record. Returns `None` if it is deleted.
    pub(crate) fn load(
        record: AuthorityRecord,
        revision: Revision,
    ) -> Result<Option<Self>, CertificateError> {
        if record.key.is_none() { Ok(None) } else { Self::new(record, revision).map(Some) }
    }

    /// Prepares an authority that is not deleted from its record.
    pub(crate) fn new(record: AuthorityRecord, revision: Revision) -> Result<Self, CertificateError> {
        let key = record.key.as_ref().ok_or_else(|| corrupt(WHAT, "it is deleted"))?;
        let key = PrivateKey::from_pkcs8(key).map_err(|error| corrupt(WHAT, error.to_string()))?;
        let damaged = |_| corrupt(WHAT, "its certificate cannot be read");
        let certificate = Certificate::from_der(&record.certificate).map_err(damaged)?;
        let body = certificate.tbs_certificate();
        let own: Option<(bool, SubjectKeyIdentifier)> = body.get_extension().map_err(damaged)?;
        let key_identifier = match own {
            Some((_, identifier)) => identifier.0.as_bytes().to_vec(),
            None => key_identifier(key.public_key()).map_err(damaged)?,
        };
        let limits = ChainLimits::of([&certificate]).map_err(damaged)?.and(record.limits);
        Ok(Self { record, revision, key, certificate, key_identifier, limits })
    }

    pub(crate) fn id(&self) -> Result<CaId, CertificateError> {
        Ok(CaId::new(self.record.id.as_str())?)
    }

    /// Returns the last moment at which the certificates of the authority and of its issuers are valid.
    pub(crate) fn not_after(&self) -> Timestamp {
        let own = from_encoded(&self.certificate.tbs_certificate().validity().not_after);
        self.limits.not_after.map_or(own, |end| end.min(own))
    }

    /// Returns the first moment at which the authority's certificate is valid.
    pub(crate) fn not_before(&self) -> Timestamp {
        from_encoded(&self.certificate.tbs_certificate().validity().not_before)
    }

    /// Checks that the authority's certificate is valid now. Otherwise it signs nothing for others, because no verifier
    /// accepts that now.
    pub(crate) fn check_validity(&self, what: &'static str, now: Timestamp) -> Result<(), CertificateError> {
        let reason = if now < self.not_before() {
            "its certificate is not valid yet: correct the clock of the host"
        } else if now >= self.not_after() {
            "its certificate, or one above it, has expired: create another authority, or import one into another \
             connection"
        } else {
            return Ok(());
        };
        Err(CertificateError::not_ready(what, reason))
    }

    /// Returns the authority's name, in the form that is used in the certificates that it signs.
    pub(crate) fn subject(&self) -> DistinguishedName {
        DistinguishedName::from(self.certificate.tbs_certificate().subject().clone())
    }

    /// Tells whether the authority is a root: issuer and subject of its certificate have the same name.
    fn is_root(&self) -> bool {
        self.certificate.tbs_certificate().issuer() == self.certificate.tbs_certificate().subject()
    }

    /// Returns the intermediate certificates for each certificate that this authority signs. Unless the authority is a
    /// root, the first one is the authority's own certificate.
    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let own = (!self.is_root()).then(|| self.record.certificate.clone());
        own.into_iter().chain(self.record.issuers.iter().cloned()).collect()
    }

    /// Returns the description of the authority. The host asks again after a day, because another process may create
    /// authorities.
    pub(crate) fn information(&self, now: Timestamp) -> Result<CaInformation, CertificateError> {
        const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
        let mut information = CaInformation::new(self.id()?, self.record.name.clone())
            .with_signing_certificate(Pem::new(certificate_pem(&self.record.certificate))?)
            .with_expiration(now.plus(DAY));
        if let Some(description) = &self.record.description {
            information = information.with_description(description.clone());
        }
        // A chain that is too long is left out, so that it does not hide the other authorities.
        if let Some(Ok(chain)) = chain_pem(&self.record.issuers).map(Pem::new) {
            information = information.with_intermediates(chain);
        }
        Ok(information)
    }

    /// Returns the extensions of every certificate that the authority signs: the identifier of its key, and the
    /// configured addresses.
    pub(crate) fn pointers(&self, configuration: &LocalCaConfiguration) -> der::Result<Vec<Extension>> {
        let mut all = vec![extensions::authority_key(&self.key_identifier)?];
        let id = &self.record.id;
        if let Some(url) = &configuration.revocation_list_url {
            all.push(extensions::revocation_list(&address(url, id))?);
        }
        if let Some(url) = &configuration.certificate_url {
            all.push(extensions::issuer_certificate(&address(url, id))?);
        }
        Ok(all)
    }
}

/// Makes a certificate with a new serial number.
pub(crate) fn signed(content: &CertificateContent, key: &PrivateKey) -> Result<Vec<u8>, CertificateError> {
    content.sign(key).map_err(|error| match error {
        NewCertificateError::Random => CertificateError::not_ready("the random source", error.to_string()),
        other => CertificateError::system("sign the certificate", other),
    })
}

#[cfg(test)]
mod tests {
    use keyway_x509::KeyType;
    use keyway_x509::issuing::extensions::of_authority;

    use super::*;

    #[test]
    fn an_authority_with_a_chain_that_is_too_long_is_listed_without_it() {
        let (key, stored) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
        let subject: DistinguishedName = "CN=Sub".parse().unwrap();
        let now = Timestamp::from_milliseconds(1_800_000_000_000);
        let content = CertificateContent {
            subject: subject.clone(),
            issuer: subject,
            public_key: key.public_key().clone(),
            not_before: now,
            not_after: now.plus(std::time::Duration::from_secs(60)),
            extensions: of_authority(&[7; 20], None).unwrap(),
        };
        let record = AuthorityRecord {
            id: "sub-1".into(),
            name: "Sub".into(),
            description: None,
            parent: Some("base".into()),
            key: Some(stored),
            certificate: signed(&content, &key).unwrap(),
            issuers: vec![vec![7; 25_000]; 2],
            limits: ChainLimits::default(),
        };
        let authority = Authority::load(record, Revision::from_bits(1)).unwrap().unwrap();
        let information = authority.information(now).unwrap();
        assert!(information.signing_certificate.is_some() && information.intermediates.is_none());
    }
}
