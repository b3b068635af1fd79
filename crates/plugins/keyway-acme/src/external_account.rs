//! The external account to which a new account is bound.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyway_core::Wiped;

/// An account that a customer of an authority has outside ACME. The host passes it to the plugin, which binds the ACME
/// account to it.
///
/// It is needed for authorities whose directory says `externalAccountRequired`. `Debug` shows only the id, and the key
/// is wiped on drop.
///
/// ```
/// use keyway_acme::ExternalAccount;
///
/// let external = ExternalAccount::new("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")?;
/// assert_eq!(external.key_id(), "kid-1");
/// # Ok::<(), keyway_acme::InvalidExternalAccount>(())
/// ```
#[derive(Clone)]
pub struct ExternalAccount {
    key_id: String,
    mac_key: Wiped<Vec<u8>>,
}

/// The error for an external account whose key cannot be read. It does not repeat the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key of the external account must be base64url of at least 16 bytes: copy it from the authority again"
)]
pub struct InvalidExternalAccount;

impl ExternalAccount {
    /// Creates an external account from the id and the key that the authority shows. The key is base64url.
    ///
    /// # Errors
    /// [`InvalidExternalAccount`] if the key is not base64url, or decodes to fewer than 16 bytes.
    pub fn new(key_id: impl Into<String>, mac_key: &str) -> Result<Self, InvalidExternalAccount> {
        let key = URL_SAFE_NO_PAD.decode(mac_key.trim().trim_end_matches('='));
        let mac_key = Wiped::new(key.map_err(|_| InvalidExternalAccount)?);
        if mac_key.len() < 16 {
            return Err(InvalidExternalAccount);
        }
        Ok(Self { key_id: key_id.into(), mac_key })
    }

    /// Returns the id of the key at the authority.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(crate) fn mac_key(&self) -> &[u8] {
        &self.mac_key
    }
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_form_is_refused_and_never_shown() {
        for wrong in ["", "short", "not base64!", "AAAA"] {
            assert_eq!(ExternalAccount::new("k", wrong).unwrap_err(), InvalidExternalAccount);
        }
        let padded = ExternalAccount::new("k", "c2VjcmV0LXNlY3JldC1zZWNyZXQ=").unwrap();
        assert_eq!(padded.mac_key(), b"secret-secret-secret");
        assert!(!format!("{padded:?}").contains("secret"));
    }
}
