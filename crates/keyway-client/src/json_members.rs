//! The members of JSON objects as they are written: a map would drop one of two that have the same name.

use std::fmt;

use keyway_core::unescape_json;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// As deep as `serde_json` reads.
const DEEPEST: usize = 128;

/// Names and values of an object in their order, those of a name that stands twice, too.
///
/// # Errors
/// It is no object.
pub(crate) fn members(object: &RawValue) -> serde_json::Result<Vec<(&RawValue, &RawValue)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(&'de RawValue, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_str(object.get()).deserialize_map(Members)
}

/// A name that is there twice, in time that grows little faster than the number of names.
pub(crate) fn first_twice(mut names: Vec<&str>) -> Option<&str> {
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// Whether each object in the value has each name once, and the value is no deeper than `serde_json` reads.
/// It unescapes names only, so that no copy of a value is left in memory.
pub(crate) fn names_are_unique(value: &RawValue) -> bool {
    is_unique(value, DEEPEST)
}

fn is_unique(value: &RawValue, deeper: usize) -> bool {
    let Some(deeper) = deeper.checked_sub(1) else { return false };
    match value.get().as_bytes().first() {
        Some(b'{') => {
            let Ok(members) = members(value) else { return false };
            let unescaped = members
                .iter()
                .map(|(name, _)| unescape_json(name.get().strip_prefix('"')?.strip_suffix('"')?).ok());
            let Some(names) = unescaped.collect::<Option<Vec<_>>>() else { return false };
            first_twice(names.iter().map(|name| name.as_str()).collect()).is_none()
                && members.into_iter().all(|(_, value)| is_unique(value, deeper))
        }
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(value.get())
            .is_ok_and(|items| items.into_iter().all(|item| is_unique(item, deeper))),
        _ => true,
    }
}
