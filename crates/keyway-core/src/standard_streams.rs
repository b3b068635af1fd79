//! Standard input and output of a program, without buffers that are never wiped.

use std::io::{self, Write as _};

use crate::Wiped;

/// Reads standard input to its end, or until `most` bytes are read, as [`Wiped::read_to_end`] does. Blocks until then.
///
/// On Unix, it bypasses [`io::stdin`], whose buffer stays unwiped until the process ends. Bytes that it already
/// holds are not returned, so the program must read its input with this function alone.
///
/// # Errors
/// The system's. The bytes that were read are wiped.
pub fn read_standard_input(most: usize) -> io::Result<Wiped<Vec<u8>>> {
    #[cfg(unix)]
    let source = {
        use std::os::fd::AsFd as _;
        std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?)
    };
    #[cfg(not(unix))]
    let source = io::stdin().lock();
    Wiped::read_to_end(source, most)
}

/// Writes to standard output. On Unix, it bypasses the buffer of [`io::stdout`], for the same reason as
/// [`read_standard_input`]. Blocks until the reader has taken the bytes.
///
/// # Errors
/// The system's. A part may be written then.
pub fn write_standard_output(bytes: &[u8]) -> io::Result<()> {
    #[cfg(unix)]
    let mut target = {
        use std::os::fd::AsFd as _;
        std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?)
    };
    #[cfg(not(unix))]
    let mut target = io::stdout().lock();
    target.write_all(bytes)?;
    target.flush()
}
