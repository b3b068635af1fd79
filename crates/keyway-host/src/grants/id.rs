//! Identifies grants.

use std::fmt;
use std::str::FromStr;

use keyway_issuers::IntentId;

use crate::records::Address;

/// The id of a grant: 32 hexadecimal digits. The plugin gets it as the [`IntentId`] of the request
/// (decision R2), and users name it to revoke.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId([u8; 16]);

/// A text is not the id of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the id of a grant: it has 32 digits of 0-9 and a-f")]
pub struct InvalidGrantId;

impl GrantId {
    /// Returns the id of the grant at this address.
    pub(super) const fn of(address: Address) -> Self {
        Self(address.id)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the id under which the plugin knows this request.
    pub fn intent(&self) -> IntentId {
        self.intent_of("")
    }

    /// Returns the id under which the plugin knows the revocation of this grant; it never changes.
    pub(super) fn revocation(&self) -> IntentId {
        self.intent_of(".revoke")
    }

    fn intent_of(&self, suffix: &str) -> IntentId {
        let digits = self.digits();
        let digits = std::str::from_utf8(&digits).unwrap_or_default();
        IntentId::new([digits, suffix].concat())
            .unwrap_or_else(|| unreachable!("digits, dots and letters are allowed"))
    }

    fn digits(&self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(self.0) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        text
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
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
        let mut id = [0; 16];
        let digits = text.as_bytes();
        if digits.len() != 32 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(InvalidGrantId);
        }
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let value = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        Ok(Self(id))
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
