use keyway_core::{ErrorKind, PluginError as _};

use super::*;
use crate::PemError;
use crate::signature;

/// Returns the content of a file that `tests/keys/make.sh` made with OpenSSL.
macro_rules! made {
    ($name:literal) => {
        include_str!(concat!("../../tests/keys/", $name, ".pem"))
    };
}

fn fault(text: &str) -> PrivateKeyError {
    PrivateKey::from_pem(text, Some(b"pass word")).unwrap_err()
}

fn verifies(key: &PrivateKey) -> bool {
    let signature = key.sign(b"message").unwrap();
    let info = SubjectPublicKeyInfoOwned::from_der(key.public_key().as_der()).unwrap();
    let verify = |message: &[u8]| {
        signature::verify(&info.owned_to_ref(), key.signature_algorithm().owned_to_ref(), message, &signature)
    };
    verify(b"message").is_ok() && verify(b"another").is_err()
}

#[test]
fn keys_of_openssl_sign_for_their_public_key() {
    for (text, key_type) in [
        (made!("p256"), KeyType::EcdsaP256),
        (made!("p384"), KeyType::EcdsaP384),
        (made!("ed25519"), KeyType::Ed25519),
        (made!("rsa2048"), KeyType::Rsa { bits: 2048 }),
    ] {
        let key = PrivateKey::from_pem(text, None).unwrap();
        assert_eq!(key.public_key().key_type(), key_type);
        assert!(verifies(&key), "{key:?}");
    }
}

#[test]
fn a_new_key_is_read_again_from_what_is_stored() {
    for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let (key, stored) = PrivateKey::generate(key_type).unwrap();
        assert_eq!(key.public_key().key_type(), key_type);
        assert!(verifies(&key));
        assert_eq!(PrivateKey::from_pkcs8(&stored).unwrap().public_key(), key.public_key());
    }
    let error = PrivateKey::generate(KeyType::Rsa { bits: 2048 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_refused_key_says_why() {
    let label =
        |label: &str| PrivateKeyError::Pem(PemError::Label { label: label.into(), expected: "PRIVATE KEY" });
    assert_eq!(fault(made!("refused-sec1")), label("EC PRIVATE KEY"));
    assert_eq!(fault(&made!("p256").repeat(2)), PrivateKeyError::Pem(PemError::Several { count: 2 }));
    let algorithm = "id-ecPublicKey secp521r1".to_owned();
    let unknown = PrivateKeyError::Algorithm(PublicKeyError::Algorithm { algorithm });
    assert_eq!(fault(made!("refused-p521")), unknown);
    assert!(matches!(fault(made!("refused-rsa1024")), PrivateKeyError::Rejected { .. }));
    assert_eq!(PrivateKey::from_pkcs8(&[0x30, 0]).unwrap_err(), PrivateKeyError::Malformed);
    let long = " ".repeat(PrivateKey::MAX_BYTES + 1);
    assert_eq!(fault(&long), PrivateKeyError::TooLong { most: PrivateKey::MAX_BYTES });
}

#[test]
fn debug_shows_nothing_of_a_key() {
    let key = PrivateKey::from_pem(made!("p256"), None).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(ECDSA P-256, [REDACTED])");
}

#[cfg(feature = "encrypted-keys")]
mod encrypted {
    use der::Encode as _;
    use pkcs8::EncryptedPrivateKeyInfoRef;
    use pkcs8::der::asn1::OctetStringRef;
    use pkcs8::pkcs5::pbes2::{
        EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt, ScryptParams,
    };
    use proptest::prelude::*;

    use super::*;

    /// Returns the error for a key that is encrypted with these parameters.
    fn refused(kdf: Kdf, encryption: EncryptionScheme, data: &[u8]) -> PrivateKeyError {
        let key = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: Parameters { kdf, encryption }.into(),
            encrypted_data: OctetStringRef::new(data).unwrap(),
        };
        crate::encrypted_key::decrypt(&key.to_der().unwrap(), b"pass word").unwrap_err()
    }

    fn scrypt(cost: u64, block_size: u16, parallelization: u16, key_length: Option<u16>) -> Kdf {
        let salt = Salt::new([7; 8]).unwrap();
        Kdf::Scrypt(ScryptParams { salt, cost_parameter: cost, block_size, parallelization, key_length })
    }

    #[test]
    fn a_cost_of_scrypt_that_is_no_power_of_two_is_refused() {
        for (cost, block_size, parallelization) in
            [(0, 8, 1), (3, 8, 1), (u64::MAX, 8, 1), (2, 0, 1), (2, 8, 0)]
        {
            let kdf = scrypt(cost, block_size, parallelization, None);
            let fault = refused(kdf, EncryptionScheme::Aes256Cbc { iv: [7; 16] }, &[7; 32]);
            assert_eq!(fault, PrivateKeyError::Encryption, "{cost} {block_size} {parallelization}");
        }
    }

    proptest! {
        #[test]
        fn no_parameters_cause_a_panic(
            cost in prop_oneof![0..5_u64, Just(1 << 63), Just(u64::MAX)],
            (block_size, parallelization) in (0..4_u16, 0..4_u16),
            key_length in prop_oneof![Just(None), Just(Some(32)), any::<Option<u16>>()],
            iteration_count in 0..3_u32,
            is_scrypt in any::<bool>(),
            is_block in any::<bool>(),
            data in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let salt = Salt::new([7; 8]).unwrap();
            let prf = Pbkdf2Prf::HmacWithSha256;
            let kdf = if is_scrypt {
                scrypt(cost, block_size, parallelization, key_length)
            } else {
                Kdf::Pbkdf2(Pbkdf2Params { salt, iteration_count, key_length, prf })
            };
            let encryption = if is_block {
                EncryptionScheme::Aes256Cbc { iv: [7; 16] }
            } else {
                EncryptionScheme::Aes128Gcm { nonce: [7; 12] }
            };
            refused(kdf, encryption, &data);
        }
    }

    #[test]
    fn a_passphrase_opens_a_key() {
        let plain = PrivateKey::from_pem(made!("p256"), None).unwrap();
        for text in [made!("encrypted"), made!("encrypted-aes128"), made!("encrypted-scrypt")] {
            let key = PrivateKey::from_pem(text, Some(b"pass word")).unwrap();
            assert_eq!(key.public_key(), plain.public_key());
            let open = |passphrase| PrivateKey::from_pem(text, passphrase).unwrap_err();
            assert_eq!(open(Some(b"password")), PrivateKeyError::WrongPassphrase);
            assert_eq!(open(Some(b"")), PrivateKeyError::WrongPassphrase);
            assert_eq!(open(None), PrivateKeyError::PassphraseMissing);
            assert_eq!(open(Some(b"x")).kind(), ErrorKind::WrongKey);
        }
    }

    #[test]
    fn a_costly_or_old_encryption_is_refused() {
        assert_eq!(fault(made!("refused-costly")), PrivateKeyError::Costly);
        assert_eq!(fault(made!("refused-costly-scrypt")), PrivateKeyError::Costly);
        assert_eq!(fault(made!("refused-des3")), PrivateKeyError::Encryption);
    }
}

#[cfg(not(feature = "encrypted-keys"))]
#[test]
fn a_build_without_the_feature_says_so() {
    assert_eq!(fault(made!("encrypted")), PrivateKeyError::Encryption);
}
