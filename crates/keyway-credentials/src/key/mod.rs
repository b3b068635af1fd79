//! Private keys. Their type is read from the key itself (decision S7).

mod der_forms;
mod error;
mod openssh;
mod pem;
#[cfg(test)]
mod tests;

use keyway_core::SecretText;

pub use error::KeyError;

/// A private key with its passphrase, if it has one. `Debug` shows neither.
///
/// [`new`](Self::new) parses the key, so every value of this type is a private key.
///
/// | form | label of its PEM | type of an encrypted key |
/// | --- | --- | --- |
/// | PKCS#1 | `RSA PRIVATE KEY` | known |
/// | the traditional form of DSA | `DSA PRIVATE KEY` | known |
/// | SEC1 | `EC PRIVATE KEY` | known, but not its curve |
/// | PKCS#8 | `PRIVATE KEY`, `ENCRYPTED PRIVATE KEY` | not known |
/// | OpenSSH | `OPENSSH PRIVATE KEY` | known |
///
/// Nothing is decrypted, so nothing checks that the passphrase is right.
#[derive(Clone, Debug, PartialEq)]
pub struct PrivateKey {
    pem: SecretText,
    passphrase: Option<SecretText>,
    facts: KeyFacts,
}

impl PrivateKey {
    /// The longest allowed key in bytes, as PEM.
    pub const MAX_BYTES: usize = 16 << 10;

    /// Reads a key that is one PEM block.
    ///
    /// An encrypted key needs its passphrase. The passphrase of a key without encryption is dropped.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong with the key. It shows no part of the key.
    pub fn new(pem: impl Into<SecretText>, passphrase: Option<SecretText>) -> Result<Self, KeyError> {
        let pem = pem.into();
        let facts = KeyFacts::read(pem.expose())?;
        let passphrase = match (facts.encrypted, passphrase) {
            (true, None) => return Err(KeyError::PassphraseMissing),
            (true, passphrase) => passphrase,
            (false, _) => None,
        };
        Ok(Self { pem, passphrase, facts })
    }

    /// Returns the PEM text, as it was given.
    pub fn expose_pem(&self) -> &str {
        self.pem.expose()
    }

    /// Returns the passphrase of an encrypted key.
    pub fn expose_passphrase(&self) -> Option<&str> {
        self.passphrase.as_ref().map(SecretText::expose)
    }

    /// Returns the facts that the key itself states.
    pub const fn facts(&self) -> KeyFacts {
        self.facts
    }
}

/// The facts that a private key itself states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct KeyFacts {
    /// The form of the key.
    pub form: KeyForm,
    /// The type, unless the encryption hides it.
    pub key_type: Option<KeyType>,
    /// The curve of an ECDSA key, unless the encryption hides it.
    pub curve: Option<EcdsaCurve>,
    /// Whether the key needs a passphrase.
    pub encrypted: bool,
}

impl KeyFacts {
    /// Reads the PEM text of a private key. It does not decrypt. The time grows with the length of the text, which is
    /// at most [`PrivateKey::MAX_BYTES`].
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong with the key. It shows no part of the key.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        if text.len() > PrivateKey::MAX_BYTES {
            return Err(KeyError::TooLong { most: PrivateKey::MAX_BYTES });
        }
        let block = pem::read(text)?;
        let form = KeyForm::of_label(block.label).ok_or(KeyError::Label)?;
        if block.encrypted && !form.is_traditional() {
            return Err(KeyError::Pem { rule: "only a traditional form has headers" });
        }
        if block.encrypted {
            return Ok(Self::new(form, form.only_type(), None, true));
        }
        match form {
            KeyForm::OpenSsh => openssh::read(&block.bytes),
            KeyForm::Pkcs8 if block.label == pem::ENCRYPTED_PKCS8 => der_forms::encrypted_pkcs8(&block.bytes),
            KeyForm::Pkcs8 => der_forms::pkcs8(&block.bytes),
            KeyForm::Pkcs1 => der_forms::pkcs1(&block.bytes),
            KeyForm::Sec1 => der_forms::sec1(&block.bytes),
            KeyForm::TraditionalDsa => der_forms::traditional_dsa(&block.bytes),
        }
    }

    const fn new(
        form: KeyForm,
        key_type: Option<KeyType>,
        curve: Option<EcdsaCurve>,
        encrypted: bool,
    ) -> Self {
        Self { form, key_type, curve, encrypted }
    }

    /// Returns the name of the key's algorithm in SSH, unless the encryption hides it.
    pub const fn ssh_name(&self) -> Option<&'static str> {
        match (self.key_type, self.curve) {
            (Some(KeyType::Rsa), _) => Some("ssh-rsa"),
            (Some(KeyType::Dsa), _) => Some("ssh-dss"),
            (Some(KeyType::Ed25519), _) => Some("ssh-ed25519"),
            (Some(KeyType::Ecdsa), Some(curve)) => Some(curve.ssh_name()),
            (Some(KeyType::Ecdsa) | None, _) => None,
        }
    }
}

/// The form of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyForm {
    /// PKCS#1 (RFC 8017).
    Pkcs1,
    /// PKCS#8 (RFC 5958).
    Pkcs8,
    /// SEC1 (RFC 5915).
    Sec1,
    /// The form of OpenSSH, which its file `PROTOCOL.key` describes.
    OpenSsh,
    /// The traditional form of OpenSSL for DSA.
    TraditionalDsa,
}

impl KeyForm {
    fn of_label(label: &str) -> Option<Self> {
        Some(match label {
            "RSA PRIVATE KEY" => Self::Pkcs1,
            "DSA PRIVATE KEY" => Self::TraditionalDsa,
            "EC PRIVATE KEY" => Self::Sec1,
            "PRIVATE KEY" | pem::ENCRYPTED_PKCS8 => Self::Pkcs8,
            "OPENSSH PRIVATE KEY" => Self::OpenSsh,
            _ => return None,
        })
    }

    /// Tells whether the PEM block of this form has headers (RFC 1421) when the key is encrypted.
    const fn is_traditional(self) -> bool {
        self.only_type().is_some()
    }

    /// Returns the type of the keys of this form, if there is only one.
    const fn only_type(self) -> Option<KeyType> {
        match self {
            Self::Pkcs1 => Some(KeyType::Rsa),
            Self::Sec1 => Some(KeyType::Ecdsa),
            Self::TraditionalDsa => Some(KeyType::Dsa),
            Self::Pkcs8 | Self::OpenSsh => None,
        }
    }
}

/// The type of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// RSA.
    Rsa,
    /// ECDSA on one of the curves of [`EcdsaCurve`].
    Ecdsa,
    /// Ed25519.
    Ed25519,
    /// DSA. OpenSSH has removed it.
    Dsa,
}

impl KeyType {
    /// Tells whether the type is deprecated: new keys should then have another type.
    pub const fn is_deprecated(self) -> bool {
        matches!(self, Self::Dsa)
    }
}

/// The curve of an ECDSA key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EcdsaCurve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl EcdsaCurve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Returns the name of the algorithm in SSH.
    pub const fn ssh_name(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
        }
    }

    /// Returns the length in bytes of a private key on this curve.
    const fn scalar_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}
