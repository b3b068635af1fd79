//! The error for a configuration text of the upstream system.

use crate::{UnknownTrigger, VaultLoginError};

/// The error for a configuration text of the upstream system. It shows names of sections and options, but no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpsConfigurationError {
    /// The text is too long.
    #[error("the configuration is too long: at most {most} bytes are allowed")]
    TooLong {
        /// The allowed number of bytes.
        most: usize,
    },
    /// A line breaks the format.
    #[error("line {line} of the configuration: {rule}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// The rule that the line breaks.
        rule: &'static str,
    },
    /// A value has a percent sign that is not doubled.
    #[error(
        "{option} in [{section}] has a single percent sign: write %% for a percent sign, and a value instead of a \
         reference such as %(name)s"
    )]
    Percent {
        /// The section.
        section: String,
        /// The option.
        option: String,
    },
    /// A value is `$`: the real value is in the local credential store of the upstream system.
    #[error(
        "{option} in [{section}] is \"$\", which stands for a value of the upstream system's own credential store: \
         write the value, or $$ for a dollar sign"
    )]
    StoreReference {
        /// The section.
        section: String,
        /// The option.
        option: String,
    },
    /// The trigger of check-ins is wrong.
    #[error("{option} in [check-in-trigger]: {source}")]
    Trigger {
        /// The option.
        option: String,
        /// The reason.
        source: UnknownTrigger,
    },
    /// The login to the vault is wrong.
    #[error("[{section}]: {source}")]
    Login {
        /// The section.
        section: String,
        /// The reason.
        source: VaultLoginError,
    },
}
