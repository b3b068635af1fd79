//! Intended effects: their ids, and how a host asks after a crash for the outcome of an effect.

use std::fmt;

/// The id of one intended effect.
///
/// The host stores the id before it calls the plugin, and sends the same id when it repeats the call for the same
/// effect. An idempotent plugin has only one effect for each id, however often the call is repeated (decision R2).
///
/// An id consists of 1 to 128 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId(String);

impl IntentId {
    /// The maximum length of an id, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Creates an id. Returns `None` if the text is not a valid id.
    pub fn new(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        let allowed = |byte: u8| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        // Checks every byte without an early exit, so that the compiler can check sixteen bytes at a time.
        let all = id.bytes().fold(true, |all, byte| all & allowed(byte));
        (all && (1..=Self::MAX_BYTES).contains(&id.len())).then_some(Self(id))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The question that a host asks after a crash: what is the outcome of an intended effect?
///
/// See decision R2.
///
/// `C` is the context of the contract's calls. `R` is the reference by which a plugin recognizes an object that it
/// made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reconciliation<C, R> {
    /// The context of the call, with its intent. Tokens and logins are missing, because hosts do not store them.
    pub context: C,
    /// The intended effect.
    pub effect: IntendedEffect<R>,
}

impl<C, R> Reconciliation<C, R> {
    /// Creates the question about an effect.
    pub const fn new(context: C, effect: IntendedEffect<R>) -> Self {
        Self { context, effect }
    }
}

/// An intended effect.
#[derive(Clone, Debug, PartialEq)]
pub enum IntendedEffect<R> {
    /// An object was to be made, for example issued or checked out.
    Request,
    /// The object with this reference was to be destroyed, for example revoked or checked in.
    Revoke(R),
}

/// The outcome of an intended effect.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reconciled<R> {
    /// Nothing happened, and nothing will happen: if a call with this intent is still on its way, the service will
    /// refuse it. Such a late call may come from a suspended process, or from a queue of the service. After this answer
    /// the host forgets the object that was to be made, so an object that is made later would be lost.
    ///
    /// A plugin whose service cannot refuse late calls answers with a temporary error until no call can be late any
    /// more.
    NothingHappened,
    /// The object was made, and has this reference. Its values cannot be recovered.
    Made(R),
    /// The object is destroyed.
    Destroyed,
    /// The plugin cannot tell what happened.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::IntentId;

    #[test]
    fn ids_are_short_and_plain() {
        for id in ["a", "0f8fad5b-d9cb-469f-a165-70867728950e", "A.b_c-9", &"x".repeat(IntentId::MAX_BYTES)] {
            assert_eq!(IntentId::new(id).unwrap().as_str(), id);
        }
        for id in ["", "a b", "\u{e9}", "a/b", "a\n", &"x".repeat(IntentId::MAX_BYTES + 1)] {
            assert!(IntentId::new(id).is_none(), "{id:?}");
        }
    }
}
