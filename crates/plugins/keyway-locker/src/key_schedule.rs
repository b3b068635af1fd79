//! Derives the key of a project from the secret access key.
//!
//! HKDF-Expand (RFC 5869, with SHA-256, without the extraction step) derives two keys from the secret access key: one
//! for encryption and one for authentication. The two keys open the encrypted key of the project in the profile. The
//! first 32 bytes of the project's key encrypt its items, and the next 32 bytes authenticate them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use keyway_core::{SecretText, Wiped};
use zeroize::Zeroizing;

use crate::item_key::{CipherFault, ItemKey, mac};

const KEY: usize = 32;

/// Returns the key that opens the profile.
pub(crate) fn access_key(secret_access_key: &SecretText) -> Result<ItemKey, CipherFault> {
    let bytes =
        STANDARD.decode(secret_access_key.expose()).map(Wiped::new).map_err(|_| CipherFault::Malformed)?;
    Ok(ItemKey::new(&expanded(&bytes, b"enc"), &expanded(&bytes, b"mac")))
}

/// Decrypts the key of the project. `profile_key` is that key as the profile has it, encrypted with the access key.
pub(crate) fn project_key(access: &ItemKey, profile_key: &str) -> Result<ItemKey, CipherFault> {
    let opened = access.open(profile_key)?;
    let (encryption, rest) = opened.split_first_chunk::<KEY>().ok_or(CipherFault::Content)?;
    let authentication = rest.first_chunk::<KEY>().ok_or(CipherFault::Content)?;
    Ok(ItemKey::new(encryption, authentication))
}

/// Returns the first 32 bytes of HKDF-Expand: one HMAC over the label and the number 1. The key may have any length.
fn expanded(key: &[u8], label: &[u8]) -> Zeroizing<[u8; KEY]> {
    let mut bytes = Zeroizing::new([0; KEY]);
    bytes.copy_from_slice(&mac(key).chain_update(label).chain_update([1]).finalize().into_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors;

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    #[test]
    fn the_recorded_keys_follow_from_the_access_key() {
        let vector = vectors::parameters();
        let text = |part: &str, name: &str| vector[part][name].as_str().unwrap().to_owned();
        let bytes = STANDARD.decode(text("input", "secret_access_key_b64")).unwrap();
        assert_eq!(hexadecimal(&*expanded(&bytes, b"enc")), text("expected", "enc_key_hex"));
        assert_eq!(hexadecimal(&*expanded(&bytes, b"mac")), text("expected", "mac_key_hex"));

        let access = access_key(&text("input", "secret_access_key_b64").into()).unwrap();
        let opened = access.open(&text("input", "profile_key")).unwrap();
        assert_eq!(hexadecimal(&opened[..32]), text("expected", "sym_key_hex"));
        assert_eq!(hexadecimal(&opened[32..64]), text("expected", "sym_mac_hex"));
    }

    #[test]
    fn a_wrong_or_malformed_access_key_is_told_apart() {
        let profile_key = vectors::parameters()["input"]["profile_key"].as_str().unwrap().to_owned();
        let wrong = access_key(&STANDARD.encode([9; 32]).into()).unwrap();
        assert_eq!(project_key(&wrong, &profile_key).unwrap_err(), CipherFault::NotAuthentic);
        assert_eq!(access_key(&"not base64!".into()).unwrap_err(), CipherFault::Malformed);
    }

    proptest! {
        #[test]
        fn a_project_key_has_at_least_64_bytes(content in prop::collection::vec(any::<u8>(), 0..130)) {
            let access = ItemKey::new(&[1; 32], &[2; 32]);
            let key = project_key(&access, &access.seal(&content).unwrap());
            prop_assert_eq!(key.is_ok(), content.len() >= 64);
            if let Ok(key) = key {
                let (encryption, authentication) = (content[..32].try_into().unwrap(), content[32..64].try_into().unwrap());
                let sealed = ItemKey::new(&encryption, &authentication).seal(b"x").unwrap();
                prop_assert_eq!(&**key.open(&sealed).unwrap(), b"x");
            }
        }
    }
}
