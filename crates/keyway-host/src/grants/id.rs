//! The ids of grants.

use std::fmt;
use std::str::FromStr;

use keyway_issuers::IntentId;

use crate::records::{Address, NameTag, id_text, read_id};

/// The id of a grant: 32 hexadecimal digits. The plugin gets it as the [`IntentId`] of the request (decision R2), and
/// users revoke the grant by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId([u8; 16]);

/// The error for a text that is not the id of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the id of a grant: it has 32 digits of 0-9 and a-f")]
pub struct InvalidGrantId;

impl GrantId {
    /// Returns the id of the grant at this address.
    pub(super) const fn of(address: Address) -> Self {
        Self(address.id)
    }

    /// Returns the id of the grant whose record has this id.
    pub(super) const fn of_id(id: NameTag) -> Self {
        Self(id)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the id by which the plugin knows this request.
    pub fn intent(&self) -> IntentId {
        self.intent_of("")
    }

    /// Returns the id by which the plugin knows the revocation of this grant. It never changes.
    pub(super) fn revocation(&self) -> IntentId {
        self.intent_of(".revoke")
    }

    fn intent_of(&self, suffix: &str) -> IntentId {
        let intent = IntentId::new(format!("{self}{suffix}"));
        intent.unwrap_or_else(|| unreachable!("digits, dots and letters are allowed"))
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&id_text(&self.0))
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantId({self})")
    }
}

impl FromStr for GrantId {
    type Err = InvalidGrantId;

    fn from_str(text: &str) -> Result<Self, InvalidGrantId> {
        read_id(text).map(Self).ok_or(InvalidGrantId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_come_back(id: [u8; 16]) {
            let id = GrantId(id);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let intent = id.intent();
            prop_assert_eq!(intent.as_str(), id.to_string());
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "0123", &"G".repeat(32), &"A".repeat(32), &"\u{e4}".repeat(16)] {
            assert_eq!(text.parse::<GrantId>(), Err(InvalidGrantId), "{text}");
        }
    }
}
