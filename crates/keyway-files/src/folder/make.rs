//! Creates a folder and its missing parents.

use std::path::{Path, PathBuf};

use super::Folder;
use crate::{FileError, owner};

/// Creates the folder `path` and its missing parents durably. Does nothing if the folder exists. Blocks.
///
/// On Unix, a new folder is accessible only to its owner (mode 0700). If this process may give the folder away, the
/// folder belongs to the owner of its parent.
///
/// # Errors
/// [`FileError`]. Folders created before the failure are removed again if they are empty.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    // The outermost missing folder is created first.
    let Some(outermost) = missing.last() else { return Ok(()) };
    let parent = match outermost.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    make_all(&Folder::open(&parent)?, missing.iter().rev())
}

fn make_all<'a>(parent: &Folder, mut missing: impl Iterator<Item = &'a &'a Path>) -> Result<(), FileError> {
    let Some(next) = missing.next() else { return Ok(()) };
    let Some(name) = next.file_name() else {
        let path = (*next).to_owned();
        return Err(FileError::NotADirectory(path));
    };
    let failed = |what, source| FileError::Io { what, path: (*next).to_owned(), source };
    let made = parent
        .make_folder(name, |folder| owner::give_folder(parent, folder))
        .map_err(|error| failed("make the folder", error))?;
    parent
        .open_folder(name)
        .and_then(|folder| {
            parent.sync().map_err(|error| failed("make the folder durable", error))?;
            make_all(&folder, missing)
        })
        .inspect_err(|_| {
            if made {
                // The new folder is removed, because the next call would assume that an existing folder is durable. If
                // the removal fails too, only the first error is reported.
                let _ = parent.remove_folder(name);
            }
        })
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, chown};

    use super::*;

    /// Tests an attack: the owner of the outer folder replaces a new folder by a folder of another user.
    #[test]
    fn only_an_empty_new_folder_is_given_to_the_owner_of_its_parent() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        if chown(directory.path(), Some(54321), None).is_err() {
            // Reports the skip to `cargo xtask test`.
            if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
                let mut report = fs::File::options().create(true).append(true).open(report).unwrap();
                report.write_all(b"root\tnew folders of others\tonly root gives files away\n").unwrap();
            }
            return;
        }
        let outer = Folder::open(directory.path()).unwrap();
        for name in ["there", "filled"] {
            fs::create_dir(at(name)).unwrap();
        }
        make_all(&outer, [at("there").as_path(), at("there/new").as_path()].iter()).unwrap();
        fs::write(at("filled/secret"), "").unwrap();
        owner::give_folder(&outer, &outer.open_folder("filled".as_ref()).unwrap()).unwrap();
        make_folder(&at("new")).unwrap();
        let owner = |name: &str| fs::metadata(at(name)).unwrap().uid();
        assert_eq!(["there", "there/new", "filled", "new"].map(owner), [0, 0, 0, 54321]);
    }
}
