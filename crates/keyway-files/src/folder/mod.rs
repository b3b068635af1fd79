//! Access to the files of a folder by their names.

#[cfg(not(unix))]
mod elsewhere;
mod make;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(crate) use elsewhere::Folder;
pub use make::make_folder;
#[cfg(unix)]
pub(crate) use unix::Folder;

/// The purpose for which a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Lock,
}
