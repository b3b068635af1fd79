//! The texts of alternative names, without their kinds.

use std::borrow::Cow;

use crate::AlternativeName;

impl AlternativeName {
    /// Returns the name alone: a policy judges it, and a log finds it. A name of another kind is the name of its
    /// kind.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => text.into(),
            Self::Ip(address) => address.to_string().into(),
            Self::Other { kind, .. } => (*kind).into(),
        }
    }
}
