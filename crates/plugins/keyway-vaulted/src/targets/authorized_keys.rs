//! Changes keys in `authorized_keys` files.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use keyway_credentials::{Candidate, Changer, CredentialChange, CredentialError, TargetCredential};
use keyway_files::{FileError, FilePath};
use keyway_ssh::{AuthorizedKeysFile, ReplaceKeyError};

use super::PathPatternError;
use super::key_text::public_half;
use super::path_pattern::PathPattern;

/// Changes the public key of an account in its `authorized_keys` file: the new one takes the place of the old one. The
/// options and the comment of the line stay, and so do all other lines.
///
/// The file is replaced as a whole, under the lock of `keyway-ssh`; see the [promises](keyway_ssh#promises) of that
/// crate. If the file has neither the old key nor the new one, the error promises no effect. If another program keeps
/// the file locked, the error does not promise this, because that program may be carrying out the same order.
///
/// Keys must have OpenSSH's form, which holds the public key in plain text beside an encrypted private key. A change
/// blocks its thread, for ten seconds at most while another program holds the lock. Dropping the future of a change
/// stops nothing.
pub struct AuthorizedKeysChanger(Files);

type Choose = dyn Fn(&Candidate) -> Option<PathBuf> + Send + Sync;

enum Files {
    Pattern(PathPattern),
    Chosen(Box<Choose>),
}

impl AuthorizedKeysChanger {
    /// Finds the file of an account by a pattern, such as `/srv/{asset}/{account}/authorized_keys`.
    ///
    /// An account or an asset with a slash, or with a dot at its beginning, is refused, so no name leads out of its
    /// part of the path. No symbolic link is followed.
    ///
    /// # Errors
    /// [`PathPatternError`].
    pub fn new(pattern: &str) -> Result<Self, PathPatternError> {
        PathPattern::new(pattern).map(|pattern| Self(Files::Pattern(pattern)))
    }

    /// Lets the host choose the file of an account. `choose` returns `None` for an account without a file.
    ///
    /// Users may have chosen the names of the account and the asset: do not make them a part of the path unchecked.
    pub fn with_files(choose: impl Fn(&Candidate) -> Option<PathBuf> + Send + Sync + 'static) -> Self {
        Self(Files::Chosen(Box::new(choose)))
    }

    fn file(&self, candidate: &Candidate) -> Result<FilePath, CredentialError> {
        match &self.0 {
            Files::Pattern(pattern) => pattern.path(candidate),
            Files::Chosen(choose) => {
                let refuse = |reason: String| CredentialError::not_ready("the authorized_keys file", reason);
                let path = choose(candidate)
                    .ok_or_else(|| refuse("the host has none for this account".to_owned()))?;
                let path = path.to_str().ok_or_else(|| refuse("its path is not UTF-8".to_owned()))?;
                FilePath::new(path).map_err(|fault| refuse(fault.to_string()))
            }
        }
    }
}

impl fmt::Debug for AuthorizedKeysChanger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("AuthorizedKeysChanger");
        match &self.0 {
            Files::Pattern(pattern) => shown.field(pattern).finish(),
            Files::Chosen(_) => shown.finish_non_exhaustive(),
        }
    }
}

#[async_trait]
impl Changer for AuthorizedKeysChanger {
    async fn change(&self, change: &CredentialChange) -> Result<(), CredentialError> {
        let (TargetCredential::PrivateKey(old), TargetCredential::PrivateKey(new)) =
            (&change.old, &change.new)
        else {
            return Err(CredentialError::Unsupported {
                what: "anything but keys in an authorized_keys file",
            });
        };
        let file = AuthorizedKeysFile::new(self.file(&change.candidate)?);
        file.replace_key(&public_half(old)?, &public_half(new)?).map_err(not_replaced)
    }

    fn takes(&self, credential: &TargetCredential) -> bool {
        matches!(credential, TargetCredential::PrivateKey(_))
    }

    fn blocks(&self) -> bool {
        true
    }
}

