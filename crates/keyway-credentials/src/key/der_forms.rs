//! Private keys in DER: PKCS#1, PKCS#8, SEC1, and the traditional form of DSA.

use der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode as _, Reader as _, SliceReader, TagNumber};

use super::{EcdsaCurve, KeyError, KeyFacts, KeyForm, KeyType};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Reads one DER sequence, and requires that `bytes` holds nothing else.
fn whole<'a, T>(
    bytes: &'a [u8],
    form: &'static str,
    read: impl FnOnce(&mut SliceReader<'a>) -> Result<T, der::Error>,
) -> Result<T, KeyError> {
    let reading = || {
        let mut reader = SliceReader::new(bytes)?;
        let value = reader.sequence(read)?;
        reader.finish()?;
        Ok(value)
    };
    reading().map_err(|_: der::Error| KeyError::Content { form })
}

/// Reads `RSAPrivateKey` (RFC 8017, A.1.2).
pub(super) fn pkcs1(bytes: &[u8]) -> Result<KeyFacts, KeyError> {
    whole(bytes, "PKCS#1", |reader| {
        let version: u8 = reader.decode()?;
        uints(reader, 8)?;
        match version {
            0 => Ok(()),
            // A key with more than two primes has a sequence of the further primes.
            1 => reader.decode::<AnyRef<'_>>().map(drop),
            _ => Err(der::ErrorKind::Failed.into()),
        }
    })?;
    Ok(KeyFacts::new(KeyForm::Pkcs1, Some(KeyType::Rsa), None, false))
}

/// Reads a DSA key: its version, p, q, g, y and x.
pub(super) fn traditional_dsa(bytes: &[u8]) -> Result<KeyFacts, KeyError> {
    whole(bytes, "that of DSA", |reader| match reader.decode()? {
        0_u8 => uints(reader, 5),
        _ => Err(der::ErrorKind::Failed.into()),
    })?;
    Ok(KeyFacts::new(KeyForm::TraditionalDsa, Some(KeyType::Dsa), None, false))
}

/// Reads `ECPrivateKey` (RFC 5915). It must name its curve.
pub(super) fn sec1(bytes: &[u8]) -> Result<KeyFacts, KeyError> {
    let (curve, scalar_bytes) = ec_private_key(bytes)?;
    let curve = curve.ok_or(KeyError::UnsupportedType)?;
    ec_facts(KeyForm::Sec1, curve, scalar_bytes)
}

/// Reads `OneAsymmetricKey` (RFC 5958), and the key inside.
pub(super) fn pkcs8(bytes: &[u8]) -> Result<KeyFacts, KeyError> {
    const FORM: &str = "PKCS#8";
    let (algorithm, parameters, key) = whole(bytes, FORM, |reader| {
        let version: u8 = reader.decode()?;
        if version > 1 {
            return Err(der::ErrorKind::Failed.into());
        }
        let (algorithm, parameters) = reader.sequence(|reader| {
            let algorithm: ObjectIdentifier = reader.decode()?;
            Ok::<_, der::Error>((algorithm, optional(reader)?))
        })?;
        let key: &OctetStringRef = reader.decode()?;
        // Skips the attributes, and the public key that a structure of version 1 may have.
        while !reader.is_finished() {
            reader.decode::<AnyRef<'_>>()?;
        }
        Ok((algorithm, parameters, key.as_bytes()))
    })?;
    let damaged = KeyError::Content { form: FORM };
    let facts = |key_type| KeyFacts::new(KeyForm::Pkcs8, Some(key_type), None, false);
    match algorithm {
        RSA => pkcs1(key).map(|_| facts(KeyType::Rsa)),
        DSA => UintRef::from_der(key).map(|_| facts(KeyType::Dsa)).map_err(|_| damaged),
        ED25519 => match <&OctetStringRef>::from_der(key) {
            Ok(seed) if seed.as_bytes().len() == 32 => Ok(facts(KeyType::Ed25519)),
            _ => Err(damaged),
        },
        EC => {
            let curve = parameters.ok_or(damaged)?.decode_as::<ObjectIdentifier>();
            let curve = curve.ok().and_then(curve_of).ok_or(KeyError::UnsupportedType)?;
            let (inner, scalar_bytes) = ec_private_key(key)?;
            match inner {
                Some(inner) if inner != curve => Err(damaged),
                _ => ec_facts(KeyForm::Pkcs8, curve, scalar_bytes),
            }
        }
        _ => Err(KeyError::UnsupportedType),
    }
}

/// Reads `EncryptedPrivateKeyInfo` (RFC 5958). It does not name the type of its key.
pub(super) fn encrypted_pkcs8(bytes: &[u8]) -> Result<KeyFacts, KeyError> {
    whole(bytes, "encrypted PKCS#8", |reader| {
        reader.sequence(|reader| {
            reader.decode::<ObjectIdentifier>()?;
            optional(reader).map(drop)
        })?;
        reader.decode::<&OctetStringRef>().map(drop)
    })?;
    Ok(KeyFacts::new(KeyForm::Pkcs8, None, None, true))
}

/// Returns the curve of an `ECPrivateKey`, if it names one, and the length of its private key in bytes.
fn ec_private_key(bytes: &[u8]) -> Result<(Option<EcdsaCurve>, usize), KeyError> {
    let (curve, scalar_bytes) = whole(bytes, "SEC1", |reader| {
        if reader.decode::<u8>()? != 1 {
            return Err(der::ErrorKind::Failed.into());
        }
        let scalar: &OctetStringRef = reader.decode()?;
        let curve = ContextSpecific::<ObjectIdentifier>::decode_explicit(reader, TagNumber(0))?;
        ContextSpecific::<AnyRef<'_>>::decode_explicit(reader, TagNumber(1))?;
        Ok((curve.map(|curve| curve.value), scalar.as_bytes().len()))
    })?;
    match curve.map(curve_of) {
        Some(None) => Err(KeyError::UnsupportedType),
        known => Ok((known.flatten(), scalar_bytes)),
    }
}

fn ec_facts(form: KeyForm, curve: EcdsaCurve, scalar_bytes: usize) -> Result<KeyFacts, KeyError> {
    if scalar_bytes != curve.scalar_bytes() {
        return Err(KeyError::Content { form: "SEC1" });
    }
    Ok(KeyFacts::new(form, Some(KeyType::Ecdsa), Some(curve), false))
}

fn curve_of(oid: ObjectIdentifier) -> Option<EcdsaCurve> {
    const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
    const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
    const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
    [P256, P384, P521].iter().position(|known| *known == oid).map(|index| EcdsaCurve::ALL[index])
}

fn uints(reader: &mut SliceReader<'_>, count: usize) -> Result<(), der::Error> {
    for _ in 0..count {
        reader.decode::<UintRef<'_>>()?;
    }
    Ok(())
}

fn optional<'a>(reader: &mut SliceReader<'a>) -> Result<Option<AnyRef<'a>>, der::Error> {
    if reader.is_finished() { Ok(None) } else { reader.decode().map(Some) }
}
