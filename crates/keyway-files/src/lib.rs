//! Files that several programs share. They are read within bounds, replaced as a whole, and locked during a change.
//!
//! A program that keeps its data in one file, or changes a file of another program, opens the file as a [`SharedFile`]:
//!
//! ```
//! use std::time::Duration;
//!
//! use keyway_files::{Rights, SharedFile};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("guests");
//! let file = SharedFile::resolve(&path, Rights::Private, 64 * 1024)?;
//! assert!(file.read()?.is_none());
//!
//! // The closure turns the present content into the new one, under the lock. It runs again if a program
//! // without a lock writes meanwhile.
//! let guests = file.change(Duration::from_secs(10), |content| {
//!     let changed = [content.unwrap_or_default(), b"Ada\n"].concat();
//!     let lines = changed.iter().filter(|byte| **byte == b'\n').count();
//!     Ok::<_, std::fmt::Error>((Some(changed), lines))
//! })?;
//! assert_eq!(guests, Ok(1));
//! assert_eq!(file.read()?.unwrap().content(), b"Ada\n");
//! # Ok::<(), keyway_files::FileError>(())
//! ```
//!
//! `change` consists of steps that a program can also call one by one: [`lock`](SharedFile::lock),
//! [`read`](SharedFile::read), [`replace`](SharedFile::replace) or [`remove`](SharedFile::remove).
//!
//! Every function blocks, needs no runtime and cannot be cancelled.
//!
//! # Promises
//!
//! * **All or nothing.** A new content is written to `.NAME.keyway-new`, synced, and renamed. Then the folder is
//!   synced. After a power failure at any moment, the file holds either the complete old content or the complete new
//!   content.
//! * **Errors state the outcome.** Every error but [`FileError::Indeterminate`] means that the file is
//!   unchanged. `Indeterminate` means that the file was changed, and that the change may not survive a power
//!   failure. It is no error if a file system cannot sync a folder (`EINVAL`, `ENOTSUP`).
//! * **One writer.** Writers of all processes take the lock of `.NAME.keyway-lock`. The lock ends when the process that
//!   holds it ends, for whatever reason. A writer that takes the lock again lets the waiting ones try first. A program
//!   that takes no lock may write too: its change is detected and not overwritten, unless it falls between the last
//!   comparison and the renaming.
//! * **Bounds.** No read and no write exceeds the limit of the caller, so every written file can be read again.
//! * **Regular files only.** The lock, the temporary file and the file itself must be regular files, and are never
//!   reached through a symbolic link. [`SharedFile::open`] refuses links in the whole path. Use it for folders of an
//!   account that is not trusted.
//!
//! # Owners and permissions (Unix)
//!
//! A host that runs as root must not take a file away from the account that owns it, and its lock file must not lock
//! that account out:
//!
//! | | belongs to | mode |
//! | --- | --- | --- |
//! | a file that is replaced | the same owner and group as before | as before, or 0600: see [`Rights`] |
//! | a new file | the owner and group of its folder | that of [`Rights`] |
//! | the lock | the owner and group of its folder | 0600; 0660 where the group may write in the folder |
//! | a new folder ([`make_folder`]) | the owner and group of the folder that it is in | 0700 |
//!
//! A lock and a folder get their owner and mode first, and then their name (H67). A process that is killed in between
//! leaves an empty `.keyway-new-*`, which can be removed.
//!
//! Some file systems cannot give a folder a name without replacing another folder (NFS), and some cannot do so for a
//! file either (those of FUSE without second names). There the lock or the folder is named before its owner is set. If
//! the process is killed in between, or fails to set the owner, the lock or the folder belongs to the user of the
//! process, and the owner of the folder above cannot use it. Remove it, or give it to that owner (H347).
//!
//! A process that is not root cannot give files to groups that it is not in. If the group cannot be kept, the file is
//! written without the permissions of the group. All other users then keep only those permissions that the group had
//! too. A process that cannot give a new file to the owner of the folder either stays the owner of the file, or fails:
//! [`Rights`] says which. A file that keeps its mode and its group keeps its access-control list, too (Linux). If the
//! list cannot be kept, only the owner keeps rights.
//!
//! # Private files
//!
//! [`read_private`] reads a file with keys or passwords. The file must belong to the user of this process or to root,
//! and no other user may read or write it. The memory that holds the content is wiped.

mod error;
mod folder;
mod lock;
mod opened;
mod owner;
#[cfg(unix)]
mod path;
mod publish;
mod read;
mod replace;
mod shared_file;
mod sync;
mod version;
mod waiting;

pub use error::FileError;
pub use folder::make_folder;
pub use lock::Lock;
pub use opened::Found;
pub use owner::Rights;
#[cfg(unix)]
pub use path::{FilePath, PathFault};
pub use publish::publish;
pub use read::{read, read_private};
pub use shared_file::SharedFile;
pub use sync::sync_folder;
pub use version::Version;
