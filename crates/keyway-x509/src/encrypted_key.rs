//! Decryption of keys that are encrypted with a passphrase: PKCS#8 with PBES2.

use keyway_core::Wiped;

use crate::PrivateKeyError;

/// Decrypts a key, and returns its PKCS#8 in DER.
#[cfg(feature = "encrypted-keys")]
pub(crate) fn decrypt(der: &[u8], passphrase: &[u8]) -> Result<Wiped<Vec<u8>>, PrivateKeyError> {
    use pkcs8::EncryptedPrivateKeyInfoRef;
    use pkcs8::pkcs5::{EncryptionScheme, Error};

    let key = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| PrivateKeyError::Encryption)?;
    let EncryptionScheme::Pbes2(parameters) = &key.encryption_algorithm else {
        return Err(PrivateKeyError::Encryption);
    };
    check_cost(&parameters.kdf)?;
    let mut plain = Wiped::new(key.encrypted_data.as_bytes().to_vec());
    let length = match parameters.decrypt_in_place(passphrase, &mut plain) {
        Ok(decrypted) => decrypted.len(),
        Err(Error::DecryptFailed | Error::EncryptFailed) => return Err(PrivateKeyError::WrongPassphrase),
        Err(_) => return Err(PrivateKeyError::Encryption),
    };
    plain.truncate(length);
    // About one in 256 wrong passphrases gives valid padding by chance. The decrypted bytes are then not a key.
    if pkcs8::PrivateKeyInfoRef::try_from(&plain[..]).is_err() {
        return Err(PrivateKeyError::WrongPassphrase);
    }
    Ok(plain)
}

/// Refuses a key if deriving its encryption key from the passphrase takes too much memory, or more than about a second.
#[cfg(feature = "encrypted-keys")]
fn check_cost(kdf: &pkcs8::pkcs5::pbes2::Kdf) -> Result<(), PrivateKeyError> {
    use pkcs8::pkcs5::pbes2::Kdf;

    const MOST_ITERATIONS: u32 = 2_000_000;
    const MOST_MEMORY: u64 = 64 << 20;
    let fits = match kdf {
        Kdf::Pbkdf2(parameters) => parameters.iteration_count <= MOST_ITERATIONS,
        // The decryption panics at a cost of zero. Scrypt is defined for powers of two only.
        Kdf::Scrypt(parameters) if !parameters.cost_parameter.is_power_of_two() => {
            return Err(PrivateKeyError::Encryption);
        }
        Kdf::Scrypt(parameters) => {
            let blocks = parameters.cost_parameter.saturating_mul(128 * u64::from(parameters.block_size));
            blocks.saturating_mul(u64::from(parameters.parallelization)) <= MOST_MEMORY
        }
        _ => return Err(PrivateKeyError::Encryption),
    };
    if fits { Ok(()) } else { Err(PrivateKeyError::Costly) }
}

/// Refuses every key, because this build cannot read encrypted keys.
#[cfg(not(feature = "encrypted-keys"))]
pub(crate) fn decrypt(_: &[u8], _: &[u8]) -> Result<Wiped<Vec<u8>>, PrivateKeyError> {
    Err(PrivateKeyError::Encryption)
}
