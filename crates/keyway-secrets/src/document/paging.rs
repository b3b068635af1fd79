//! Pages through a document that may change between two pages.

use keyway_core::{Structured, Table};
use sha2::{Digest, Sha256};

use crate::{Cursor, StoreError};

const MARK_BYTES: usize = 16;

/// The secrets of earlier pages, remembered by a hash of each name.
///
/// A position in the list would not suffice: if a listed secret is destroyed between two pages, every later secret
/// moves forward by one, and one of them is never listed. A document is read as a whole anyway, so remembering all
/// names adds little cost.
#[derive(Default)]
pub(super) struct Listed {
    marks: Vec<[u8; MARK_BYTES]>,
}

impl Listed {
    pub(super) fn from_cursor(cursor: Option<&Cursor>) -> Result<Self, StoreError> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        let (marks, rest) = cursor.as_bytes().as_chunks::<MARK_BYTES>();
        if marks.is_empty() || !rest.is_empty() {
            return Err(StoreError::invalid("the cursor", "it does not come from this store"));
        }
        let mut marks = marks.to_vec();
        marks.sort_unstable();
        Ok(Self { marks })
    }

    /// Returns at most the next `limit` entries, and the cursor after them if there are more entries.
    pub(super) fn page(
        mut self,
        secrets: &Table,
        limit: usize,
    ) -> (Vec<(&str, &Structured)>, Option<Cursor>) {
        let mut waiting =
            secrets.iter().filter(|(name, _)| self.marks.binary_search(&mark(name)).is_err()).peekable();
        let page: Vec<_> = waiting.by_ref().take(limit.max(1)).collect();
        let more = waiting.peek().is_some();
        drop(waiting);
        if !more {
            return (page, None);
        }
        self.marks.extend(page.iter().map(|(name, _)| mark(name)));
        (page, Some(Cursor::from_bytes(self.marks.concat())))
    }
}

fn mark(name: &str) -> [u8; MARK_BYTES] {
    let digest = Sha256::digest(name.as_bytes());
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> Table {
        let mut table = Table::new();
        for name in names {
            table.insert(*name, Structured::text(""));
        }
        table
    }

    fn names(page: &[(&str, &Structured)]) -> Vec<String> {
        page.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    #[test]
    fn destroying_what_was_listed_hides_nothing() {
        let first = table(&["a", "b", "c", "d"]);
        let (page, next) = Listed::default().page(&first, 2);
        assert_eq!(names(&page), ["a", "b"]);
        // `a` and `b` are destroyed. `a` is created again, which puts it after the others.
        let second = table(&["c", "d", "a", "e"]);
        let listed = Listed::from_cursor(next.as_ref()).unwrap();
        let (page, next) = listed.page(&second, 2);
        assert_eq!(names(&page), ["c", "d"]);
        let (page, next) = Listed::from_cursor(next.as_ref()).unwrap().page(&second, 2);
        assert_eq!(names(&page), ["e"]);
        assert!(next.is_none());
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for bytes in [&b""[..], b"x", &[0; 17]] {
            assert!(Listed::from_cursor(Some(&Cursor::from_bytes(bytes))).is_err());
        }
    }
}
