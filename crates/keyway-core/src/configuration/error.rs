//! The errors of reading a plugin's configuration.

use std::fmt;

use crate::{Effect, ErrorKind, PluginError};

/// An error in a plugin's configuration. It contains the place and the reason, but never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationError {
    pub(super) path: String,
    pub(super) problem: ConfigurationProblem,
}

/// A problem in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigurationProblem {
    /// A key that the plugin does not know.
    UnknownKey {
        /// The known key with the closest spelling, or `None` if no known key is similar.
        nearest: Option<&'static str>,
        /// All keys that the plugin knows in this place.
        known: &'static [&'static str],
    },
    /// A key that belongs to the settings of the store or service, not to the configuration.
    Setting {
        /// The key `settings`, if the configuration has one: the setting belongs inside this key.
        inside: Option<&'static str>,
    },
    /// A required key is missing.
    MissingKey,
    /// A value of a wrong type.
    WrongType {
        /// The type that the plugin expects, in words.
        expected: String,
        /// The type that was found, in words.
        found: &'static str,
    },
    /// A choice that the plugin does not offer.
    UnknownChoice {
        /// The choices that the plugin offers.
        known: &'static [&'static str],
    },
    /// A value of the right type that the plugin refuses.
    Refused {
        /// The reason that the plugin gave, or an empty text if the reason might repeat the value.
        reason: String,
    },
}

impl ConfigurationError {
    /// Returns the place of the problem, such as `database.hosts[2].port`. Empty if the problem concerns the whole
    /// configuration.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Changes the problem from [`UnknownKey`](ConfigurationProblem::UnknownKey) to
    /// [`Setting`](ConfigurationProblem::Setting) if the unknown key is one of `settings`: the key then belongs to the
    /// settings, not to the configuration. Otherwise returns the error unchanged.
    /// [`configuration_keys`](super::configuration_keys) lists the names of a settings structure.
    #[must_use]
    pub fn or_setting<'a>(mut self, settings: impl IntoIterator<Item = &'a str>) -> Self {
        if let ConfigurationProblem::UnknownKey { known, .. } = self.problem
            && settings.into_iter().any(|setting| setting == self.path)
        {
            let inside = known.iter().copied().find(|key| *key == "settings");
            self.problem = ConfigurationProblem::Setting { inside };
        }
        self
    }

    /// Returns the problem at the place that [`path`](Self::path) names.
    pub fn problem(&self) -> &ConfigurationProblem {
        &self.problem
    }
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the whole" } else { &self.path };
        match &self.problem {
            ConfigurationProblem::UnknownKey { nearest: Some(nearest), .. } => {
                write!(f, "configuration: unknown key `{path}`; did you mean `{nearest}`?")
            }
            ConfigurationProblem::UnknownKey { nearest: None, known } => {
                write!(f, "configuration: unknown key `{path}`; {}", Known(known, "key"))
            }
            ConfigurationProblem::Setting { inside: None } => {
                write!(
                    f,
                    "configuration: `{path}` is a setting, which `configure` changes: leave it out here"
                )
            }
            ConfigurationProblem::Setting { inside: Some(inside) } => write!(
                f,
                "configuration: `{path}` is a setting, which `configure` changes: for a new store, put it \
                 inside `{inside}`"
            ),
            ConfigurationProblem::MissingKey => write!(f, "configuration: the key `{path}` is missing"),
            ConfigurationProblem::WrongType { expected, found } => {
                write!(f, "configuration: `{path}` must be {expected}, but is {found}")
            }
            ConfigurationProblem::UnknownChoice { known } => {
                write!(f, "configuration: `{path}` is no choice of the plugin's; {}", Known(known, "choice"))
            }
            ConfigurationProblem::Refused { reason } if reason.is_empty() => {
                write!(f, "configuration: the plugin does not accept the value of `{path}`")
            }
            ConfigurationProblem::Refused { reason } => {
                write!(f, "configuration: the plugin does not accept the value of `{path}`: {reason}")
            }
        }
    }
}

/// Shows a list such as "known are `a`, `b`".
struct Known(&'static [&'static str], &'static str);

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(known, what) = self;
        if known.is_empty() {
            return write!(f, "there is no {what} here");
        }
        f.write_str("known are ")?;
        for (index, name) in known.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}`{name}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigurationError {}

impl PluginError for ConfigurationError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}
