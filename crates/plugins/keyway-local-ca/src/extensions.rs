//! The extensions of certificates and revocation lists.

use der::asn1::{Ia5String, ObjectIdentifier, OctetString};
use der::oid::AssociatedOid;
use der::oid::db::rfc5280::ID_AD_CA_ISSUERS;
use der::{Encode, Result};
use sha2::{Digest as _, Sha256};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints,
    CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// Returns the identifier of a key: the first 160 bits of its SHA-256 (RFC 7093, method 1).
pub(crate) fn key_identifier(key: &SubjectPublicKeyInfoOwned) -> Vec<u8> {
    Sha256::digest(key.subject_public_key.raw_bytes())[..20].to_vec()
}

pub(crate) fn extension<T: Encode + AssociatedOid>(critical: bool, value: &T) -> Result<Extension> {
    raw(critical, T::OID, &value.to_der()?)
}

pub(crate) fn raw(critical: bool, id: ObjectIdentifier, value: &[u8]) -> Result<Extension> {
    Ok(Extension { extn_id: id, critical, extn_value: OctetString::new(value)? })
}

pub(crate) fn subject_key(identifier: &[u8]) -> Result<Extension> {
    extension(false, &SubjectKeyIdentifier(OctetString::new(identifier)?))
}

pub(crate) fn authority_key(identifier: &[u8]) -> Result<Extension> {
    let key_identifier = Some(OctetString::new(identifier)?);
    let identifier = AuthorityKeyIdentifier {
        key_identifier,
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    extension(false, &identifier)
}

/// Marks a certificate that is no authority's, whatever the request says.
pub(crate) fn no_authority() -> Result<Extension> {
    extension(true, &BasicConstraints { ca: false, path_len_constraint: None })
}

/// Marks the certificate of an authority, with the number of authorities that may lie below it.
pub(crate) fn authority(path_length: Option<u8>) -> Result<Extension> {
    extension(true, &BasicConstraints { ca: true, path_len_constraint: path_length })
}

pub(crate) fn key_usage(usage: KeyUsage) -> Result<Extension> {
    extension(true, &usage)
}

pub(crate) fn extended_key_usage(purposes: &[ObjectIdentifier]) -> Result<Extension> {
    extension(false, &ExtendedKeyUsage(purposes.to_vec()))
}

/// The address of the revocation list of the issuer.
pub(crate) fn revocation_list(url: &str) -> Result<Extension> {
    let distribution_point = Some(DistributionPointName::FullName(vec![uri(url)?]));
    let point = DistributionPoint { distribution_point, reasons: None, crl_issuer: None };
    extension(false, &CrlDistributionPoints(vec![point]))
}

/// The address of the issuer's certificate.
pub(crate) fn issuer_certificate(url: &str) -> Result<Extension> {
    let access = AccessDescription { access_method: ID_AD_CA_ISSUERS, access_location: uri(url)? };
    extension(false, &AuthorityInfoAccessSyntax(vec![access]))
}

fn uri(url: &str) -> Result<GeneralName> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?))
}
