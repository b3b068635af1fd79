//! The key that a user logs in with: given by the user, or created here.

use std::fmt;

use keyway_issuers::{Configuration, CredentialPart, Issued, IssuerError, Parameters};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use crate::{setting, state};

/// The parameter of a public key.
pub(crate) const PUBLIC_KEY: &str = "pub_key";

/// The types of keys that a service accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyTypes(Vec<&'static str>);

impl KeyTypes {
    pub(crate) const SETTING: &'static str = "key_types";
    pub(crate) const DEFAULT: &'static str = "ssh-ed25519 sk-ssh-ed25519@openssh.com ecdsa-sha2-nistp256 \
         ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 sk-ecdsa-sha2-nistp256@openssh.com ssh-rsa";
    /// The minimum length in bits: the usual advice. OpenSSH accepts keys from 1024 bits.
    const SHORTEST_RSA_BITS: usize = 2048;
    /// The maximum of OpenSSH, in bits.
    const LONGEST_RSA_BITS: usize = 16384;

    pub(crate) fn read(configuration: &Configuration) -> Result<Self, IssuerError> {
        let all = || Self::DEFAULT.split_whitespace();
        let named = setting::text(configuration, Self::SETTING).split_whitespace();
        let types: Option<Vec<_>> = named.map(|name| all().find(|known| *known == name)).collect();
        match types {
            Some(types) if !types.is_empty() => Ok(Self(types)),
            _ => Err(setting::invalid(Self::SETTING, format_args!("use some of `{}`", Self::DEFAULT))),
        }
    }
}

/// A key to log in with.
pub(crate) struct LoginKey {
    public: KeyData,
    // The private key in OpenSSH's format, only if it was created here.
    private: Option<Zeroizing<String>>,
}

impl fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl LoginKey {
    /// Returns the key in the parameters, or creates one. `comment` is the comment of the private key.
    pub(crate) fn of(parameters: &Parameters, types: &KeyTypes, comment: &str) -> Result<Self, IssuerError> {
        match parameters.text(PUBLIC_KEY) {
            Some(text) => Self::given(text, types),
            None => Self::made(comment),
        }
    }

    /// Reads a public key as users send it: type, key, and a comment, which is dropped. Skips empty lines and
    /// lines that begin with `#`, as OpenSSH does in the file of a public key.
    fn given(text: &str, types: &KeyTypes) -> Result<Self, IssuerError> {
        // Longer than any key: 16384 bits in base64, with room for a comment.
        const MAX_BYTES: usize = 16 * 1024;
        let refuse = |reason: &str| {
            let user = format!("This public key cannot be used: {reason}.");
            Err(IssuerError::refused(user, format!("a public key was refused: {reason}")))
        };
        // Other white space, such as a vertical tab, is a control character and refused.
        let text = text.trim_ascii();
        if text.len() > MAX_BYTES {
            return refuse("it is too long");
        }
        let mut lines =
            text.lines().map(str::trim_ascii).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let text = lines.next().unwrap_or_default();
        if text.starts_with("-----BEGIN") {
            return refuse("it is not a public key in OpenSSH's format, which begins with its type");
        }
        if lines.next().is_some() || text.chars().any(|it| it.is_control() && it != '\t') {
            return refuse("it is more than one line, and a public key is one");
        }
        let mut fields = text.split([' ', '\t']).filter(|field| !field.is_empty());
        let (Some(kind), Some(key)) = (fields.next(), fields.next()) else {
            return refuse("it is not made of a type, a space and a key");
        };
        // The options of `sshd` come before the type, so a text that begins with a type has no options.
        if !types.0.contains(&kind) {
            return refuse(&format!("its type is none of {}", types.0.join(", ")));
        }
        let Ok(public) = PublicKey::from_openssh(&format!("{kind} {key}")) else {
            return refuse("what follows the type is not a key of this type");
        };
        if let KeyData::Rsa(rsa) = public.key_data() {
            let bits = rsa.n.as_positive_bytes().map_or(0, bits);
            if !(KeyTypes::SHORTEST_RSA_BITS..=KeyTypes::LONGEST_RSA_BITS).contains(&bits) {
                return refuse(&format!(
                    "an RSA key has {} to {} bits",
                    KeyTypes::SHORTEST_RSA_BITS,
                    KeyTypes::LONGEST_RSA_BITS
                ));
            }
        }
        let given = Self { public: public.into(), private: None };
        // A key of a wrong length may be read, but would be written as another key.
        if given.line()? != format!("{kind} {key}") {
            return refuse("what follows the type is not a key of this type");
        }
        Ok(given)
    }

    /// Creates an Ed25519 key.
    pub(crate) fn made(comment: &str) -> Result<Self, IssuerError> {
        let mut seed = Zeroizing::new([0; 32]);
        state::fill(&mut *seed)?;
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
        let private = PrivateKey::new(pair, comment).map_err(not_written)?;
        let text = private.to_openssh(LineEnding::LF).map_err(not_written)?;
        Ok(Self { public: private.public_key().key_data().clone(), private: Some(text) })
    }

    /// Returns the public key as one line: type and key.
    pub(crate) fn line(&self) -> Result<String, IssuerError> {
        PublicKey::new(self.public.clone(), "").to_openssh().map_err(not_written)
    }

    /// Returns the private key, if it was created here.
    pub(crate) fn private_text(&self) -> Option<&str> {
        self.private.as_deref().map(String::as_str)
    }

    pub(crate) const fn public(&self) -> &KeyData {
        &self.public
    }

