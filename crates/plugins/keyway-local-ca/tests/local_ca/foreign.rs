//! Authorities and certificates that other programs could have made, for tests of imports and revocations.

use std::time::Duration;

use keyway_certificates::core::{Clock as _, SystemClock};
use keyway_x509::issuing::{CertificateContent, extensions, to_pem};
use keyway_x509::{DistinguishedName, KeyType, PrivateKey};
use x509_cert::der::asn1::{Any, BitString};
use x509_cert::der::{Decode as _, Encode as _, Tag};
use x509_cert::ext::Extension;

/// An authority with its key.
pub(crate) struct Foreign {
    pub(crate) key: PrivateKey,
    key_pem: String,
    subject: DistinguishedName,
    pub(crate) der: Vec<u8>,
}

impl Foreign {
    /// Makes an authority that `issuer` certifies, or a root. `adjust` changes the extensions.
    pub(crate) fn new(
        subject: &str,
        issuer: Option<&Self>,
        days: u64,
        adjust: impl FnOnce(&mut Vec<Extension>),
    ) -> Self {
        let (key, stored) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
        let subject: DistinguishedName = subject.parse().unwrap();
        let identifier = extensions::key_identifier(key.public_key()).unwrap();
        let mut extensions = extensions::of_authority(&identifier, None).unwrap();
        adjust(&mut extensions);
        let now = SystemClock.now();
        let content = CertificateContent {
            subject: subject.clone(),
            issuer: issuer.map_or(&subject, |issuer| &issuer.subject).clone(),
            public_key: key.public_key().clone(),
            not_before: now,
            not_after: now.plus(Duration::from_secs(days * 86_400)),
            extensions,
        };
        let der = content.sign(issuer.map_or(&key, |issuer| &issuer.key)).unwrap();
        Self { key_pem: to_pem("PRIVATE KEY", &stored), key, subject, der }
    }

    /// Makes an authority whose basic constraints have this path length.
    pub(crate) fn limited(subject: &str, issuer: Option<&Self>, days: u64, path_length: Option<u8>) -> Self {
        Self::new(subject, issuer, days, |all| {
            let constraints = extensions::authority(path_length).unwrap();
            all.retain(|extension| extension.extn_id != constraints.extn_id);
            all.push(constraints);
        })
    }

    pub(crate) fn key_pem(&self) -> &str {
        &self.key_pem
    }

    pub(crate) fn pem(&self) -> String {
        to_pem("CERTIFICATE", &self.der)
    }
}

/// Changes the content of the signed part of a certificate, and signs it again.
pub(crate) fn changed(der: &[u8], key: &PrivateKey, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let outer = Any::from_der(der).unwrap();
    let body = Any::from_der(&first(outer.value())).unwrap();
    let body = sequence(change(body.value()));
    let algorithm = key.signature_algorithm().to_der().unwrap();
    let signature = BitString::from_bytes(&key.sign(&body).unwrap()).unwrap().to_der().unwrap();
    sequence([body, algorithm, signature].concat())
}

/// Replaces the serial number of a certificate, which has 16 bytes, by another content of an INTEGER.
pub(crate) fn renumbered(der: &[u8], key: &PrivateKey, serial: &[u8]) -> Vec<u8> {
    changed(der, key, |body| {
        let (version, rest) = body.split_at(5);
        let number = Any::new(Tag::Integer, serial).unwrap().to_der().unwrap();
        [version, &number, &rest[18..]].concat()
    })
}

/// Returns the first value of a sequence, in DER.
fn first(content: &[u8]) -> Vec<u8> {
    let mut reader = x509_cert::der::SliceReader::new(content).unwrap();
    x509_cert::der::Reader::tlv_bytes(&mut reader).unwrap().to_vec()
}

fn sequence(content: Vec<u8>) -> Vec<u8> {
    Any::new(Tag::Sequence, content).unwrap().to_der().unwrap()
}
