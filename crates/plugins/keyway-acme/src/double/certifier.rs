//! The certificate authority of the ACME server for tests.

use der::Decode as _;
use keyway_x509::{CertificateRequest, KeyType};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData, SanType, SignatureAlgorithm,
};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::state::random_bytes;
use crate::documents::Identifier;

/// An authority that lives as long as its server.
#[derive(Debug)]
pub(super) struct Certifier {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// The public key of a request.
struct RequestedKey {
    bits: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl Certifier {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().expect("the system gives random numbers");
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = root.self_signed(&key).expect("a root that rcgen makes").pem();
        Self { issuer: Issuer::new(root, key), pem }
    }

    /// Makes a certificate and its chain. Returns `None` if the names or the key are not acceptable.
    pub(super) fn certify(&self, request: &CertificateRequest, names: &[Identifier]) -> Option<String> {
        let mut certificate = CertificateParams::default();
        certificate.use_authority_key_identifier_extension = true;
        certificate.serial_number = Some(random_bytes().to_vec().into());
        // rcgen adds the key identifier only to certificates with explicit basic constraints.
        certificate.is_ca = IsCa::ExplicitNoCa;
        for name in names {
            certificate.subject_alt_names.push(match name.kind.as_str() {
                "ip" => SanType::IpAddress(name.value.parse().ok()?),
                _ => SanType::DnsName(name.value.clone().try_into().ok()?),
            });
        }
        let key = request.public_key();
        let algorithm = match key.key_type() {
            KeyType::EcdsaP256 => &PKCS_ECDSA_P256_SHA256,
            KeyType::EcdsaP384 => &PKCS_ECDSA_P384_SHA384,
            KeyType::Ed25519 => &PKCS_ED25519,
            _ => &PKCS_RSA_SHA256,
        };
        let information = SubjectPublicKeyInfoOwned::from_der(key.as_der()).ok()?;
        let bits = information.subject_public_key.as_bytes()?.to_vec();
        let made = certificate.signed_by(&RequestedKey { bits, algorithm }, &self.issuer).ok()?;
        Some(format!("{}{}", made.pem(), self.pem))
    }
}
