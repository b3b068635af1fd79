//! Defines the errors of looking up a plugin in the registry.

use crate::{Compatibility, ContractVersion, Effect, ErrorKind, PluginError, PluginKind, Version};

/// The error of a look-up that finds no usable plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No plugin of the requested kind has this id or name.
    #[error(
        "no {kind} plugin `{wanted}` is linked{}; list its crate in `plugins!`",
        nearest.map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default()
    )]
    NotFound {
        /// The requested kind.
        kind: PluginKind,
        /// The requested id or name.
        wanted: String,
        /// The id with the closest spelling, or `None` if no id is similar.
        nearest: Option<&'static str>,
    },
    /// The id belongs to a plugin of another kind.
    #[error("`{id}` is {}, and {} was asked for: give the id of one", noun(*found), noun(*wanted))]
    OtherKind {
        /// The requested id.
        id: &'static str,
        /// The requested kind.
        wanted: PluginKind,
        /// The kind of the plugin.
        found: PluginKind,
    },
    /// The plugin is linked, but none of its linked versions satisfies `wanted`.
    #[error("no version of the {kind} plugin `{id}` satisfies {wanted}; linked are {}", list(available))]
    NoSuchVersion {
        /// The requested kind.
        kind: PluginKind,
        /// The id of the plugin.
        id: &'static str,
        /// The requested versions.
        wanted: Compatibility,
        /// The versions that are linked, lowest first.
        available: Vec<Version>,
    },
    /// Several plugins have this name. Use an id to choose one of them.
    ///
    /// See decision K2.
    #[error("several {kind} plugins are named `{name}`: select one by its id, {}", ids.join(" or "))]
    Ambiguous {
        /// The requested kind.
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
        /// The requested version of the contract.
        wanted: ContractVersion,
    },
}

/// Returns the kind as a noun for the end of a sentence.
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
