//! Access keys: each has an id and a secret, and opens one store.

use keyway_core::SecretText;
use keyway_secrets::StoreName;
use sha2::{Digest as _, Sha256};

/// An access key of the configuration, and the store that it opens.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    id: String,
    secret: [u8; 32],
    pub(crate) store: StoreName,
    pub(crate) read_only: bool,
}

impl Access {
    /// Creates an access from the texts of a configuration.
    ///
    /// # Errors
    /// A sentence that names the wrong field.
    pub(crate) fn new(
        id: &str,
        secret_sha256: &str,
        store: StoreName,
        read_only: bool,
    ) -> Result<Self, &'static str> {
        if !keyway_client::is_access_key_id(id) {
            return Err("its `id` is not a UUID of version 4: make one with `locker-sdk new-key`");
        }
        let secret = from_hexadecimal(secret_sha256)
            .ok_or("its `secret_sha256` is not 64 hexadecimal digits: make them with `locker-sdk new-key`")?;
        Ok(Self { id: id.to_owned(), secret, store, read_only })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Compares ids without regard to case, because they are UUIDs.
    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id)
    }

    /// Tells whether the secret is correct. An attacker cannot choose the hash of a guess, so the time that the
    /// comparison takes reveals nothing about the secret.
    pub(crate) fn opens_with(&self, secret: &SecretText) -> bool {
        hash(secret) == self.secret
    }
}

/// Returns the hash of a secret access key in hexadecimal, for the entry `secret_sha256` of a configuration. Does not
/// block.
pub fn secret_sha256(secret: &SecretText) -> String {
    use std::fmt::Write as _;
    hash(secret).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the hash of a secret access key. The key has as much entropy as a cipher's key, so a slow hash would add
/// nothing.
fn hash(secret: &SecretText) -> [u8; 32] {
    Sha256::digest(secret.expose().as_bytes()).into()
}

fn from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_secret_opens_it() {
        // printf QUI= | sha256sum
        let hash = "49cfc4f8614634a80b2929b144b43bfea3c21d3c33d16660f73189e6a7dc7cfb";
        assert_eq!(secret_sha256(&"QUI=".into()), hash);
        let store = StoreName::new("web").unwrap();
        let access = Access::new("0f8fad5b-d9cb-469f-a165-70867728950e", hash, store, false).unwrap();
        assert!(access.opens_with(&"QUI=".into()));
        assert!(!access.opens_with(&"QUJ=".into()));
    }

    #[test]
    fn other_digits_are_refused() {
        for wrong in ["", "00", &"+1".repeat(32), &"g0".repeat(32), &"é".repeat(32), &"00".repeat(33)] {
            assert_eq!(from_hexadecimal(wrong), None, "{wrong}");
        }
    }
}
