//! Makes a file in memory, which a program gets as its standard input.

use std::fs::{File, Permissions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use rustix::fs::{MemfdFlags, memfd_create};

/// Makes a file that has no name and is gone when it is closed everywhere. Only the user of this process may open it:
/// `ssh` accepts no other file for a key.
pub(super) fn memory_file(content: &[u8]) -> io::Result<File> {
    let make = |flags| memfd_create("keyway-input", flags | MemfdFlags::CLOEXEC);
    // Linux before 6.3 does not know the flag. Later versions may be configured to demand it.
    let mut file = File::from(make(MemfdFlags::NOEXEC_SEAL).or_else(|_| make(MemfdFlags::empty()))?);
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}
