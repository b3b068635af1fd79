//! Defines the stamp of the plugin that wrote data, and checks whether another plugin may read the data.
//!
//! See decision C4.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PluginKind, PluginMetadata};
use crate::{Compatibility, Effect, ErrorKind, PluginError, Version};

/// The stamp that is stored with data, and names the plugin that wrote the data last.
///
/// Its JSON is `{"name": "Generic", "type": "Secret", "version": "1.0.0"}` (Convection seed, "compatibility"; decision
/// C4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenBy {
    /// The metadata's `plugin.name`.
    #[serde(rename = "name")]
    pub plugin_name: String,
    /// The metadata's `plugin.type`.
    #[serde(rename = "type")]
    pub kind: PluginKind,
    /// The metadata's `version`, which is the version of the data format.
    pub version: Version,
}

impl fmt::Display for WrittenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({}) {}", self.plugin_name, self.kind, self.version)
    }
}

impl PluginMetadata {
    /// Returns the stamp of this plugin, to be stored with its data.
    pub fn written_by(&self) -> WrittenBy {
        WrittenBy { plugin_name: self.name().to_owned(), kind: self.kind(), version: self.version().clone() }
    }

    /// Checks that this plugin may read data with the stamp `written`.
    ///
    /// The name and the type must be the same, and the version in the stamp must satisfy this plugin's compatibility
    /// string.
    ///
    /// See decision C4.
    ///
    /// # Errors
    /// [`IncompatibleData`] names the writer and this plugin.
    pub fn check(&self, written: &WrittenBy) -> Result<(), IncompatibleData> {
        let reason = if self.kind() != written.kind {
            IncompatibleReason::OtherKind
        } else if self.name() != written.plugin_name {
            IncompatibleReason::OtherName
        } else if !self.compatibility().matches(&written.version) {
            IncompatibleReason::Version
        } else {
            return Ok(());
        };
        Err(IncompatibleData(Box::new(Sides {
            reason,
            running: self.written_by(),
            compatibility: self.compatibility().clone(),
            written: written.clone(),
        })))
    }
}

/// The error for data that the running plugin must not read because of the name, type or version of its writer.
///
/// The data was not changed (decision C4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncompatibleData(Box<Sides>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sides {
    reason: IncompatibleReason,
    running: WrittenBy,
    compatibility: Compatibility,
    written: WrittenBy,
}

/// The reason why data is incompatible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncompatibleReason {
    /// The data belongs to another kind of plugin.
    OtherKind,
    /// The data belongs to a plugin with another name.
    OtherName,
    /// The version of the data does not satisfy the running plugin's compatibility string.
    Version,
}

impl IncompatibleData {
    /// Returns the reason.
    pub fn reason(&self) -> IncompatibleReason {
        self.0.reason
    }

    /// Returns the stamp of the running plugin, which refused to read the data.
    pub fn running(&self) -> &WrittenBy {
        &self.0.running
    }

    /// Returns the versions of data that the running plugin reads.
    pub fn compatibility(&self) -> &Compatibility {
        &self.0.compatibility
    }

    /// Returns the stamp of the plugin that wrote the data.
    pub fn written(&self) -> &WrittenBy {
        &self.0.written
    }
}

impl fmt::Display for IncompatibleData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sides { reason, running, compatibility, written } = &*self.0;
        write!(f, "the data was written by {written}, ")?;
        match reason {
            IncompatibleReason::Version => write!(
                f,
                "but the running plugin {running} reads only {compatibility}: open it with a version of the \
                 plugin that reads both, or export and import it"
            ),
            IncompatibleReason::OtherKind | IncompatibleReason::OtherName => {
                write!(f, "not by the running plugin {running}: open it with the plugin that wrote it")
            }
        }
    }
}

impl std::error::Error for IncompatibleData {}

impl PluginError for IncompatibleData {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Incompatible
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}
