//! Defines the range of keys that a scan visits.

use std::fmt;

/// A half-open range of keys: it includes its start and excludes its end.
///
/// Keys are compared byte by byte, and a key sorts before every longer key that begins with it.
///
/// ```
/// use keyway_storage::KeyRange;
///
/// let orders = KeyRange::prefix("order/");
/// assert!(orders.contains(b"order/17"));
/// assert!(!orders.contains(b"orders"));
/// assert!(KeyRange::between("a", "c").contains(b"bb"));
/// assert!(KeyRange::starting_at("x").contains(b"xyz"));
/// assert!(KeyRange::all().contains(b"anything"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// Creates the range of every key.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: None }
    }

    /// Creates the range of the keys that begin with `prefix`. An empty prefix gives the range of every key.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let start = prefix.into();
        // The first key after all keys with the prefix: the last byte below 0xff grows by one, and the bytes after it
        // are dropped. If all bytes of the prefix are 0xff, there is no such key.
        let end = start.iter().rposition(|&byte| byte != u8::MAX).map(|last| {
            let mut end = start[..=last].to_vec();
            end[last] += 1;
            end
        });
        Self { start, end }
    }

    /// Creates the range of the keys from `start` on.
    pub fn starting_at(start: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: None }
    }

    /// Creates the range of the keys from `start` on and before `end`. It is empty if `end` is not after `start`.
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: Some(end.into()) }
    }

    /// Returns the first key that may be in the range.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// Returns the first key after the range, or `None` when it has no end.
    pub fn end(&self) -> Option<&[u8]> {
        self.end.as_deref()
    }

    /// Tells whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start() && self.end().is_none_or(|end| key < end)
    }

    /// Tells whether no key can be in the range.
    pub fn is_empty(&self) -> bool {
        self.end().is_some_and(|end| end <= self.start())
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRange({}..", self.start.escape_ascii())?;
        if let Some(end) = &self.end {
            write!(f, "{}", end.escape_ascii())?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_prefix_holds_exactly_the_keys_that_begin_with_it(
            prefix in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(254), Just(255)], 0..4),
            key in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(254), Just(255)], 0..6),
        ) {
            prop_assert_eq!(KeyRange::prefix(prefix.clone()).contains(&key), key.starts_with(&prefix));
        }
    }

    #[test]
    fn only_a_range_whose_end_is_not_after_its_start_is_empty() {
        assert!(KeyRange::between("b", "a").is_empty() && KeyRange::between("a", "a").is_empty());
        assert!(!KeyRange::between("a", "a\0").is_empty());
        assert!(!KeyRange::all().is_empty() && !KeyRange::prefix([255, 255]).is_empty());
    }
}
