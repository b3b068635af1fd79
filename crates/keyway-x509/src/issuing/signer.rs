//! The adapter of a private key to the builder of certificates.

use der::Document;
use der::asn1::BitString;
use signature::{Error, Keypair, Signer};
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, SignatureBitStringEncoding,
};

use crate::PrivateKey;

/// A key that signs certificates.
#[derive(Debug)]
pub(super) struct KeySigner<'a>(pub(super) &'a PrivateKey);

/// The public part of the key.
#[derive(Clone, Debug)]
pub(super) struct VerifyingKey(Vec<u8>);

/// The bytes of a signature, in the encoding that its algorithm prescribes.
#[derive(Debug)]
pub(super) struct Signature(Vec<u8>);

impl Keypair for KeySigner<'_> {
    type VerifyingKey = VerifyingKey;

    fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.public_key().as_der().to_vec())
    }
}

impl DynSignatureAlgorithmIdentifier for KeySigner<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(self.0.signature_algorithm())
    }
}

impl Signer<Signature> for KeySigner<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, Error> {
        self.0.sign(message).map(Signature).map_err(|_| Error::new())
    }
}

impl EncodePublicKey for VerifyingKey {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl SignatureBitStringEncoding for Signature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}
