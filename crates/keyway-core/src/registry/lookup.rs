//! Why a plugin was not found.

use crate::{Compatibility, ContractVersion, Effect, ErrorKind, PluginError, PluginKind, Version};

/// Why the registry has no such plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No plugin of the kind has the id.
    #[error(
        "no {kind} plugin `{wanted}` is linked{}; list its crate in `plugins!`",
        nearest.map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default()
    )]
    NotFound {
        /// The kind that was looked for.
        kind: PluginKind,
        /// The id or name that was looked for.
        wanted: String,
        /// The id that is spelled most alike.
        nearest: Option<&'static str>,
    },
    /// The plugin is there, in other versions.
    #[error("no version of the {kind} plugin `{id}` satisfies {wanted}; linked are {}", list(available))]
    NoSuchVersion {
        /// The kind that was looked for.
        kind: PluginKind,
        /// The id of the plugin.
        id: &'static str,
        /// The versions that were looked for.
        wanted: Compatibility,
        /// The versions that are linked, lowest first.
        available: Vec<Version>,
    },
    /// Several plugins have that name; an id would tell them apart (decision K2).
    #[error("several {kind} plugins are named `{name}`: select one by its id, {}", ids.join(" or "))]
    Ambiguous {
        /// The kind that was looked for.
        kind: PluginKind,
        /// The name.
        name: String,
        /// The ids of the plugins.
        ids: Vec<&'static str>,
    },
    /// The plugin implements another version of the contract (decision K3).
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
        /// The version that was asked for.
        wanted: ContractVersion,
    },
}

fn list(versions: &[Version]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl PluginError for LookupError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Ambiguous { .. } => ErrorKind::Invalid,
            Self::NoSuchVersion { .. } | Self::OtherContract { .. } => ErrorKind::Incompatible,
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}
