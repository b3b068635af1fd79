//! Defines the kinds of plugins, one for each contract.

use std::fmt;

/// The kind of a plugin, which says which of the four contracts it implements (Convection seed, `plugin.type` of the
/// metadata).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginKind {
    /// A secret store.
    Secret,
    /// A certificate plugin.
    Certificate,
    /// A credential store.
    Credential,
    /// An issuer: a request/revoke plugin.
    Issuer,
}

impl PluginKind {
    /// All kinds, in order.
    pub const ALL: [Self; 4] = [Self::Secret, Self::Certificate, Self::Credential, Self::Issuer];

    /// Returns the name in metadata: `Secret`, `Certificate`, `Credential` or `Issuer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::Certificate => "Certificate",
            Self::Credential => "Credential",
            Self::Issuer => "Issuer",
        }
    }

    /// Returns the kind with this name, or `None` if the name is unknown. The name is case-sensitive.
    ///
    /// See decision C3.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for PluginKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for PluginKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            serde::de::Error::custom(
                "not a kind of plugin: expected Secret, Certificate, Credential or Issuer",
            )
        })
    }
}
