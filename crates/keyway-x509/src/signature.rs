//! Verification of the signatures in requests and certificates.

use der::asn1::ObjectIdentifier;
use der::{AnyRef, Decode, Encode};
use webpki::ALL_VERIFICATION_ALGS;
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// The reason why a signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignatureFault {
    /// The algorithm is unknown, or does not belong to the key.
    Unsupported { algorithm: String },
    /// Another key made the signature, or the signed data were changed.
    Bad,
}

/// Verifies one signature.
///
/// The algorithms are those of `webpki`: ECDSA with P-256 and P-384, Ed25519, RSA from 2048 bits on, each
/// with SHA-256, SHA-384 or SHA-512 where `ring` offers the combination.
pub(crate) fn verify(
    key: &SubjectPublicKeyInfoRef<'_>,
    algorithm: AlgorithmIdentifierRef<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFault> {
    let unsupported = |name: String| SignatureFault::Unsupported { algorithm: name };
    let of_signature = contents(&algorithm).ok_or_else(|| unsupported(algorithm_name(&algorithm)))?;
    let of_key = contents(&key.algorithm).ok_or_else(|| unsupported(algorithm_name(&key.algorithm)))?;
    let mut candidates = ALL_VERIFICATION_ALGS
        .iter()
        .filter(|known| known.signature_alg_id().as_ref() == of_signature)
        .peekable();
    if candidates.peek().is_none() {
        return Err(unsupported(algorithm_name(&algorithm)));
    }
    let verifier =
        candidates.find(|known| known.public_key_alg_id().as_ref() == of_key).ok_or_else(|| {
            unsupported(format!(
                "{} with a key of {}",
                algorithm_name(&algorithm),
                algorithm_name(&key.algorithm)
            ))
        })?;
    let key = key.subject_public_key.as_bytes().ok_or(SignatureFault::Bad)?;
    verifier.verify_signature(key, message, signature).map_err(|_| SignatureFault::Bad)
}

/// Returns the name of an algorithm, with its curve if it has one: `ecPublicKey secp521r1`.
pub(crate) fn algorithm_name(algorithm: &AlgorithmIdentifierRef<'_>) -> String {
    let mut name = object_name(&algorithm.oid);
    let curve = algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    if let Some(curve) = curve {
        name.push(' ');
        name.push_str(&object_name(&curve));
    }
    name
}

/// Returns the name of an object, or its identifier if it has no known name.
pub(crate) fn object_name(id: &ObjectIdentifier) -> String {
    der::oid::db::DB.by_oid(id).map_or_else(|| id.to_string(), str::to_owned)
}

/// Returns the DER of an algorithm without the tag and the length of its sequence. `webpki` compares algorithms in this
/// form.
fn contents(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<Vec<u8>> {
    let der = algorithm.to_der().ok()?;
    Some(AnyRef::from_der(&der).ok()?.value().to_vec())
}
