//! The check of a certificate that an authority issued.
//!
//! See decisions B11, B11a.

mod chain;
mod expected;
mod facts;
mod fault;

pub use expected::Expected;
pub use facts::IssuedFacts;
pub use fault::{IssuedFault, Place};

use std::collections::BTreeSet;

use keyway_core::{Timestamp, Wiped};

use crate::certificate::Certificate;
use crate::{PublicKey, pem};

/// The maximum length in bytes of a PEM text with certificates.
pub const MAX_CHAIN_BYTES: usize = 64 << 10;

/// The maximum number of intermediate certificates: the six that `webpki` follows, and the last one, which counts as
/// the anchor.
pub const MAX_INTERMEDIATES: usize = 7;

/// The only label of a certificate.
const LABELS: [&str; 1] = ["CERTIFICATE"];

/// Checks a certificate, and the certificates between it and the root, against an order.
///
/// The rules are checked in this order, and the error is the first broken rule:
///
/// 1. `certificate` is exactly one PEM block, and `intermediates` has one PEM block for each intermediate certificate.
///    Outside the blocks there is only white space.
/// 2. If a key is expected, the certificate has this key.
/// 3. The certificate belongs to an authority if that is expected, and otherwise it does not.
/// 4. All certificates are valid now.
/// 5. The certificate has every expected alternative name, and may have others. Subjects are not compared.
/// 6. Each intermediate certificate belongs to an authority that signed the certificate before it, and that may do so
///    within its path length and its name constraints. The last certificate of the chain counts as the trust anchor.
///    Name constraints are not checked if the first certificate belongs to an authority, or if a certificate of the
///    chain has version 1.
/// 7. If there are no intermediate certificates, one of the expected [signers](Expected::signers) that match the name
///    and the key identifier of the certificate's issuer signed the certificate. If no readable signer matches, this
///    rule is skipped.
///
/// The call takes the time of one verification for each intermediate certificate, or signer, and does not block.
///
/// # Errors
/// [`IssuedFault`] is the rule that is broken.
pub fn check_issued(
    certificate: &str,
    intermediates: Option<&str>,
    expected: &Expected,
    now: Timestamp,
) -> Result<IssuedFacts, IssuedFault> {
    let ders = decode(certificate, intermediates)?;
    let chain = read(&ders)?;
    let issued = &chain[0];
    check_key(issued, expected.public_key.as_ref())?;
    match (issued.is_authority(), expected.authority) {
        (true, false) => return Err(IssuedFault::Authority),
        (false, true) => return Err(IssuedFault::NoAuthority),
        _ => {}
    }
    for (index, certificate) in chain.iter().enumerate() {
        check_validity(certificate, Place::of(index), now)?;
    }
    let names: BTreeSet<_> = issued.names.iter().collect();
    if let Some(name) = expected.names.iter().find(|name| !names.contains(name)) {
        return Err(IssuedFault::MissingName { name: name.clone() });
    }
    chain::check(&chain, now)?;
    if chain.len() == 1 {
        check_signers(issued, &expected.signers)?;
    }
    IssuedFacts::of(issued)
}

/// Checks that an authority issued a certificate: the certificate names the authority, and has its signature. Nothing
/// else is checked, such as validity.
///
/// # Errors
/// [`IssuedFault`] is the rule that is broken. The error refers to the authority as the first intermediate certificate.
pub fn check_issuer(certificate: &str, authority: &str) -> Result<IssuedFacts, IssuedFault> {
    let ders = decode(certificate, Some(authority))?;
    let chain = read(&ders)?;
    chain::check_signature(&chain)?;
    IssuedFacts::of(&chain[0])
}

/// Reads the certificates of a PEM text, as DER. The text must have nothing else.
///
/// # Errors
/// [`PemError`](crate::PemError) says what is wrong with the text.
pub fn certificates_of_pem(text: &str) -> Result<Vec<Vec<u8>>, crate::PemError> {
    Ok(pem::labeled(text, &LABELS)?.into_iter().map(|block| block.der.take()).collect())
}

/// Decodes all certificates, the issued one first.
fn decode(certificate: &str, intermediates: Option<&str>) -> Result<Vec<Wiped<Vec<u8>>>, IssuedFault> {
    if [Some(certificate), intermediates].into_iter().flatten().any(|text| text.len() > MAX_CHAIN_BYTES) {
        return Err(IssuedFault::TooLong { most: MAX_CHAIN_BYTES });
    }
    let mut ders = vec![pem::one(certificate, &LABELS).map_err(IssuedFault::CertificatePem)?];
    if let Some(intermediates) = intermediates {
        let blocks = pem::labeled(intermediates, &LABELS).map_err(IssuedFault::IntermediatesPem)?;
        ders.extend(blocks.into_iter().map(|block| block.der));
    }
    if ders.len() > MAX_INTERMEDIATES + 1 {
        return Err(IssuedFault::TooManyIntermediates { most: MAX_INTERMEDIATES });
    }
    Ok(ders)
}

/// Parses certificates in DER.
fn read(ders: &[Wiped<Vec<u8>>]) -> Result<Vec<Certificate<'_>>, IssuedFault> {
    let malformed = |index| move |part| IssuedFault::Malformed { place: Place::of(index), part };
    let all = ders.iter().enumerate();
    all.map(|(index, der)| Certificate::from_der(der).map_err(malformed(index))).collect()
}

/// Checks the signature of a certificate with the signers that match its issuer: one of these signers must have made
/// it. If no signer matches, the certificate passes.
fn check_signers(issued: &Certificate<'_>, signers: &[String]) -> Result<(), IssuedFault> {
    let mut signed = None;
    for der in signers.iter().filter_map(|signer| pem::one(signer, &LABELS).ok()) {
        let Ok(authority) = Certificate::from_der(&der) else { continue };
        if signed != Some(Ok(())) && issued.names_issuer(&authority) {
            signed = Some(chain::check_signed(issued, &authority, Place::of(0)));
        }
    }
    signed.unwrap_or(Ok(()))
}

fn check_key(issued: &Certificate<'_>, expected: Option<&PublicKey>) -> Result<(), IssuedFault> {
    let Some(expected) = expected else { return Ok(()) };
    match PublicKey::from_info(issued.public_key()) {
        Ok(key) if key == *expected => Ok(()),
        _ => Err(IssuedFault::AnotherKey),
    }
}

fn check_validity(certificate: &Certificate<'_>, place: Place, now: Timestamp) -> Result<(), IssuedFault> {
    // The times in a certificate are whole seconds, and the last second belongs to the validity.
    let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
    if now < not_before {
        return Err(IssuedFault::NotYetValid { place, not_before, now });
    }
    if now.as_seconds() > not_after.as_seconds() {
        return Err(IssuedFault::Expired { place, not_after, now });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
