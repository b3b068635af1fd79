//! Reads the public half of a private key, and writes a private key without its passphrase as a text that `ssh` can
//! read.

use keyway_credentials::{CredentialError, KeyForm, PrivateKey};
use ssh_key::{LineEnding, PublicKey};
use zeroize::Zeroizing;

/// Returns the public half of a key, which OpenSSH's form holds in plain text.
pub(super) fn public_half(key: &PrivateKey) -> Result<PublicKey, CredentialError> {
    read(key).map(|key| key.public_key().clone())
}

/// Returns the text of a key without its passphrase, with a line feed after each line: `ssh` refuses other line breaks,
/// and a last line without a line break. Decrypting takes some tenths of a second.
pub(super) fn without_passphrase(key: &PrivateKey) -> Result<Zeroizing<String>, CredentialError> {
    if let Some(passphrase) = key.expose_passphrase() {
        let decrypted =
            read(key)?.decrypt(passphrase).map_err(|error| unusable(format!("its passphrase: {error}")))?;
        return decrypted.to_openssh(LineEnding::LF).map_err(|error| unusable(error.to_string()));
    }
    let pem = key.expose_pem().trim_ascii();
    let mut text = Zeroizing::new(String::with_capacity(pem.len() + 1));
    for line in pem.lines() {
        text.push_str(line.trim_ascii_end());
        text.push('\n');
    }
    Ok(text)
}

fn read(key: &PrivateKey) -> Result<ssh_key::PrivateKey, CredentialError> {
    if key.facts().form != KeyForm::OpenSsh {
        return Err(unusable(
            "it does not have OpenSSH's form: convert it (ssh-keygen -p -f FILE), and store it again",
        ));
    }
    ssh_key::PrivateKey::from_openssh(key.expose_pem()).map_err(|error| unusable(error.to_string()))
}

/// Makes an error without an effect: the target was not asked yet.
fn unusable(reason: impl Into<String>) -> CredentialError {
    CredentialError::invalid("the private key of the account", reason)
}

#[cfg(test)]
mod tests {
    use ssh_key::Algorithm;
    use ssh_key::rand_core::OsRng;

    use super::*;

    /// A key of PKCS#8, which `openssl genpkey` made.
    const PKCS8: &str = include_str!("../../../../keyway-credentials/src/key/keys/ed25519_pkcs8.pem");
    const PKCS8_ENCRYPTED: &str =
        include_str!("../../../../keyway-credentials/src/key/keys/rsa_pkcs8_encrypted.pem");

    #[test]
    fn a_passphrase_is_taken_off() {
        let plain = ssh_key::PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
        let encrypted = plain.encrypt(&mut OsRng, "n33dle").unwrap().to_openssh(LineEnding::LF).unwrap();
        let key = PrivateKey::new(encrypted.clone(), Some("n33dle".into())).unwrap();
        assert_eq!(public_half(&key).unwrap().key_data(), plain.public_key().key_data());
        let text = without_passphrase(&key).unwrap();
        assert_eq!(ssh_key::PrivateKey::from_openssh(&*text).unwrap().key_data(), plain.key_data());

        let wrong = PrivateKey::new(encrypted, Some("wr0ng".into())).unwrap();
        let error = without_passphrase(&wrong).unwrap_err().to_string();
        assert!(error.contains("its passphrase") && !error.contains("wr0ng"), "{error}");
    }

    #[test]
    fn ends_of_lines_are_those_of_ssh() {
        let wanted = PKCS8.trim_ascii().to_owned() + "\n";
        for text in [PKCS8.to_owned(), PKCS8.replace('\n', "\r\n"), format!("\n{}", PKCS8.trim_ascii())] {
            let key = PrivateKey::new(text, None).unwrap();
            assert_eq!(*without_passphrase(&key).unwrap(), wanted);
        }
    }

    #[test]
    fn other_forms_are_refused_with_the_remedy() {
        let plain = PrivateKey::new(PKCS8, None).unwrap();
        let encrypted = PrivateKey::new(PKCS8_ENCRYPTED, Some("x".into())).unwrap();
        for error in [public_half(&plain).unwrap_err(), without_passphrase(&encrypted).unwrap_err()] {
            assert!(error.to_string().contains("ssh-keygen -p"), "{error}");
        }
    }
}
