//! Reads the lists of the service, page by page.

use std::time::Instant;

use keyway_core::Timestamp;
use keyway_secrets::StoreError;

use crate::answer::{Record, page};
use crate::cache::Begun;
use crate::failure::Failure;
use crate::session::{READ, Session};

/// The number of items on a page.
const PAGE: u32 = 1000;
/// The number of attempts to read a list, because items may be added or removed between its pages.
const ATTEMPTS: u32 = 5;

/// The two kinds of items. The service lists each kind separately.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Items {
    Secrets,
    Environments,
}

/// The complete list of one kind of items, as it was at one moment: all items, or the items with one look-up hash.
#[derive(Debug)]
pub(crate) struct Whole<R> {
    /// The items in the order of their ids.
    pub(crate) records: Vec<R>,
    /// The time at which the earliest read of a page began.
    pub(crate) begun: Begun,
    /// The service's time at `begun`.
    pub(crate) begun_there: Timestamp,
    /// The number of items, as the service counted them.
    pub(crate) count: u64,
    /// The date of the last change, in seconds, if all pages have the same date.
    pub(crate) revised: Option<f64>,
}

impl Items {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Secrets => "/v1/secrets",
            Self::Environments => "/v1/environments",
        }
    }

    const fn counted_by(self) -> &'static str {
        match self {
            Self::Secrets => "count_secrets",
            Self::Environments => "count_environment",
        }
    }

    /// Returns the path of one page of a list: the list of the items with this hash, or of all items if the hash is
    /// empty.
    pub(crate) fn page(self, number: u32, size: u32, hash: &str) -> String {
        let (route, counted_by) = (self.path(), self.counted_by());
        format!("{route}?{counted_by}=1&page={number}&paging=1&revision_date=0&size={size}&hash={hash}")
    }
}

impl Session {
    /// Reads all items with this hash, or all items if the hash is empty.
    ///
    /// The service has no cursor, only numbered pages. If items are added or removed while the pages are read, other
    /// items move to a different page, so the list is read again.
    pub(crate) fn items<R: Record>(
        &self,
        items: Items,
        hash: &str,
        until: Instant,
    ) -> Result<Whole<R>, StoreError> {
        for _ in 0..ATTEMPTS {
            let read = self.items_at_once(items, hash, until).map_err(|failure| failure.of_read(READ))?;
            if let Some(whole) = read {
                return Ok(whole);
            }
        }
        Err(StoreError::Conflict { attempts: ATTEMPTS })
    }

    /// Reads all pages. Returns `None` if the number of items changed between two pages, or if items are missing.
    fn items_at_once<R: Record>(
        &self,
        items: Items,
        hash: &str,
        until: Instant,
    ) -> Result<Option<Whole<R>>, Failure> {
        let first = self.read(&items.page(1, PAGE, hash), until)?;
        let mut page = page::<R>(&first.body)?;
        let mut whole = Whole {
            records: page.records,
            begun: first.begun,
            begun_there: first.begun_there,
            count: page.count,
            revised: page.revised,
        };
        let mut number = 1;
        while page.more {
            number += 1;
            let next = self.read(&items.page(number, PAGE, hash), until)?;
            page = crate::answer::page(&next.body)?;
            whole.begun = whole.begun.or_earlier(next.begun);
            whole.begun_there = whole.begun_there.min(next.begun_there);
            whole.revised = whole.revised.filter(|revised| Some(*revised) == page.revised);
            whole.records.append(&mut page.records);
        }
        whole.records.sort_by(|one, other| one.id().cmp(other.id()));
        whole.records.dedup_by(|one, other| one.id() == other.id());
        let is_whole = number == 1 || page.count == whole.count && whole.records.len() as u64 == whole.count;
        Ok(is_whole.then_some(whole))
    }
}