fn not_replaced(error: ReplaceKeyError) -> CredentialError {
    match error {
        ReplaceKeyError::File(error @ FileError::Indeterminate { .. }) => {
            CredentialError::system("make the change of the authorized_keys file durable", error)
        }
        // The effect is unknown, because the other program may be carrying out the same order.
        ReplaceKeyError::File(error @ (FileError::Busy(_) | FileError::Changed(_))) => {
            CredentialError::system(
                "change the authorized_keys file, which others keep locked or change",
                error,
            )
        }
        ReplaceKeyError::File(error) if error.may_pass() => CredentialError::Unavailable {
            what: "the authorized_keys file",
            retry_after: None,
            source: Some(error.into()),
        },
        ReplaceKeyError::File(error) => {
            CredentialError::not_ready("the authorized_keys file", error.reason())
        }
        error => CredentialError::not_ready("the authorized_keys file", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use keyway_core::{Effect, IntentId, PluginError as _};
    use keyway_credentials::{Account, Asset, Password, PrivateKey};
    use ssh_key::rand_core::OsRng;
    use ssh_key::{Algorithm, LineEnding};

    use super::*;

    fn key(passphrase: Option<&str>) -> PrivateKey {
        let mut key = ssh_key::PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
        if let Some(passphrase) = passphrase {
            key = key.encrypt(&mut OsRng, passphrase).unwrap();
        }
        PrivateKey::new(key.to_openssh(LineEnding::LF).unwrap(), passphrase.map(Into::into)).unwrap()
    }

    fn line(key: &PrivateKey) -> String {
        public_half(key).unwrap().to_openssh().unwrap()
    }

    fn candidate(account: &str) -> Candidate {
        Candidate::new(Account::new(account).unwrap(), Asset::new("web1").unwrap())
    }

    fn change(
        folder: &Path,
        account: &str,
        old: impl Into<TargetCredential>,
        new: TargetCredential,
    ) -> Result<(), CredentialError> {
        let pattern = format!("{}/{{asset}}/{{account}}/authorized_keys", folder.display());
        let changer = AuthorizedKeysChanger::new(&pattern).unwrap();
        let intent = IntentId::new("intent").unwrap();
        let order = CredentialChange::new(intent, candidate(account), old.into(), new);
        pollster::block_on(changer.change(&order))
    }

    #[test]
    fn a_key_of_either_form_is_changed_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir_all(folder.join("web1/joe")).unwrap();
        let file = folder.join("web1/joe/authorized_keys");
        let (old, new) = (key(Some("old one")), key(Some("new one")));
        fs::write(&file, format!("restrict {} joe\n# end", line(&old))).unwrap();
        let (old, new_key) = (TargetCredential::PrivateKey(old), TargetCredential::PrivateKey(new.clone()));
        for _ in 0..2 {
            change(&folder, "joe", old.clone(), new_key.clone()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("restrict {} joe\n# end", line(&new)));
        }
    }

    #[test]
    fn a_file_that_cannot_be_changed_promises_no_effect() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir_all(folder.join("web1/joe")).unwrap();
        fs::write(folder.join("web1/joe/authorized_keys"), "# no keys\n").unwrap();
        let new = || TargetCredential::PrivateKey(key(None));
        for (account, old, reason) in [
            ("joe", new(), "neither the old key nor the new one"),
            ("ada", new(), "the directory"),
            ("..", new(), "must have no slash"),
            ("joe", TargetCredential::Password(Password::new("x")), "does not offer"),
        ] {
            let error = change(&folder, account, old, new()).unwrap_err();
            assert_eq!(error.effect(), Effect::None, "{error}");
            assert!(error.detail().contains(reason), "{}", error.detail());
        }
    }

    #[test]
    fn a_file_that_others_change_has_an_unknown_effect() {
        let failed = |error| not_replaced(ReplaceKeyError::File(error)).effect();
        let source = || std::io::Error::other("it failed");
        assert_eq!(failed(FileError::Busy("/f".into())), Effect::Unknown);
        assert_eq!(failed(FileError::Indeterminate { path: "/f".into(), source: source() }), Effect::Unknown);
        let before = FileError::Io { what: "write", path: "/f".into(), source: source() };
        assert_eq!(failed(before), Effect::None);
    }

    #[test]
    fn the_host_may_choose_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("keys");
        let (old, new) = (key(None), key(None));
        fs::write(&file, line(&old)).unwrap();
        let chosen = file.clone();
        let changer = AuthorizedKeysChanger::with_files(move |asked| {
            (asked.account.as_str() == "joe").then(|| chosen.clone())
        });
        assert!(changer.blocks());
        let order = |account| {
            let [old, new] = [&old, &new].map(|key| TargetCredential::PrivateKey(key.clone()));
            CredentialChange::new(IntentId::new("intent").unwrap(), candidate(account), old, new)
        };
        assert!(pollster::block_on(changer.change(&order("ada"))).is_err());
        pollster::block_on(changer.change(&order("joe"))).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), line(&new));
    }
}
