//! The names of requests in the ledger.

use std::fmt;
use std::str::FromStr;

/// A request: `service/user/name`.
///
/// A second cell, `service/user/name/values`, is present if a host got the values of the credential.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) service: String,
    pub(super) user: u32,
    pub(super) author: Author,
    /// True if the caller chose the id of the request.
    pub(super) has_id: bool,
    /// The part of the name that only this author uses.
    pub(super) number: String,
}

/// The author of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Author {
    /// A task of a host. It is the same author in each run of the host.
    Task { slot: u32, task: u32 },
    /// All hosts together.
    All,
    /// The process that checks.
    Check,
}

impl Cell {
    /// Returns the name of the request, which is also the caller's id for it.
    pub(super) fn name(&self) -> String {
        let with_id = if self.has_id { "i" } else { "x" };
        match self.author {
            Author::Task { slot, task } => format!("{with_id}.{slot}.{task}.{}", self.number),
            Author::All => format!("{with_id}.all.{}", self.number),
            Author::Check => format!("{with_id}.check.{}", self.number),
        }
    }

    /// Returns the cell of the values.
    pub(super) fn values(&self) -> String {
        format!("{self}/values")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.service, self.user, self.name())
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let [service, user, name] = text.split('/').collect::<Vec<_>>().try_into().ok()?;
            let (with_id, rest) = name.split_once('.')?;
            let (author, number) = if let Some(number) = rest.strip_prefix("all.") {
                (Author::All, number)
            } else if let Some(number) = rest.strip_prefix("check.") {
                (Author::Check, number)
            } else {
                let (slot, rest) = rest.split_once('.')?;
                let (task, number) = rest.split_once('.')?;
                (Author::Task { slot: slot.parse().ok()?, task: task.parse().ok()? }, number)
            };
            let (service, number) = (service.to_owned(), number.to_owned());
            Some(Self { service, user: user.parse().ok()?, author, has_id: with_id == "i", number })
        };
        parse().ok_or_else(|| format!("{text:?} is not a request of the torture"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Author, Cell};

    #[test]
    fn cells_come_back() {
        for author in [Author::Task { slot: 2, task: 13 }, Author::All, Author::Check] {
            for has_id in [true, false] {
                let (service, number) = ("tells".to_owned(), "3.0.17".to_owned());
                let cell = Cell { service, user: 1, author, has_id, number };
                assert_eq!(cell.to_string().parse(), Ok(cell));
            }
        }
        assert!("tells/1".parse::<Cell>().is_err());
        assert!("tells/1/i.0.x.3".parse::<Cell>().is_err());
    }
}