    /// Adds the parts of the key that the user needs.
    pub(crate) fn add_to(self, issued: Issued) -> Result<Issued, IssuerError> {
        let fingerprint = self.public.fingerprint(HashAlg::Sha256).to_string();
        let issued = issued.with(CredentialPart::text("fingerprint", fingerprint));
        let line = self.line()?;
        let Some(private) = self.private else { return Ok(issued) };
        Ok(issued
            .with(CredentialPart::textfile("private key", private).size(8, 70).save_as("id_ed25519"))
            .with(CredentialPart::textfile("public key", line).size(2, 70).save_as("id_ed25519.pub")))
    }
}

fn not_written(error: ssh_key::Error) -> IssuerError {
    // `Unavailable` promises that there was no effect. That is true, because nothing has happened before this step. The
    // cause is the encoder in this process, not an outside system.
    IssuerError::Unavailable { what: "the encoder of keys", retry_after: None, source: Some(error.into()) }
}

fn bits(bytes: &[u8]) -> usize {
    let leading = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
    (bytes.len() * 8).saturating_sub(leading)
}

#[cfg(test)]
mod tests {
    use keyway_issuers::{ConfigurationValue, RequestOutcome};
    use proptest::prelude::*;

    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn types(text: &str) -> Result<KeyTypes, IssuerError> {
        KeyTypes::read(&Configuration::new().with(KeyTypes::SETTING, ConfigurationValue::text(text)))
    }

    fn given(text: &str) -> Result<String, IssuerError> {
        LoginKey::given(text, &types(KeyTypes::DEFAULT).unwrap())?.line()
    }

    #[test]
    fn a_key_is_accepted_without_its_comment() {
        for text in [
            ED25519.to_owned(),
            format!("  {ED25519} joe@laptop\n"),
            format!("{ED25519}\tjoe, at home #1"),
            ED25519.replace(' ', "   "),
            format!("# of joe\r\n\r\n \t\n{ED25519} joe\r\n\n# the end"),
        ] {
            assert_eq!(given(&text).unwrap(), ED25519, "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let key = ED25519.split(' ').nth(1).unwrap();
        for text in [
            String::new(),
            "ssh-ed25519".to_owned(),
            format!("command=\"sh\" {ED25519}"),
            format!("restrict,pty {ED25519}"),
            format!("{ED25519}\n{ED25519}"),
            format!("{ED25519}\r{ED25519}"),
            format!("{ED25519}\0"),
            format!("# {ED25519}"),
            format!("ssh-rsa {key}"),
            // The key claims 33 bytes: it would be read as a key of the first 32.
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAITE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFD".to_owned(),
            format!("ssh-dss {key}"),
            format!("ssh-ed25519-cert-v01@openssh.com {key}"),
            format!("ssh-ed25519 {}", &key[..key.len() - 4]),
            format!("ssh-ed25519 {key}AAAA"),
            format!("ssh-ed25519\u{a0}{key}"),
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
            format!("{ED25519} {}", "x".repeat(20_000)),
        ] {
            let error = given(&text).unwrap_err();
            assert!(matches!(error, IssuerError::Refused { .. }), "{text:?}: {error:?}");
            assert!(!error.user_message().contains(key));
        }
    }

    #[test]
    fn an_operator_narrows_the_types() {
        let only = types("ssh-rsa ecdsa-sha2-nistp256").unwrap();
        assert!(LoginKey::given(ED25519, &only).is_err());
        for text in ["", "ssh-dss", "ssh-ed25519 nonsense"] {
            assert!(types(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn short_rsa_keys_are_refused() {
        use ssh_key::{Mpint, public::RsaPublicKey};
        for (bits, taken) in [(1024, false), (2040, false), (2048, true), (4096, true), (16392, false)] {
            let n = Mpint::from_positive_bytes(&vec![0xc5; bits / 8]).unwrap();
            let e = Mpint::from_positive_bytes(&[1, 0, 1]).unwrap();
            let line = PublicKey::from(KeyData::Rsa(RsaPublicKey { e, n })).to_openssh().unwrap();
            assert_eq!(given(&line).is_ok(), taken, "{bits}");
        }
    }

    #[test]
    fn white_space_around_a_key_is_that_of_ascii() {
        assert_eq!(given(&format!(" \t\r\n{ED25519} \r\n")).unwrap(), ED25519);
        for other in ['\u{b}', '\u{85}', '\u{a0}', '\u{2003}'] {
            assert!(given(&format!("{other} {ED25519}")).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_created_key_is_a_new_pair() {
        let key = LoginKey::made("K_1").unwrap();
        assert!(!format!("{key:?}").contains("PRIVATE"));
        let line = key.line().unwrap();
        let issued = key.add_to(Issued::new("K_1")).unwrap();
        assert!(!format!("{:?}", RequestOutcome::Issued(issued.clone())).contains("BEGIN"));
        let private = PrivateKey::from_openssh(issued.credential[1].expose_value()).unwrap();
        assert_eq!((private.comment(), private.algorithm().as_str()), ("K_1", "ssh-ed25519"));
        assert_eq!(PublicKey::new(private.public_key().key_data().clone(), "").to_openssh().unwrap(), line);
        assert_ne!(LoginKey::made("K_1").unwrap().line().unwrap(), line);
    }

    proptest! {
        #[test]
        fn an_accepted_key_is_one_line_of_two_fields(text in prop_oneof![
            "\\PC{0,60}",
            "[ -~\\n\\t]{0,20}".prop_map(|end| format!("{ED25519}{end}")),
            "[ -~\\n\\t]{0,20}".prop_map(|start| format!("{start} {ED25519}")),
        ]) {
            if let Ok(line) = given(&text) {
                prop_assert_eq!(line, ED25519);
                let is_key = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
                prop_assert_eq!(text.lines().filter(is_key).count(), 1);
            }
        }
    }
}
