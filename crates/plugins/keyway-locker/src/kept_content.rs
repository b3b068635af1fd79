//! Encodes and decodes the plaintext of the cache file: the answers of the service to reads, by path.

use std::collections::HashMap;
use std::sync::Arc;

use keyway_core::{Timestamp, Wiped};

use crate::cache::Body;

/// The cached answers, by the path of the request. The timestamp is the time at which the read began.
pub(crate) type Answers = HashMap<String, (Timestamp, Body)>;

/// The random id of a state of the cache file. Each write to the service, through any store that shares the file, draws
/// a new id.
pub(crate) type Generation = [u8; 16];

/// The first bytes of the plaintext. They contain the version of the format.
const FORMAT: &[u8] = b"keyway-locker answers 1\n";

/// The plaintext of a cache file.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) generation: Generation,
    /// The time at which the read of the profile began.
    pub(crate) profile_at: Timestamp,
    pub(crate) answers: Answers,
}

/// Encodes the plaintext of the cache file, for one project of one service.
pub(crate) fn to_bytes(
    (service, project): (&str, u64),
    generation: &Generation,
    profile_at: Timestamp,
    answers: &Answers,
) -> Wiped<Vec<u8>> {
    let length: usize = answers.iter().map(|(path, (_, body))| path.len() + body.len() + 16).sum();
    let mut bytes = Wiped::new(Vec::with_capacity(FORMAT.len() + service.len() + length + 48));
    bytes.extend_from_slice(FORMAT);
    put(&mut bytes, service.as_bytes());
    bytes.extend_from_slice(&project.to_le_bytes());
    bytes.extend_from_slice(generation);
    bytes.extend_from_slice(&profile_at.as_milliseconds().to_le_bytes());
    for (path, (at, body)) in answers {
        put(&mut bytes, path.as_bytes());
        bytes.extend_from_slice(&at.as_milliseconds().to_le_bytes());
        put(&mut bytes, body);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, field: &[u8]) {
    // Answers are far shorter than 4 GiB.
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(field);
}

impl Content {
    /// Decodes the plaintext. Returns `None` if it does not have the expected format, or if its service or its project
    /// is not the given one.
    pub(crate) fn read((service, project): (&str, u64), bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(FORMAT)?;
        if field(&mut rest)? != service.as_bytes() || number(&mut rest)? != project {
            return None;
        }
        let generation = *taken(&mut rest)?;
        let profile_at = Timestamp::from_milliseconds(number(&mut rest)?);
        let mut answers = Answers::new();
        while !rest.is_empty() {
            let path = std::str::from_utf8(field(&mut rest)?).ok()?.to_owned();
            let at = Timestamp::from_milliseconds(number(&mut rest)?);
            let body = Arc::new(Wiped::new(field(&mut rest)?.to_vec()));
            answers.insert(path, (at, body));
        }
        Some(Self { generation, profile_at, answers })
    }
}

fn taken<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    taken(rest).map(|bytes| u64::from_le_bytes(*bytes))
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(*taken(rest)?);
    let (field, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(field)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROJECT: (&str, u64) = ("https://api.example.org", 4711);

    proptest! {
        #[test]
        fn content_is_read_as_it_was_written_and_by_its_own_project_only(
            generation: Generation,
            at: u64,
            kept in prop::collection::btree_map(".*", (any::<u64>(), any::<Vec<u8>>()), 0..5),
        ) {
            let answers: Answers = kept
                .into_iter()
                .map(|(path, (at, body))| (path, (Timestamp::from_milliseconds(at), Arc::new(Wiped::new(body)))))
                .collect();
            let profile_at = Timestamp::from_milliseconds(at);
            let bytes = to_bytes(PROJECT, &generation, profile_at, &answers);
            let read = Content::read(PROJECT, &bytes).unwrap();
            prop_assert_eq!((read.generation, read.profile_at), (generation, profile_at));
            prop_assert_eq!(read.answers, answers);
            prop_assert!(Content::read((PROJECT.0, 4712), &bytes).is_none());
            prop_assert!(Content::read(("https://api.example.com", PROJECT.1), &bytes).is_none());
            for end in 0..FORMAT.len() + 40 {
                prop_assert!(Content::read(PROJECT, &bytes[..end.min(bytes.len() - 1)]).is_none() || end > 60);
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            let start = to_bytes(PROJECT, &[0; 16], Timestamp::default(), &Answers::new());
            let _ = Content::read(PROJECT, &bytes);
            let _ = Content::read(PROJECT, &[&start, &*bytes].concat());
        }
    }
}
