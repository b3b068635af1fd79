//! Private keys in the form of OpenSSH.

use super::{EcdsaCurve, KeyError, KeyFacts, KeyForm, KeyType};

const MAGIC: &[u8] = b"openssh-key-v1\0";
const NONE: &[u8] = b"none";
const DAMAGED: KeyError = KeyError::Content { form: "that of OpenSSH" };

/// Reads a file with one key. The public part names the type, even if the key is encrypted.
pub(super) fn read(bytes: &[u8]) -> Result<KeyFacts, KeyError> {
    let mut all = Fields(bytes.strip_prefix(MAGIC).ok_or(DAMAGED)?);
    let (cipher, derivation, options) = (all.string()?, all.string()?, all.string()?);
    let encrypted = cipher != NONE;
    if encrypted == (derivation == NONE) || encrypted == options.is_empty() {
        return Err(DAMAGED);
    }
    if all.number()? != 1 {
        return Err(DAMAGED);
    }
    let (public, private) = (all.string()?, all.string()?);
    // OpenSSH allows bytes after the private part of an encrypted key. They are the tag of the cipher.
    if private.is_empty() || !(all.0.is_empty() || encrypted) {
        return Err(DAMAGED);
    }
    let name = Fields(public).string()?;
    if !encrypted {
        let mut private = Fields(private);
        if private.number()? != private.number()? || private.string()? != name {
            return Err(DAMAGED);
        }
    }
    let curve = EcdsaCurve::ALL.into_iter().find(|curve| name == curve.ssh_name().as_bytes());
    let key_type = match name {
        b"ssh-rsa" => KeyType::Rsa,
        b"ssh-dss" => KeyType::Dsa,
        b"ssh-ed25519" => KeyType::Ed25519,
        _ if curve.is_some() => KeyType::Ecdsa,
        _ => return Err(KeyError::UnsupportedType),
    };
    Ok(KeyFacts::new(KeyForm::OpenSsh, Some(key_type), curve, encrypted))
}

/// The fields that are not read yet (RFC 4251, section 5).
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Result<u32, KeyError> {
        let (number, rest) = self.0.split_first_chunk::<4>().ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Result<&'a [u8], KeyError> {
        let length = usize::try_from(self.number()?).map_err(|_| DAMAGED)?;
        let (string, rest) = self.0.split_at_checked(length).ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(string)
    }
}
