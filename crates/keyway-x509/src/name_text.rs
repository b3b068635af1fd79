//! The texts of alternative names, without their kinds.

use std::borrow::Cow;

use crate::AlternativeName;

impl AlternativeName {
    /// Returns the name without its kind, so that a policy can judge it and a log can be searched for it. For a name of
    /// the kind `Other`, it returns the label of the kind.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => text.into(),
            Self::Ip(address) => address.to_string().into(),
            Self::Other { kind, .. } => (*kind).into(),
        }
    }
}
