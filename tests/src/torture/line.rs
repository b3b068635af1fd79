//! What a process that is going to be killed says, line by line.
//!
//! Each line is one write to a pipe, shorter than what a pipe takes as a whole: so it arrives
//! complete or not at all, and what arrived stays when the process is killed.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

/// The value of a cell: nothing, or something that carries this token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing is there.
    Absent,
    /// Something is there.
    Present {
        /// What tells it from everything else that is ever written.
        token: String,
        /// Its version, where there are versions.
        version: Option<u64>,
    },
}

impl State {
    /// Something without a version.
    pub fn of(token: impl Into<String>) -> Self {
        Self::Present { token: token.into(), version: None }
    }

    /// Something with a version.
    pub fn versioned(token: impl Into<String>, version: u64) -> Self {
        Self::Present { token: token.into(), version: Some(version) }
    }

    /// Its version, where it has one.
    pub fn version(&self) -> Option<u64> {
        match self {
            Self::Absent => None,
            Self::Present { version, .. } => *version,
        }
    }

    /// Whether both are absent, or carry the same token.
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
    /// A task is about to give a cell this state.
    Begun {
        /// Which task of the process. It has at most one operation under way.
        task: u32,
        /// Which cell: `store`, `store/secret` or another path.
        cell: String,
        /// What will be there.
        state: State,
    },
    /// What the task began is acknowledged: durable from here on.
    Acknowledged {
        /// Which task.
        task: u32,
    },
    /// What the task began was refused, and did not happen.
    Refused {
        /// Which task.
        task: u32,
    },
    /// What a check found at a cell.
    Observed {
        /// Which cell.
        cell: String,
        /// What is there.
        state: State,
    },
    /// An acknowledged write is not there.
    Lost(String),
    /// Something is there that cannot be read, or that nobody wrote.
    Corrupt(String),
    /// Something happened twice that was to happen once.
    Doubled(String),
    /// How far it is, for who waits for a moment; it changes nothing.
    Note(String),
    /// The check came to its end: what was not observed is absent.
    Complete,
}

/// A text that no process of ours said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a line of the torture protocol")]
pub struct NotALine;

impl Line {
    /// Whether it says that something is wrong.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Corrupt(_) | Self::Doubled(_))
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
            "note" => Self::Note(rest.to_owned()),
            "complete" => Self::Complete,
            _ => return Err(NotALine),
        })
    }
}

/// Says a line on the standard output, in one write.
///
/// # Panics
/// When nobody listens any more: then the process has no more purpose.
pub fn say(line: &Line) {
    let text = format!("{line}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).expect("somebody listens");
}

fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // What a pipe takes in one piece is 4096 bytes; line buffers are shorter.
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
