//! Makes the new credentials of rotations.

use keyway_credentials::{CredentialError, Password, PrivateKey, TargetCredential};
use serde::Deserialize;
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, EcdsaCurve, LineEnding};

use crate::configuration::NewCredentials;

/// The types of private keys that a rotation makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyKind {
    /// Ed25519.
    #[default]
    Ed25519,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
}

impl KeyKind {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Ed25519 => Algorithm::Ed25519,
            Self::EcdsaP256 => Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
            Self::EcdsaP384 => Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
            Self::EcdsaP521 => Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        }
    }
}

impl NewCredentials {
    /// Makes a credential of the kind of `old`. A key gets a passphrase if the old one has one.
    pub(crate) fn replacing(&self, old: &TargetCredential) -> Result<TargetCredential, CredentialError> {
        match old {
            TargetCredential::Password(_) => {
                let password = self.password.generate().map_err(not_made)?;
                Ok(TargetCredential::Password(Password::new(password)))
            }
            TargetCredential::PrivateKey(old) => self.key(old).map(TargetCredential::PrivateKey),
            _ => Err(CredentialError::Unsupported { what: "the rotation of such a credential" }),
        }
    }

    fn key(&self, old: &PrivateKey) -> Result<PrivateKey, CredentialError> {
        let mut key = ssh_key::PrivateKey::random(&mut OsRng, self.key.algorithm()).map_err(not_made)?;
        let passphrase = match old.expose_passphrase() {
            Some(_) => {
                let passphrase = self.password.generate().map_err(not_made)?;
                key = key.encrypt(&mut OsRng, passphrase.as_bytes()).map_err(not_made)?;
                Some(passphrase.into())
            }
            None => None,
        };
        let pem = key.to_openssh(LineEnding::LF).map_err(not_made)?;
        Ok(PrivateKey::new(pem, passphrase)?)
    }
}

/// Makes an error without an effect: the target was not asked yet.
fn not_made(error: impl std::error::Error + Send + Sync + 'static) -> CredentialError {
    CredentialError::Unavailable {
        what: "the maker of credentials",
        retry_after: None,
        source: Some(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use keyway_credentials::{EcdsaCurve as Curve, KeyType};
    use keyway_passwords::{Alphabet, PasswordRule};

    use super::*;

    fn rules(key: KeyKind) -> NewCredentials {
        NewCredentials { password: PasswordRule::new(20, Alphabet::Printable).unwrap(), key }
    }

    fn made(rules: &NewCredentials, old: &PrivateKey) -> PrivateKey {
        match rules.replacing(&TargetCredential::PrivateKey(old.clone())).unwrap() {
            TargetCredential::PrivateKey(key) => key,
            other => panic!("{other:?}"),
        }
    }

    fn any_key() -> PrivateKey {
        let key = ssh_key::PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
        PrivateKey::new(key.to_openssh(LineEnding::LF).unwrap(), None).unwrap()
    }

    #[test]
    fn a_key_has_the_type_that_was_asked_for() {
        for (kind, key_type, curve) in [
            (KeyKind::Ed25519, KeyType::Ed25519, None),
            (KeyKind::EcdsaP256, KeyType::Ecdsa, Some(Curve::P256)),
            (KeyKind::EcdsaP384, KeyType::Ecdsa, Some(Curve::P384)),
            (KeyKind::EcdsaP521, KeyType::Ecdsa, Some(Curve::P521)),
        ] {
            let facts = made(&rules(kind), &any_key()).facts();
            assert_eq!((facts.key_type, facts.curve, facts.encrypted), (Some(key_type), curve, false));
        }
    }

    #[test]
    fn a_key_with_a_passphrase_is_replaced_by_one_with_another() {
        let key = ssh_key::PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
        let key = key.encrypt(&mut OsRng, "old").unwrap().to_openssh(LineEnding::LF).unwrap();
        let old = PrivateKey::new(key, Some("old".into())).unwrap();
        let new = made(&rules(KeyKind::Ed25519), &old);
        let passphrase = new.expose_passphrase().unwrap();
        assert_eq!((passphrase.len(), new.facts().encrypted), (20, true));
        let read = ssh_key::PrivateKey::from_openssh(new.expose_pem()).unwrap();
        assert!(read.decrypt(passphrase).is_ok());
    }
}
