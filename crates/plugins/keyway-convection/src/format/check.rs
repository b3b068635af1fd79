//! Checks whether a store file can hold a value.

use keyway_core::{Structured, Table};
use keyway_toml::is_date_time;

use super::{MAX_DEPTH, MAX_INTEGER_DIGITS};

/// The reason why a value cannot be written into a store file. It never holds the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unstorable {
    /// The value is nested too deeply.
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The value holds an integer that is too long.
    #[error("it holds an integer of more than {MAX_INTEGER_DIGITS} digits")]
    IntegerTooLong,
    /// The value holds a date or time that is invalid, or that some reader of the file would refuse.
    #[error(
        "it holds a date or time that is not one of TOML 1.0: the year must be 1 or later, seconds must be there and below 60"
    )]
    DateTime,
    /// An unknown section or entry that must be kept has the name of a known one.
    #[error("an unknown section or entry has the name of a known one")]
    NameTaken,
}

/// Checks that a store file can hold `value`, and that every reader of the file gets the same value.
///
/// # Errors
/// [`Unstorable`] gives the reason.
pub fn check_value(value: &Structured) -> Result<(), Unstorable> {
    check_at(value, 1)
}

/// Checks all values of a table, as [`check_value`] does.
pub(crate) fn check_table(table: &Table) -> Result<(), Unstorable> {
    table.iter().try_for_each(|(_, value)| check_at(value, 1))
}

fn check_at(value: &Structured, depth: usize) -> Result<(), Unstorable> {
    if depth > MAX_DEPTH {
        return Err(Unstorable::TooDeep);
    }
    match value {
        Structured::Text(_) | Structured::Float(_) | Structured::Boolean(_) => Ok(()),
        Structured::Integer(integer) => {
            let digits = integer.decimal().trim_start_matches('-').len();
            if digits <= MAX_INTEGER_DIGITS { Ok(()) } else { Err(Unstorable::IntegerTooLong) }
        }
        Structured::DateTime(text) => {
            if is_date_time(text) {
                Ok(())
            } else {
                Err(Unstorable::DateTime)
            }
        }
        Structured::Array(items) => items.iter().try_for_each(|item| check_at(item, depth + 1)),
        Structured::Table(table) => table.iter().try_for_each(|(_, value)| check_at(value, depth + 1)),
    }
}
