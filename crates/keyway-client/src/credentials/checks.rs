//! Checks access keys without the service.

use base64::engine::general_purpose::STANDARD;
use base64::{Engine as _, decoded_len_estimate};
use keyway_core::{SecretText, Wiped};

use super::CredentialsError;

/// The greatest length of a secret access key, in bytes. Longer keys are refused without decoding them.
const LONGEST: usize = 4096;

pub(super) fn access_key_id(id: &SecretText) -> Result<SecretText, CredentialsError> {
    let id = id.expose().trim();
    if id.is_empty() {
        return Err(super::source::missing_id());
    }
    if is_access_key_id(id) { Ok(id.into()) } else { Err(CredentialsError::InvalidAccessKeyId) }
}

pub(super) fn secret_access_key(key: &SecretText) -> Result<SecretText, CredentialsError> {
    let key = key.expose().trim();
    if key.is_empty() {
        return Err(super::source::missing_key());
    }
    if key.len() > LONGEST {
        return Err(CredentialsError::MalformedSecretAccessKey);
    }
    // The buffer is wiped even if a character at the end is wrong.
    let mut bytes = Wiped::new(vec![0; decoded_len_estimate(key.len())]);
    // The base64 engine refuses missing padding and bits after the last byte, so it decodes only the canonical form.
    match STANDARD.decode_slice(key, &mut bytes) {
        Ok(length) if length > 0 => Ok(key.into()),
        _ => Err(CredentialsError::MalformedSecretAccessKey),
    }
}

/// Tells whether a text has the form of an access key ID: a UUID of version 4 with hyphens, in any case. White
/// space around it is not allowed. Does not block.
pub fn is_access_key_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    fn id(text: &str) -> Result<SecretText, CredentialsError> {
        access_key_id(&text.into())
    }

    fn key(text: &str) -> Result<SecretText, CredentialsError> {
        secret_access_key(&text.into())
    }

    #[test]
    fn an_id_is_a_uuid_of_version_4() {
        assert_eq!(id(&format!("\t {ID}\r\n")).unwrap().expose(), ID);
        assert!(id(&ID.to_uppercase()).is_ok());
        for wrong in [
            "not-a-uuid",
            "0f8fad5b-d9cb-469f-c165-70867728950e",
            "0f8fad5b-d9cb-169f-a165-70867728950e",
            "0f8fad5bd9cb469fa16570867728950e",
            "{0f8fad5b-d9cb-469f-a165-70867728950e}",
            "0f8fad5b-d9cb-469f-a165-70867728950g",
            "0f8fad5b-d9cb-469f-a165-70867728950e0",
            "0f8fad5b-d9cb-469f-a165-7086772895é",
        ] {
            assert!(matches!(id(wrong), Err(CredentialsError::InvalidAccessKeyId)), "{wrong}");
        }
        assert!(matches!(id(" "), Err(CredentialsError::Missing { .. })));
    }

    #[test]
    fn a_key_is_canonical_base64() {
        for right in ["QUI=", " QUI=\n", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="] {
            assert_eq!(key(right).unwrap().expose(), right.trim());
        }
        // These texts have missing or extra padding, bits after the last byte, another alphabet, white space, wrong
        // characters, or no content.
        for wrong in ["QUI", "QUJ=", "_-8=", "QU I=", "QUI==", "A", "!!!", "="] {
            assert!(matches!(key(wrong), Err(CredentialsError::MalformedSecretAccessKey)), "{wrong}");
        }
        let long = "A".repeat(LONGEST + 4);
        assert!(matches!(key(&long), Err(CredentialsError::MalformedSecretAccessKey)));
        assert!(matches!(key(""), Err(CredentialsError::Missing { .. })));
    }
}
