//! The text inside a store file: reads and writes its TOML without loss.
//!
//! The module has two pure functions, [`parse()`] and [`print()`]. `parse` reads the output of `print` back unchanged.
//! Python's TOML readers read the output with the same types.
//!
//! ```text
//! [metadata]               version, compatibility, author, updated: the last writer
//! [metadata.plugin]        name, type, description
//! [config]                 the store's settings
//! [store]                  one entry for each secret
//! [stats]                  reads, writes
//! ```

mod check;
mod error;
mod integer;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub(crate) use check::check_table;
pub use check::{Unstorable, check_value};
pub use error::{Problem, UnreadableText};
pub use parse::parse;
pub use print::print;
pub(crate) use print::{print_of, printed_len, value_len};

/// The maximum nesting depth of a value that is read or written. The limit prevents a hostile file from overflowing the
/// stack of any reader.
pub const MAX_DEPTH: usize = 64;

/// The maximum number of decimal digits of an integer that is read or written. With a longer integer, a Python reader
/// with default settings could not open the file.
pub const MAX_INTEGER_DIGITS: usize = 4300;

const METADATA: &str = "metadata";
const CONFIG: &str = "config";
const STORE: &str = "store";
const STATS: &str = "stats";
