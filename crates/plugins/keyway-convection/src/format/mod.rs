//! Reads and writes the text inside a store file: TOML, without loss.
//!
//! It consists of two pure functions, [`parse()`] and [`print()`]. `parse` reads the output of
//! `print` back unchanged, and Python's TOML readers read it with the same types.
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
mod escapes;
mod integer;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use check::{Unstorable, check_value};
pub(crate) use check::{check_table, text_bytes};
pub use error::{Problem, UnreadableText};
pub use parse::parse;
pub use print::print;

/// Values nested deeper than this are neither read nor written. The limit keeps hostile files from
/// overflowing the stack of any reader.
pub const MAX_DEPTH: usize = 64;

/// Integers with more decimal digits are neither read nor written, since a Python reader with
/// default settings could not open the file any more.
pub const MAX_INTEGER_DIGITS: usize = 4300;

const METADATA: &str = "metadata";
const CONFIG: &str = "config";
const STORE: &str = "store";
const STATS: &str = "stats";
