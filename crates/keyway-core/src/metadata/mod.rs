//! Defines the metadata of a plugin: the plugin's description of itself.

mod date;
mod document;
mod error;
mod kind;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod written_by;

use std::borrow::Cow;
use std::fmt;

pub use date::Date;
pub use error::{MetadataError, MetadataField};
pub use kind::PluginKind;
pub use written_by::{IncompatibleData, IncompatibleReason, WrittenBy};

use crate::compatibility::Clause;
use crate::compile_time::Message;
use crate::{Compatibility, Version};

/// A plugin's description of itself (Convection seed, "Metadata").
///
/// See decision C3.
///
/// `register!` creates the metadata at compile time; [`from_json`](Self::from_json) reads metadata from a document.
/// Every value of this type is valid: the date exists, and the version satisfies the plugin's own compatibility string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginMetadata {
    version: Version,
    author: Cow<'static, str>,
    updated: Date,
    compatibility: Compatibility,
    name: Cow<'static, str>,
    kind: PluginKind,
    description: Cow<'static, str>,
}

impl PluginMetadata {
    /// Returns the version of the plugin's data format.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Returns the plugin's name for people, such as "Generic".
    ///
    /// To look up a plugin, use its registry id instead (decision K2).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the kind of the plugin, which says which contract it implements.
    pub const fn kind(&self) -> PluginKind {
        self.kind
    }

    /// Returns the author, as `Name <address>`.
    pub fn author(&self) -> &str {
        &self.author
    }

    /// Returns the day of the last update.
    pub const fn updated(&self) -> Date {
        self.updated
    }

    /// Returns the compatibility string: the versions of data that the plugin reads.
    pub fn compatibility(&self) -> &Compatibility {
        &self.compatibility
    }

    /// Returns the description of the plugin's purpose.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl fmt::Display for PluginMetadata {
    /// Writes name, version and kind in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.name, self.version, self.kind)
    }
}

/// The metadata as a plugin declares it in `register!`, not checked yet.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    pub id: &'static str,
    pub name: &'static str,
    pub version: &'static str,
    pub author: &'static str,
    pub updated: u32,
    pub compatibility: &'static str,
    pub description: &'static str,
}

impl Declared {
    /// Makes the checks of [`PluginMetadata::from_json`] at compile time.
    ///
    /// # Panics
    /// If a check fails. This is a compile error with a message for the plugin's author.
    #[track_caller]
    pub(crate) const fn metadata(self, kind: PluginKind, clauses: &'static [Clause]) -> PluginMetadata {
        if !text::is_id(self.id) {
            refuse(&Message::new("id ").quote(self.id).text(" must be ").text(text::ID));
        }
        if !text::is_name(self.name) {
            refuse(&Message::new("name ").quote(self.name).text(" must be ").text(text::NAME));
        }
        if !text::is_author(self.author) {
            refuse(&Message::new("author ").quote(self.author).text(" must be ").text(text::AUTHOR));
        }
        if self.description.is_empty() {
            refuse(&Message::new("plugin ").quote(self.id).text(
                " has no description: give one here, or set `description` in the package's Cargo.toml",
            ));
        }
        let Some(updated) = Date::from_number(self.updated) else {
            refuse(
                &Message::new("updated ")
                    .number(self.updated as u64)
                    .text(" must be a real date as the number YYYYMMDD"),
            )
        };
        let version = Version::from_static(self.version);
        // Parsing also accepts shorter versions (decision C1), but the seed demands that a plugin writes
        // Major.Minor.Patch.
        if version.parts().components < 3 {
            refuse(
                &Message::new("version ")
                    .quote(self.version)
                    .text(" must have three numbers: Major.Minor.Patch"),
            );
        }
        let compatibility = Compatibility::from_static(self.compatibility, clauses);
        // This check also refuses a string that no version satisfies.
        if !compatibility.matches(&version) {
            refuse(
                &Message::new("version ")
                    .quote(self.version)
                    .text(" is outside the plugin's own compatibility ")
                    .quote(self.compatibility)
                    .text(": it could not read what it writes"),
            );
        }
        PluginMetadata {
            version,
            author: Cow::Borrowed(self.author),
            updated,
            compatibility,
            name: Cow::Borrowed(self.name),
            kind,
            description: Cow::Borrowed(self.description),
        }
    }
}

#[track_caller]
const fn refuse(message: &Message) -> ! {
    panic!("{}", message.as_str())
}
