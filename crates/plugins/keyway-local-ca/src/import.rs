//! Import of an authority with its key, as the base authority.

use der::Decode as _;
use keyway_certificates::CertificateError;
use keyway_core::Wiped;
use keyway_storage::Revision;
use keyway_x509::{Expected, PrivateKey, certificates_of_pem, check_issued};
use x509_cert::Certificate;
use x509_cert::ext::pkix::KeyUsage;

use crate::authority::Authority;
use crate::authority_record::AuthorityRecord;
use crate::chain_limits::ChainLimits;
use crate::local_ca::{BASE, LocalCa};

impl LocalCa {
    /// Imports an authority with its key, as the base authority of the connection.
    ///
    /// The key is PKCS#8 in PEM. With the feature `encrypted-keys` it may be encrypted with a passphrase. It is ECDSA
    /// on P-256 or P-384, Ed25519, or RSA with 2048 to 4096 bits. The certificate is that of an authority; if it limits
    /// the usage of the key, the key may sign certificates and revocation lists. If it is not a root, `intermediates`
    /// has the certificates between it and the root, its issuer first, and may end with the root. The path lengths and
    /// the ends of all these certificates limit everything that the authority signs (decision H343). Importing the same
    /// authority again succeeds. The call makes one commit. Reading an encrypted key blocks for up to a second.
    ///
    /// # Errors
    /// [`Invalid`](CertificateError::Invalid) names the part that is not acceptable, and
    /// [`Refused`](CertificateError::Refused) says that the connection has another base authority already.
    pub async fn import(
        &self,
        key: &str,
        passphrase: Option<&[u8]>,
        certificate: &str,
        intermediates: Option<&str>,
    ) -> Result<(), CertificateError> {
        let read = PrivateKey::pkcs8_of_pem(key, passphrase)
            .and_then(|stored| PrivateKey::from_pkcs8(&stored).map(|key| (key, stored)));
        let (key, stored) =
            read.map_err(|error| CertificateError::invalid("the key of the authority", error.to_string()))?;
        let expected = Expected::new().with_authority().with_public_key(key.public_key().clone());
        let facts = check_issued(certificate, intermediates, &expected, self.clock.now())
            .map_err(|fault| unfit(fault.to_string()))?;
        if facts.subject.to_der() != facts.subject_der {
            return Err(unfit("its subject is not in DER: the attributes of a relative name must be sorted"));
        }
        let record = self.imported(stored, certificates(Some(certificate)), certificates(intermediates))?;
        let certificate = record.certificate.clone();
        let (found, is_new) = self.store_base(record).await?;
        if is_new || found.record.certificate == certificate {
            self.forget(BASE);
            return Ok(());
        }
        let client = "The connection has another base authority already: import into another connection.";
        Err(CertificateError::refused(client, "an authority was imported where there is another one"))
    }

    /// Makes the record of an imported authority, and checks that the authority can be loaded from it.
    fn imported(
        &self,
        key: Wiped<Vec<u8>>,
        mut own: Vec<Vec<u8>>,
        mut issuers: Vec<Vec<u8>>,
    ) -> Result<AuthorityRecord, CertificateError> {
        let malformed = |_| unfit("a part of the chain is malformed, or an extension occurs twice");
        let chain: Vec<_> = own
            .iter()
            .chain(&issuers)
            .map(|der| Certificate::from_der(der))
            .collect::<Result<_, _>>()
            .map_err(malformed)?;
        let usage: Option<(bool, KeyUsage)> =
            chain[0].tbs_certificate().get_extension().map_err(malformed)?;
        if let Some((_, usage)) = usage {
            check_usage(usage)?;
        }
        let limits = ChainLimits::of(&chain).map_err(malformed)?;
        // A verifier has its own copy of the root.
        let is_root =
            |read: &Certificate| read.tbs_certificate().issuer() == read.tbs_certificate().subject();
        if chain[1..].last().is_some_and(is_root) {
            issuers.pop();
        }
        let record = AuthorityRecord {
            id: BASE.to_owned(),
            name: self.configuration.name.clone(),
            description: None,
            parent: None,
            key: Some(key),
            certificate: own.swap_remove(0),
            issuers,
            limits,
        };
        record.check_chain().map_err(unfit)?;
        match Authority::new(record, Revision::from_bits(0)) {
            Ok(authority) => Ok(authority.record),
            Err(_) => Err(unfit("an extension is malformed or occurs twice")),
        }
    }
}

/// Checks that the key may sign certificates and revocation lists.
fn check_usage(usage: KeyUsage) -> Result<(), CertificateError> {
    let lacking: Vec<_> = [("keyCertSign", usage.key_cert_sign()), ("cRLSign", usage.crl_sign())]
        .into_iter()
        .filter_map(|(name, has)| (!has).then_some(name))
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(unfit(format!("its key usage lacks {}: have it issued with both usages", lacking.join(" and "))))
}

fn unfit(reason: impl Into<String>) -> CertificateError {
    CertificateError::invalid("the certificate of the authority", reason)
}

/// Returns the certificates of a PEM text that was checked before, as DER.
fn certificates(pem: Option<&str>) -> Vec<Vec<u8>> {
    pem.and_then(|pem| certificates_of_pem(pem).ok()).unwrap_or_default()
}
