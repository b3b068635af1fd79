//! One file: read whole, replaced as a whole, and locked between processes.

mod lock;
mod owner;
mod paths;
mod replace;

pub(crate) use lock::FileLock;
pub(crate) use paths::Paths;
pub(crate) use replace::{make_directory, read, remove, replace};
