//! The errors of a look-up.

use crate::{Compatibility, ContractVersion, Effect, ErrorKind, PluginError, PluginKind, Version};

/// An error of looking up a plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No plugin of the kind has the id.
    #[error(
        "no {kind} plugin `{wanted}` is linked{}; list its crate in `plugins!`",
        nearest.map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default()
    )]
    NotFound {
        /// The kind that was requested.
        kind: PluginKind,
        /// The id or name that was requested.
        wanted: String,
        /// The id with the closest spelling.
        nearest: Option<&'static str>,
    },
    /// The id is that of a plugin of another kind.
    #[error("`{id}` is {}, and {} was asked for: give the id of one", noun(*found), noun(*wanted))]
    OtherKind {
        /// The id that was requested.
        id: &'static str,
        /// The kind that was requested.
        wanted: PluginKind,
        /// The kind of the plugin.
        found: PluginKind,
    },
    /// The plugin is linked, but only in other versions.
    #[error("no version of the {kind} plugin `{id}` satisfies {wanted}; linked are {}", list(available))]
    NoSuchVersion {
        /// The kind that was requested.
        kind: PluginKind,
        /// The id of the plugin.
        id: &'static str,
        /// The versions that were requested.
        wanted: Compatibility,
        /// The versions that are linked, lowest first.
        available: Vec<Version>,
    },
    /// Several plugins have that name; an id would distinguish them.
    ///
    /// See decision K2.
    #[error("several {kind} plugins are named `{name}`: select one by its id, {}", ids.join(" or "))]
    Ambiguous {
        /// The kind that was requested.
        kind: PluginKind,
        /// The name.
        name: String,
        /// The ids of the plugins.
        ids: Vec<&'static str>,
    },
    /// The plugin implements another version of the contract.
    ///
    /// See decision K3.
    #[error(
        "the {kind} plugin `{id}` implements version {found} of its contract, and {wanted} was asked for"
    )]
    OtherContract {
        /// The kind of the plugin.
        kind: PluginKind,
        /// The id of the plugin.
        id: &'static str,
        /// The version of the contract that the plugin implements.
        found: ContractVersion,
        /// The version that was requested.
        wanted: ContractVersion,
    },
}

/// Returns the kind as the end of a sentence.
const fn noun(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Secret => "a secret store",
        PluginKind::Certificate => "a certificate plugin",
        PluginKind::Credential => "a credential store",
        PluginKind::Issuer => "an issuer",
    }
}

fn list(versions: &[Version]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl PluginError for LookupError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::OtherKind { .. } => ErrorKind::NotFound,
            Self::Ambiguous { .. } => ErrorKind::Invalid,
            Self::NoSuchVersion { .. } | Self::OtherContract { .. } => ErrorKind::Incompatible,
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}
