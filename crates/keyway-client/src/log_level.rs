//! The level of the variable `LOCKER_LOG`.

use std::fmt;
use std::str::FromStr;

/// The level of detail at which a program logs (Locker seed, "Logging").
///
/// Libraries only emit `tracing` events; a program reads the variable and sets the level when it
/// creates its subscriber (decision L8).
///
/// ```
/// use keyway_client::LogLevel;
///
/// assert_eq!("info".parse(), Ok(LogLevel::Info));
/// assert_eq!(LogLevel::Warning.as_tracing(), tracing::Level::WARN);
/// assert!("loud".parse::<LogLevel>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// All messages.
    Debug,
    /// The usual messages in production.
    Info,
    /// Messages that need attention.
    Warning,
    /// Failures only.
    #[default]
    Error,
}

impl LogLevel {
    /// The variable of the environment.
    pub const VARIABLE: &'static str = "LOCKER_LOG";

    /// Returns the level that an environment sets, or the default level if the variable is missing or blank.
    ///
    /// # Errors
    /// [`UnknownLogLevel`] for any other text.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, UnknownLogLevel> {
        match lookup(Self::VARIABLE) {
            Some(text) if !text.trim().is_empty() => text.parse(),
            _ => Ok(Self::default()),
        }
    }

    /// Returns the equivalent level of `tracing`.
    pub const fn as_tracing(self) -> tracing::Level {
        match self {
            Self::Debug => tracing::Level::DEBUG,
            Self::Info => tracing::Level::INFO,
            Self::Warning => tracing::Level::WARN,
            Self::Error => tracing::Level::ERROR,
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    /// Parses a level in any case, with white space around it.
    fn from_str(text: &str) -> Result<Self, UnknownLogLevel> {
        let levels = [Self::Debug, Self::Info, Self::Warning, Self::Error];
        let wanted = text.trim();
        levels.into_iter().find(|level| level.to_string().eq_ignore_ascii_case(wanted)).ok_or(UnknownLogLevel)
    }
}

/// The text is not one of the four levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log level is none of debug, info, warning and error: set LOCKER_LOG to one of them")]
pub struct UnknownLogLevel;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_read_as_it_is_shown() {
        for level in [LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error] {
            assert_eq!(level.to_string().parse(), Ok(level));
            assert_eq!(format!(" {}\n", level.to_string().to_uppercase()).parse(), Ok(level));
        }
    }

    #[test]
    fn an_environment_without_it_says_the_default() {
        let level = |text: Option<&'static str>| {
            LogLevel::from_environment(move |name| {
                assert_eq!(name, "LOCKER_LOG");
                text.map(str::to_owned)
            })
        };
        assert_eq!(level(None), Ok(LogLevel::Error));
        assert_eq!(level(Some("")), Ok(LogLevel::Error));
        assert_eq!(level(Some("debug")), Ok(LogLevel::Debug));
        assert_eq!(level(Some("verbose")), Err(UnknownLogLevel));
    }
}
