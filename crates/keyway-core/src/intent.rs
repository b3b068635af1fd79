//! Intended effects: their ids, and the question about the outcome of one, asked after a crash.

use std::fmt;

/// The id of one intended effect.
///
/// The host stores it before it asks the plugin, and sends the same id when it asks again for the
/// same effect. An idempotent plugin has one effect for it, however often it is asked (decision R2).
///
/// 1 to 128 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId(String);

impl IntentId {
    /// The longest id in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Creates an id, or returns `None` when the text is not one.
    pub fn new(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        let allowed = |byte: u8| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        // Checking every byte without an early exit lets the compiler take sixteen at a time.
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

/// The question about the outcome of an intended effect, asked after a crash.
///
/// See decision R2.
///
/// `C` is the context of the contract's calls, `R` the reference by which a plugin recognizes its
/// product.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reconciliation<C, R> {
    /// The context of the call, with its intent. Hosts do not store tokens and logins, so these are
    /// missing.
    pub context: C,
    /// The effect that was intended.
    pub effect: IntendedEffect<R>,
}

impl<C, R> Reconciliation<C, R> {
    /// Creates the question about this effect.
    pub const fn new(context: C, effect: IntendedEffect<R>) -> Self {
        Self { context, effect }
    }
}

/// An effect that was intended.
#[derive(Clone, Debug, PartialEq)]
pub enum IntendedEffect<R> {
    /// An object was to be made: issued, checked out.
    Request,
    /// The object with this reference was to be destroyed, for example revoked or checked in.
    Revoke(R),
}

/// The outcome of an intended effect.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reconciled<R> {
    /// Nothing happened, and a call with this intent that is still under way will have no effect: the service refuses
    /// it. Such a call may come from a process that was suspended, or wait in a queue of the service. A host that gets
    /// this answer forgets a product that was to be made, so what is made afterwards is lost.
    ///
    /// A plugin whose service cannot refuse it answers with an error that may pass, until no such call can exist.
    NothingHappened,
    /// The object was made, and has this reference. Its values are lost.
    Made(R),
    /// The object is destroyed.
    Destroyed,
    /// The plugin cannot tell.
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
