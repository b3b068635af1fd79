//! The lines that a process prints before it is killed.
//!
//! Each line is one write to a pipe, short enough to be atomic. So it arrives complete or not at all, and remains
//! readable when the process is killed.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

/// The value of a cell: absent, or present with this token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The cell is absent.
    Absent,
    /// The cell is present.
    Present {
        /// The token, which distinguishes this write from all others.
        token: String,
        /// The version, if the cell has versions.
        version: Option<u64>,
    },
}

impl State {
    /// Creates a state without a version.
    pub fn of(token: impl Into<String>) -> Self {
        Self::Present { token: token.into(), version: None }
    }

    /// Creates a state with a version.
    pub fn versioned(token: impl Into<String>, version: u64) -> Self {
        Self::Present { token: token.into(), version: Some(version) }
    }

    /// Returns the version, if there is one.
    pub fn version(&self) -> Option<u64> {
        match self {
            Self::Absent => None,
            Self::Present { version, .. } => *version,
        }
    }

    /// Tells whether both states are absent, or have the same token.
    pub fn is_same_value(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => true,
            (Self::Present { token: one, .. }, Self::Present { token: other, .. }) => one == other,
            _ => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("-"),
            Self::Present { token, version: None } => f.write_str(token),
            Self::Present { token, version: Some(version) } => write!(f, "{token}@{version}"),
        }
    }
}

impl FromStr for State {
    type Err = NotALine;

    fn from_str(text: &str) -> Result<Self, NotALine> {
        match text.split_once('@') {
            _ if text == "-" => Ok(Self::Absent),
            _ if text.is_empty() => Err(NotALine),
            None => Ok(Self::of(text)),
            Some((token, version)) => Ok(Self::versioned(token, version.parse().map_err(|_| NotALine)?)),
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A task is about to write this state to a cell.
    Begun {
        /// The task of the process. It has at most one operation in progress.
        task: u32,
        /// The cell: `store`, `store/secret` or another path.
        cell: String,
        /// The new state.
        state: State,
    },
    /// The task's operation is acknowledged, and durable from now on.
    Acknowledged {
        /// The task.
        task: u32,
    },
    /// The task's operation was refused, and did not happen.
    Refused {
        /// The task.
        task: u32,
    },
    /// The state of a cell that a check found.
    Observed {
        /// The cell.
        cell: String,
        /// The state.
        state: State,
    },
    /// An acknowledged write is missing.
    Lost(String),
    /// A value cannot be read, or was never written.
    Corrupt(String),
    /// An effect that should happen once happened twice.
    Doubled(String),
    /// A target does not accept the key that the store has for it.
    LockedOut(String),
    /// A mark of progress, for a parent that waits for it. It does not change the state.
    Note(String),
    /// The check is complete: cells that were not observed are absent.
    Complete,
}

/// The error for a text that is not a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a line of the torture protocol")]
pub struct NotALine;

impl Line {
    /// Tells whether the line reports a fault.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Corrupt(_) | Self::Doubled(_) | Self::LockedOut(_))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun { task, cell, state } => write!(f, "begun {task} {cell} {state}"),
            Self::Acknowledged { task } => write!(f, "acknowledged {task}"),
            Self::Refused { task } => write!(f, "refused {task}"),
            Self::Observed { cell, state } => write!(f, "observed {cell} {state}"),
            Self::Lost(what) => write!(f, "lost {}", one_line(what)),
            Self::Corrupt(what) => write!(f, "corrupt {}", one_line(what)),
            Self::Doubled(what) => write!(f, "doubled {}", one_line(what)),
            Self::LockedOut(what) => write!(f, "locked-out {}", one_line(what)),
            Self::Note(what) => write!(f, "note {}", one_line(what)),
            Self::Complete => f.write_str("complete"),
        }
    }
}

impl FromStr for Line {
    type Err = NotALine;

    fn from_str(text: &str) -> Result<Self, NotALine> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let task = |text: &str| text.parse().map_err(|_| NotALine);
        Ok(match kind {
            "begun" => {
                let (number, rest) = rest.split_once(' ').ok_or(NotALine)?;
                let (cell, state) = rest.split_once(' ').ok_or(NotALine)?;
                Self::Begun { task: task(number)?, cell: cell.to_owned(), state: state.parse()? }
            }
            "acknowledged" => Self::Acknowledged { task: task(rest)? },
            "refused" => Self::Refused { task: task(rest)? },
            "observed" => {
                let (cell, state) = rest.split_once(' ').ok_or(NotALine)?;
                Self::Observed { cell: cell.to_owned(), state: state.parse()? }
            }
            "lost" => Self::Lost(rest.to_owned()),
            "corrupt" => Self::Corrupt(rest.to_owned()),
            "doubled" => Self::Doubled(rest.to_owned()),
            "locked-out" => Self::LockedOut(rest.to_owned()),
            "note" => Self::Note(rest.to_owned()),
            "complete" => Self::Complete,
            _ => return Err(NotALine),
        })
    }
}

/// Prints a line to standard output, in one write.
///
/// # Panics
/// When the pipe is closed, because then no parent reads the lines.
pub fn say(line: &Line) {
    let text = format!("{line}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).expect("the parent reads the pipe");
}

fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A pipe takes 4096 bytes atomically, but the line buffer of the standard output is smaller.
    while line.len() > 800 {
        line.pop();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Line, State};

    #[test]
    fn lines_come_back() {
        for line in [
            Line::Begun { task: 3, cell: "s/a".into(), state: State::Absent },
            Line::Begun { task: 0, cell: "s".into(), state: State::versioned("t1", 9) },
            Line::Acknowledged { task: 3 },
            Line::Refused { task: 4 },
            Line::Observed { cell: "s/a".into(), state: State::of("t") },
            Line::Lost("a value".into()),
            Line::Corrupt("half a file".into()),
            Line::Doubled("a credential".into()),
            Line::LockedOut("an account".into()),
            Line::Note("made a/b".into()),
            Line::Complete,
        ] {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "begun", "begun x a -", "begun 1 a", "acknowledged", "observed a", "cut o", "begun 1 a t@x"]
        {
            assert!(text.parse::<Line>().is_err(), "{text}");
        }
    }
}
