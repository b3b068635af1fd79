//! The `authorized_keys` file of one account, for a host that changes its keys.

use keyway_files::{FileError, FilePath, Rights};
use ssh_key::PublicKey;

use super::{AuthorizedKeys, lines};
use crate::file::IssuerFile;

/// The `authorized_keys` file of one account, changed with the [promises](crate#promises) of the issuers.
///
/// ```
/// use keyway_files::FilePath;
/// use keyway_ssh::AuthorizedKeysFile;
/// use ssh_key::PublicKey;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().canonicalize()?.join("authorized_keys");
/// let old: PublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti".parse()?;
/// let new: PublicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ".parse()?;
/// std::fs::write(&path, format!("restrict {} joe\n", old.to_openssh()?))?;
///
/// let file = AuthorizedKeysFile::new(FilePath::new(path.to_str().ok_or("a plain path")?)?);
/// file.replace_key(&old, &new)?;
/// assert_eq!(std::fs::read_to_string(&path)?, format!("restrict {} joe\n", new.to_openssh()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AuthorizedKeysFile(IssuerFile);

/// The error of a change of keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceKeyError {
    /// The file has a line neither for the old key nor for the new one. It is unchanged.
    #[error("{file} has neither the old key nor the new one: add the line of the old key again")]
    NoLine {
        /// The path of the file.
        file: String,
    },
    /// The file could not be changed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key cannot be written as a line. The file is unchanged.
    #[error("the key cannot be written as a line of authorized_keys")]
    Key(#[source] ssh_key::Error),
}

impl AuthorizedKeysFile {
    /// Names the file. Does no I/O.
    pub const fn new(path: FilePath) -> Self {
        Self(IssuerFile::new(path))
    }

    /// Replaces the old key by the new one in each line that has the old key. The options and the comment of a line
    /// stay, and so do all other lines. The comments of the two given keys are ignored. Succeeds without a change if
    /// the file has the new key and not the old one.
    ///
    /// Blocks, for ten seconds at most while another program holds the lock.
    ///
    /// # Errors
    /// [`ReplaceKeyError`]. Nothing was changed, unless [`File`](ReplaceKeyError::File) is
    /// [`Indeterminate`](FileError::Indeterminate).
    pub fn replace_key(&self, old: &PublicKey, new: &PublicKey) -> Result<(), ReplaceKeyError> {
        let (old, new) = (line(old)?, line(new)?);
        let file = self.0.open(Rights::Kept { new_mode: AuthorizedKeys::NEW_MODE })?;
        file.change(IssuerFile::PATIENCE, |content| {
            let content = content.unwrap_or_default();
            match lines::with_key_replaced(content, &old, &new) {
                Some(changed) => Ok((Some(changed), ())),
                None if lines::has_key(content, &new) => Ok((None, ())),
                None => Err(ReplaceKeyError::NoLine { file: self.0.path().display().to_string() }),
            }
        })?
    }
}

/// Returns the type and the key, without a comment.
fn line(key: &PublicKey) -> Result<String, ReplaceKeyError> {
    PublicKey::from(key.key_data().clone()).to_openssh().map_err(ReplaceKeyError::Key)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const OLD: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    const NEW: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn replace(file: &Path) -> Result<(), ReplaceKeyError> {
        let key = |line: &str| PublicKey::from_openssh(&format!("{line} comment")).unwrap();
        let path = FilePath::new(file.to_str().unwrap()).unwrap();
        AuthorizedKeysFile::new(path).replace_key(&key(OLD), &key(NEW))
    }

    #[test]
    fn a_replaced_key_stays_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("authorized_keys");
        fs::write(&file, format!("# joe\n{OLD} comment\n")).unwrap();
        for _ in 0..2 {
            replace(&file).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("# joe\n{NEW} comment\n"));
        }
    }

    #[test]
    fn an_old_key_beside_the_new_one_is_replaced_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("authorized_keys");
        fs::write(&file, format!("{NEW} a\nrestrict {OLD} b\n")).unwrap();
        replace(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{NEW} a\nrestrict {NEW} b\n"));
    }

    #[test]
    fn a_file_without_the_keys_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("authorized_keys");
        assert!(matches!(replace(&file), Err(ReplaceKeyError::NoLine { .. })));
        assert!(!file.exists());
        fs::write(&file, format!("# {OLD}")).unwrap();
        let error = replace(&file).unwrap_err();
        assert!(
            error.to_string().contains("authorized_keys has neither the old key nor the new one"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("# {OLD}"));
    }
}
