//! Checks of the links between an issued certificate and the last certificate of its chain.

use std::time::Duration;

use keyway_core::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter,
    anchor_from_trusted_cert,
};
use x509_cert::ext::pkix::KeyUsage;

use super::{IssuedFault, Place};
use crate::certificate::Certificate;
use crate::signature::SignatureFault;

/// Checks that each certificate after the first belongs to an authority that signed the certificate before it, and that
/// may sign it.
pub(super) fn check(chain: &[Certificate<'_>], now: Timestamp) -> Result<(), IssuedFault> {
    let [issued, issuers @ ..] = chain else { return Ok(()) };
    let Some((anchor, between)) = issuers.split_last() else { return Ok(()) };
    for index in 1..chain.len() {
        check_issuer(chain, index)?;
    }
    if issued.is_authority() || chain.iter().any(Certificate::is_version_1) {
        // `webpki` refuses a chain whose first certificate belongs to an authority, and a chain with a certificate of
        // version 1. In such a chain, only the rules of `check_issuer` and the signatures are checked, and name
        // constraints are not.
        return check_signatures(chain);
    }
    match verify(issued, between, anchor, now) {
        // `webpki` does not say which certificate is wrong, and does not distinguish a wrong signature from a wrong
        // name. `check_signatures` finds the certificate with a wrong signature.
        Err(Error::UnknownIssuer | Error::InvalidSignatureForPublicKey) => {
            check_signatures(chain)?;
            Err(IssuedFault::Chain { reason: Error::UnknownIssuer.to_string() })
        }
        Err(error) => match check_signatures(chain) {
            Err(fault @ IssuedFault::SignatureAlgorithm { .. }) => Err(fault),
            _ => Err(IssuedFault::Chain { reason: error.to_string() }),
        },
        // `webpki` followed a path that skips certificates of the chain, so it did not verify every signature in the
        // chain.
        Ok(followed) if followed < between.len() => check_signatures(chain),
        Ok(_) => Ok(()),
    }
}

/// Checks that the second certificate belongs to the first one's issuer, and that its key signed the first one.
pub(super) fn check_signature(chain: &[Certificate<'_>]) -> Result<(), IssuedFault> {
    let pair = &chain[..2];
    check_issuer_name(pair, 1)?;
    check_signatures(pair)
}

fn check_issuer_name(chain: &[Certificate<'_>], index: usize) -> Result<(), IssuedFault> {
    if chain[index - 1].issuer() == chain[index].subject() {
        Ok(())
    } else {
        Err(IssuedFault::AnotherIssuer { place: Place::of(index - 1) })
    }
}

/// Checks that the certificate at `index` may be the issuer of the one before it. Does not check the signature.
fn check_issuer(chain: &[Certificate<'_>], index: usize) -> Result<(), IssuedFault> {
    let issuer = &chain[index];
    let place = Place::of(index);
    check_issuer_name(chain, index)?;
    // A root of version 1 has no extensions that mark it as an authority. Only the last certificate can be such a root.
    let old_root = issuer.is_version_1() && index == chain.len() - 1;
    let may_sign = issuer.usage.as_ref().is_none_or(KeyUsage::key_cert_sign);
    if !(issuer.is_authority() || old_root) || !may_sign {
        return Err(IssuedFault::IssuerIsNoAuthority { place });
    }
    let allowed = issuer.constraints.as_ref().and_then(|constraints| constraints.path_len_constraint);
    let (Some(allowed), found) = (allowed.map(usize::from), authorities_below(chain, index)) else {
        return Ok(());
    };
    if found > allowed { Err(IssuedFault::PathLength { place, allowed, found }) } else { Ok(()) }
}

/// Counts the authorities before the certificate at `index`. The issued certificate counts, too, if it is that of an
/// authority. Self-issued certificates, in which issuer and subject have the same name, do not count (RFC 5280, section
/// 4.2.1.9).
fn authorities_below(chain: &[Certificate<'_>], index: usize) -> usize {
    let first = usize::from(!chain[0].is_authority());
    chain[first..index].iter().filter(|authority| authority.issuer() != authority.subject()).count()
}

fn check_signatures(chain: &[Certificate<'_>]) -> Result<(), IssuedFault> {
    for (index, pair) in chain.windows(2).enumerate() {
        check_signed(&pair[0], &pair[1], Place::of(index))?;
    }
    Ok(())
}

/// Checks that the key of `issuer` signed `certificate`.
pub(super) fn check_signed(
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
    place: Place,
) -> Result<(), IssuedFault> {
    certificate.verify_signed_by(issuer).map_err(|fault| match fault {
        SignatureFault::Unsupported { algorithm } => IssuedFault::SignatureAlgorithm { place, algorithm },
        SignatureFault::Bad => IssuedFault::NotSigned { place },
    })
}

/// Verifies the chain like a program that trusts its last certificate: signatures, validity, name constraints, critical
/// extensions. Returns how many of the certificates in `between` the verifier followed.
fn verify(
    issued: &Certificate<'_>,
    between: &[Certificate<'_>],
    anchor: &Certificate<'_>,
    now: Timestamp,
) -> Result<usize, Error> {
    let (issued, anchor) = (CertificateDer::from(issued.der), CertificateDer::from(anchor.der));
    let between: Vec<_> = between.iter().map(|certificate| CertificateDer::from(certificate.der)).collect();
    let anchors = [anchor_from_trusted_cert(&anchor)?];
    let issued = EndEntityCert::try_from(&issued)?;
    let path = issued.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &anchors,
        &between,
        UnixTime::since_unix_epoch(Duration::from_secs(now.as_seconds())),
        AnyUsage,
        None,
        None,
    )?;
    Ok(path.intermediate_certificates().count())
}

/// Accepts certificates for every purpose.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, mut purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        purposes.try_for_each(|purpose| purpose.map(drop))
    }
}
