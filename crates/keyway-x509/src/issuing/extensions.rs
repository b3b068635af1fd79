//! The extensions of certificates and revocation lists (RFC 5280, sections 4.2 and 5.2).
//!
//! Each function fails only for a value that cannot be encoded, such as an address that is not ASCII.

use der::asn1::{Ia5String, ObjectIdentifier, OctetString};
use der::oid::AssociatedOid;
use der::oid::db::rfc5280::ID_AD_CA_ISSUERS;
use der::{Decode as _, Encode, ErrorKind, Result};
use sha2::{Digest as _, Sha256};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints,
    CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::{AlternativeName, PublicKey};

/// Returns the identifier of a key: the first 160 bits of its SHA-256 (RFC 7093, method 1).
///
/// # Errors
/// A key that this crate has read never causes an error.
pub fn key_identifier(key: &PublicKey) -> Result<Vec<u8>> {
    let info = SubjectPublicKeyInfoRef::from_der(key.as_der())?;
    Ok(Sha256::digest(info.subject_public_key.raw_bytes())[..20].to_vec())
}

/// Encodes an extension.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn extension<T: Encode + AssociatedOid>(critical: bool, value: &T) -> Result<Extension> {
    raw(critical, T::OID, &value.to_der()?)
}

/// Makes an extension from a value that is encoded already.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn raw(critical: bool, id: ObjectIdentifier, value: &[u8]) -> Result<Extension> {
    Ok(Extension { extn_id: id, critical, extn_value: OctetString::new(value)? })
}

/// Makes the extension that holds the identifier of the certified key.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn subject_key(identifier: &[u8]) -> Result<Extension> {
    extension(false, &SubjectKeyIdentifier(OctetString::new(identifier)?))
}

/// Makes the extension that holds the identifier of the authority's key.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn authority_key(identifier: &[u8]) -> Result<Extension> {
    let key_identifier = Some(OctetString::new(identifier)?);
    let identifier = AuthorityKeyIdentifier {
        key_identifier,
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    extension(false, &identifier)
}

/// Makes the basic constraints of a certificate that is not that of an authority, whatever the request asks for.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn no_authority() -> Result<Extension> {
    extension(true, &BasicConstraints { ca: false, path_len_constraint: None })
}

/// Makes the basic constraints of an authority's certificate. `path_length` is the maximum number of authorities below
/// that authority in a chain.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn authority(path_length: Option<u8>) -> Result<Extension> {
    extension(true, &BasicConstraints { ca: true, path_len_constraint: path_length })
}

/// Makes the extension that holds the usages of the key.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn key_usage(usage: KeyUsage) -> Result<Extension> {
    extension(true, &usage)
}

/// Makes the extension that holds the purposes of the certificate.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn extended_key_usage(purposes: &[ObjectIdentifier]) -> Result<Extension> {
    extension(false, &ExtendedKeyUsage(purposes.to_vec()))
}

/// Makes the extension that holds the address of the revocation list of the issuer.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn revocation_list(url: &str) -> Result<Extension> {
    let distribution_point = Some(DistributionPointName::FullName(vec![uri(url)?]));
    let point = DistributionPoint { distribution_point, reasons: None, crl_issuer: None };
    extension(false, &CrlDistributionPoints(vec![point]))
}

/// Makes the extension that holds the address of the issuer's certificate.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn issuer_certificate(url: &str) -> Result<Extension> {
    let access = AccessDescription { access_method: ID_AD_CA_ISSUERS, access_location: uri(url)? };
    extension(false, &AuthorityInfoAccessSyntax(vec![access]))
}

/// Makes the extension that holds alternative names, in their order. It must be critical if the certificate has no
/// subject.
///
/// # Errors
/// For a name that does not have the form of its kind.
pub fn alternative_names(critical: bool, names: &[AlternativeName]) -> Result<Extension> {
    let names = names.iter().map(|name| name.to_general().map_err(|_| ErrorKind::Failed.into()));
    extension(critical, &SubjectAltName(names.collect::<Result<_>>()?))
}

/// Returns the extensions that mark the certificate of an authority: basic constraints, key usage, and the identifier
/// of its key.
///
/// # Errors
/// For a value that cannot be encoded.
pub fn of_authority(identifier: &[u8], path_length: Option<u8>) -> Result<Vec<Extension>> {
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    Ok(vec![authority(path_length)?, key_usage(usage)?, subject_key(identifier)?])
}

fn uri(url: &str) -> Result<GeneralName> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?))
}
