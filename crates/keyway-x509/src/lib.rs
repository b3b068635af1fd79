//! Checks of certificate requests and issued certificates.
//!
//! The host's engine for certificate orders and the plugins that are an authority share this crate. Both read requests
//! of PKCS#10. Before the host stores a certificate, it also checks that the authority issued what was ordered.
//!
//! # A request and its certificate
//!
//! ```
//! use keyway_x509::core::{Clock, ErrorKind, PluginError, SystemClock};
//! use keyway_x509::{
//!     AlternativeName, CertificateRequest, Expected, IssuedFault, KeyType, check_issued,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const REQUEST: &str = "-----BEGIN CERTIFICATE REQUEST-----
//! MIHIMHwCAQAwGzEZMBcGA1UEAwwQZG9vci5leGFtcGxlLmNvbTAqMAUGAytlcAMh
//! ABTl1ES13Ff+1W8/vZNRKyg6z3k5Bk3e9dfS54Sg8uudoC4wLAYJKoZIhvcNAQkO
//! MR8wHTAbBgNVHREEFDASghBkb29yLmV4YW1wbGUuY29tMAUGAytlcANBAF0Hk/Lm
//! hXxgNUo3J9mgpjGYqMLdOz4HnAkqd+XBfsjQTPWtPOEiVVGt+7ybpumlBvn7uv0Q
//! oWdu8iFHhyrgMgA=
//! -----END CERTIFICATE REQUEST-----";
//! const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
//! MIIBQzCB9qADAgECAgMfLj0wBQYDK2VwMBcxFTATBgNVBAMMDEV4YW1wbGUgUm9v
//! dDAgFw0yNjExMjkxMDA2MTZaGA8yMTI2MTEwNTEwMDYxNlowGzEZMBcGA1UEAwwQ
//! ZG9vci5leGFtcGxlLmNvbTAqMAUGAytlcAMhABTl1ES13Ff+1W8/vZNRKyg6z3k5
//! Bk3e9dfS54Sg8uudo18wXTAbBgNVHREEFDASghBkb29yLmV4YW1wbGUuY29tMB0G
//! A1UdDgQWBBRazPkiKX27cgqrGmbe51SCgYYRrzAfBgNVHSMEGDAWgBSbZdbrx96q
//! 7bTrirGaRkz/cYFxcTAFBgMrZXADQQDQ2ZUfssuSjI1TBvinwKHz1B1xsigE/oaX
//! Md+m8byp2w8KTyw1aMZwOQ8+cWBeB92nkWpH37uUYJ+tJ8Eh0LsP
//! -----END CERTIFICATE-----";
//! const ROOT: &str = "-----BEGIN CERTIFICATE-----
//! MIIBRDCB96ADAgECAhRiBUepc1RRZEBhLv0phkfbGTF1GzAFBgMrZXAwFzEVMBMG
//! A1UEAwwMRXhhbXBsZSBSb290MCAXDTI2MTEyOTEwMDYxNloYDzIxMjYxMTA1MTAw
//! NjE2WjAXMRUwEwYDVQQDDAxFeGFtcGxlIFJvb3QwKjAFBgMrZXADIQBNxDBbCPMA
//! QHeIM351Bdoh1Ko7l4zumqoWtNTJd7nRpaNTMFEwHQYDVR0OBBYEFJtl1uvH3qrt
//! tOuKsZpGTP9xgXFxMB8GA1UdIwQYMBaAFJtl1uvH3qrttOuKsZpGTP9xgXFxMA8G
//! A1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA4+/AL5Htm9upPNFwdpHcyvD3Eg+20P0g
//! 1wmPEKrR19z8DBddCFrDx/RqczprgtAkW6gja5Yr+eLbG008Zs36AQ==
//! -----END CERTIFICATE-----";
//!
//! // The signature of the request is verified here, once: the type is the proof.
//! let request = CertificateRequest::from_pem(REQUEST)?;
//! assert_eq!(request.subject().to_string(), "CN=door.example.com");
//! assert_eq!(request.public_key().key_type(), KeyType::Ed25519);
//! assert_eq!(request.names(), [AlternativeName::dns("door.example.com")?]);
//! assert!(!request.asks_for_authority());
//!
//! // A request that is not acceptable says what to change.
//! let cut = REQUEST.replace("-----END", "----END");
//! let refused = CertificateRequest::from_pem(&cut).unwrap_err();
//! assert_eq!(refused.kind(), ErrorKind::Invalid);
//!
//! // The certificate that comes back is compared with the request.
//! let now = SystemClock.now();
//! let expected = Expected::from_request(&request);
//! let facts = check_issued(CERTIFICATE, Some(ROOT), &expected, now)?;
//! assert_eq!(facts.serial, "1f2e3d");
//! assert_eq!(facts.names, request.names());
//! assert!(facts.not_before < now && now < facts.not_after);
//!
//! // Each rule has a fault of its own.
//! let wildcard = expected.with_names(vec![AlternativeName::dns("*.example.com")?]);
//! let fault = check_issued(CERTIFICATE, None, &wildcard, now).unwrap_err();
//! assert!(matches!(&fault, IssuedFault::MissingName { .. }));
//! assert_eq!(
//!     fault.to_string(),
//!     "the certificate must have every requested alternative name, and lacks the DNS name *.example.com"
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | a request of a client | [`CertificateRequest`] |
//! | names in it | [`AlternativeName`], [`DistinguishedName`] |
//! | a new request, for a stored key | [`CertificateRequest::sign`], [`PrivateKey`] |
//! | keys, for a policy | [`PublicKey`], [`KeyType`] |
//! | the check of a certificate | [`check_issued`], [`Expected`], [`IssuedFault`] |
//! | facts for a log of issued certificates | [`IssuedFacts`] |
//! | a new certificate | `issuing::CertificateContent`, with the feature `issuing` |
//!
//! # Algorithms
//!
//! Keys of requests are ECDSA on P-256 or P-384, Ed25519, or RSA with 2048 to 4096 bits. Signatures use SHA-256,
//! SHA-384 or SHA-512; RSA signatures are PKCS#1 or PSS. Every other algorithm is refused, and the error names it. A
//! certificate may have any key, if no key is expected.
//!
//! # Features
//!
//! Both features are off by default. `encrypted-keys` reads private keys that are encrypted with a passphrase.
//! `issuing` makes new certificates, for plugins that are an authority.
//!
//! # Limits
//!
//! | of | at most |
//! | --- | --- |
//! | a request, as PEM or as DER | [`CertificateRequest::MAX_BYTES`], 64 KiB |
//! | a certificate, and all intermediate ones together | [`MAX_CHAIN_BYTES`], 64 KiB each |
//! | intermediate certificates | [`MAX_INTERMEDIATES`], 7 |
//! | a private key, as PEM | [`PrivateKey::MAX_BYTES`], 16 KiB |
//! | the text of a distinguished name | [`DistinguishedName::MAX_BYTES`], 8 KiB |
//!
//! This crate does no I/O, and is independent of any runtime (decision R1).

mod alternative_name;
mod certificate;
mod distinguished_name;
mod encoded_time;
mod encrypted_key;
mod error;
mod issued;
#[cfg(feature = "issuing")]
pub mod issuing;
mod name_text;
mod new_request;
mod pem;
mod private_key;
mod private_key_error;
mod public_key;
mod request;
mod signature;

pub use alternative_name::{AlternativeName, InvalidName};
pub use distinguished_name::{DistinguishedName, DistinguishedNameError, DistinguishedNameFault};
pub use error::RequestError;
pub use issued::{
    Expected, IssuedFacts, IssuedFault, MAX_CHAIN_BYTES, MAX_INTERMEDIATES, Place, certificates_of_pem,
    check_issued, check_issuer,
};
pub use new_request::NewRequestError;
pub use pem::PemError;
pub use private_key::{PrivateKey, SigningError};
pub use private_key_error::PrivateKeyError;
pub use public_key::{KeyType, PublicKey, PublicKeyError, RSA_BITS};
pub use request::{CertificateRequest, RequestedExtension};

/// The base of all contracts, for the types of times and errors.
pub use keyway_core as core;
