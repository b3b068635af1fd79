//! Owners and modes of the files that this process creates.

/// The rule for the mode of a file, and for the owner of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Only the owner can access the file (mode 0600), whatever mode it had before. A new file belongs to the owner of
    /// its folder if this process may give it away, and otherwise to the user of this process.
    Private,
    /// The file keeps its mode. A new file belongs to the owner of its folder. If this process may not give it away,
    /// the operation fails.
    Kept {
        /// The mode of a new file.
        new_mode: u32,
    },
}

#[cfg(unix)]
pub(crate) use unix::{give_file, give_folder, give_lock};

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::fs::{File, Metadata, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    use super::Rights;
    use crate::folder::{Folder, Use};

    /// Gives a new file to the owner of the file `name` that it replaces, or else to the owner of its folder.
    pub(crate) fn give_file(
        new: &File,
        name: &OsStr,
        replaced: Option<&Metadata>,
        folder: &Folder,
        rights: Rights,
    ) -> io::Result<()> {
        let (like, must_be_owner) = match replaced {
            Some(metadata) => (metadata.clone(), true),
            None => (folder.metadata()?, rights != Rights::Private),
        };
        let mode = match (rights, replaced) {
            (Rights::Private, _) => 0o600,
            (Rights::Kept { .. }, Some(metadata)) => metadata.mode() & 0o7777,
            (Rights::Kept { new_mode }, None) => new_mode,
        };
        let mut mode = give_to(new, &like, mode, must_be_owner)?;
        if let (Rights::Kept { .. }, Some(_)) = (rights, replaced)
            && let Some(old) = folder.open_file(name, Use::Read).map_err(io::Error::other)?
            && !keep_access_list(&old, new).unwrap_or(false)
        {
            // A lost list may have denied rights that all other users have. If it is left on the new file, it gives no
            // rights without those of the group.
            mode &= 0o5700;
        }
        set_mode(new, mode)
    }

    /// Gives a new file the access-control list of the file that it replaces. If that has none, takes away a list that
    /// comes from the folder. Returns false if there was a list, and it is lost.
    ///
    /// With a list, the mode shows the mask of the list as the rights of the group. Without the list, the group would
    /// get these rights. If the group cannot be kept, its rights in the list would be those of another group, so the
    /// list is not kept.
    #[cfg(target_os = "linux")]
    fn keep_access_list(old: &File, new: &File) -> io::Result<bool> {
        use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
        use rustix::io::Errno;

        const NAME: &str = "system.posix_acl_access";
        /// The longest attribute on Linux.
        const MAX_BYTES: usize = 64 * 1024;
        let mut list = vec![0; MAX_BYTES];
        let without_list = || match fremovexattr(new, NAME) {
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
            removed => removed,
        };
        match fgetxattr(old, NAME, &mut list[..]) {
            Ok(length) if old.metadata()?.gid() == new.metadata()?.gid() => {
                fsetxattr(new, NAME, &list[..length], XattrFlags::empty())?;
                Ok(true)
            }
            Ok(_) => Ok(without_list().map(|()| false)?),
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(without_list().map(|()| true)?),
            Err(error) => Err(error.into()),
        }
    }

    /// Does nothing, because other systems keep their lists elsewhere.
    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unnecessary_wraps)] // As on Linux.
    fn keep_access_list(_: &File, _: &File) -> io::Result<bool> {
        Ok(true)
    }

    /// Gives a new lock file to the owner of its folder. A group that may write in the folder may also lock, because it
    /// could replace the lock file anyway.
    pub(crate) fn give_lock(new: &File, folder: &Folder) -> io::Result<()> {
        let like = folder.metadata()?;
        let mode = if like.mode() & 0o020 == 0 { 0o600 } else { 0o660 };
        give(new, &like, mode, false)
    }

    /// Gives a new folder to the owner of its parent folder.
    ///
    /// An empty folder can safely be given away, because the owner of the parent can replace it at any time anyway. A
    /// folder with content keeps its owner.
    pub(crate) fn give_folder(parent: &Folder, new: &Folder) -> io::Result<()> {
        if !new.is_empty()? {
            return Ok(());
        }
        give(new.handle(), &parent.metadata()?, 0o700, false)
    }

    /// Changes the owner and the mode of a new file through its handle. An existing file is never given away, because
    /// it may be a file of another user that was put at this path.
    fn give(new: &File, like: &Metadata, mode: u32, must_be_owner: bool) -> io::Result<()> {
        set_mode(new, give_to(new, like, mode, must_be_owner)?)
    }

    fn set_mode(new: &File, mode: u32) -> io::Result<()> {
        new.set_permissions(Permissions::from_mode(mode))
    }

    /// Changes the owner of a new file. Returns the mode that the file may have then. The mode is set afterwards,
    /// because a change of the owner clears some of its bits.
    fn give_to(new: &File, like: &Metadata, mode: u32, must_be_owner: bool) -> io::Result<u32> {
        let own = new.metadata()?;
        let given = own.uid() != like.uid() && {
            let given = fchown(new, Some(like.uid()), Some(like.gid()));
            match given {
                Err(error) if is_not_ours_to_give(&error) && !must_be_owner => false,
                given => {
                    given?;
                    true
                }
            }
        };
        if given || own.gid() == like.gid() {
            return Ok(mode);
        }
        match fchown(new, None, Some(like.gid())) {
            Err(error) if is_not_ours_to_give(&error) => Ok(without_group(mode)),
            given => given.map(|()| mode),
        }
    }

    /// Tells whether the error means that this process may not give files away, or that the owner has no number in the
    /// user namespace of this process.
    fn is_not_ours_to_give(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput)
    }

    /// Returns the mode of a file whose group cannot be kept. The members of the group now count as other users. So
    /// other users keep only the permissions that the group had too.
    fn without_group(mode: u32) -> u32 {
        (mode & 0o5700) | (mode & (mode >> 3) & 0o007)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_lost_group_loses_its_rights_and_gains_none() {
            for (before, after) in [
                (0o640, 0o600),
                (0o664, 0o604),
                (0o644, 0o604),
                (0o604, 0o600),
                (0o2775, 0o705),
                (0o600, 0o600),
            ] {
                assert_eq!(without_group(before), after, "{before:o}");
            }
        }

        /// Tests a list whose group cannot be kept. The list denied rights that its mode shows.
        #[cfg(target_os = "linux")]
        #[test]
        fn a_list_that_is_lost_leaves_rights_to_the_owner_only() {
            use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};
            use std::io::Write as _;

            const NAME: &str = "system.posix_acl_access";
            // The owner, a user without rights, the group without rights, the mask, and all others.
            let entries = [
                (1_u16, 6_u16, u32::MAX),
                (2, 0, 54321),
                (4, 0, u32::MAX),
                (16, 4, u32::MAX),
                (32, 4, u32::MAX),
            ];
            let entries = entries.iter().flat_map(|(tag, rights, id)| {
                [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
            });
            let list: Vec<u8> = 2_u32.to_le_bytes().into_iter().chain(entries).collect();
            let directory = tempfile::tempdir().unwrap();
            let (path, new_path) = (directory.path().join("f"), directory.path().join("new"));
            let (old, new) = (File::create(&path).unwrap(), File::create(&new_path).unwrap());
            if fchown(&new, None, Some(54321)).is_err()
                || fsetxattr(&old, NAME, &list, XattrFlags::empty()).is_err()
            {
                // Reports the skip to `cargo xtask test`.
                if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
                    let mut report = File::options().create(true).append(true).open(report).unwrap();
                    report.write_all(b"root\tlists of other groups\tonly root gives files away\n").unwrap();
                }
                return;
            }
            assert_eq!(old.metadata().unwrap().mode() & 0o777, 0o644, "the mask, not the group");
            assert!(!keep_access_list(&old, &new).unwrap());
            assert!(fgetxattr(&new, NAME, &mut [0; 256][..]).is_err());
            let folder = Folder::open(directory.path()).unwrap();
            let replaced = old.metadata().unwrap();
            fchown(&old, None, Some(54322)).unwrap();
            give_file(&new, "f".as_ref(), Some(&replaced), &folder, Rights::Kept { new_mode: 0o644 })
                .unwrap();
            assert_eq!(new.metadata().unwrap().mode() & 0o777, 0o600);
        }
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{give_file, give_folder, give_lock};

/// Does nothing, because these systems do not have the owners and modes of Unix.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // As on Unix.
mod elsewhere {
    use std::ffi::OsStr;
    use std::fs::{File, Metadata};
    use std::io;

    use super::Rights;
    use crate::folder::Folder;

    pub(crate) fn give_file(
        _: &File,
        _: &OsStr,
        _: Option<&Metadata>,
        _: &Folder,
        _: Rights,
    ) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn give_lock(_: &File, _: &Folder) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn give_folder(_: &Folder, _: &Folder) -> io::Result<()> {
        Ok(())
    }
}
