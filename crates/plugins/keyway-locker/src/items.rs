//! Reads the lists of the service, page by page.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use keyway_core::Timestamp;
use keyway_secrets::StoreError;

use crate::answer::{Page, Record, page};
use crate::cache::Begun;
use crate::failure::Failure;
use crate::paging::Paging;
use crate::session::{READ, Read, Session};

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
    /// Whether the project changed between two pages.
    has_changed: bool,
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
    pub(crate) fn page(self, number: u64, size: u64, hash: &str) -> String {
        let (route, counted_by) = (self.path(), self.counted_by());
        format!("{route}?{counted_by}=1&page={number}&paging=1&revision_date=0&size={size}&hash={hash}")
    }
}

impl Session {
    /// Reads all items with this hash, or all items if the hash is empty.
    ///
    /// See [`items_since`](Self::items_since).
    pub(crate) fn items<R: Record>(
        &self,
        items: Items,
        hash: &str,
        until: Instant,
    ) -> Result<Whole<R>, StoreError> {
        self.items_since(Timestamp::default(), items, hash, until)
    }

    /// Reads all items as [`items`](Self::items) does, with kept answers only from `since` or later.
    ///
    /// The service has no cursor, only numbered pages. If items are added or removed while the pages are read, other
    /// items move to a different page, so the list is read again, without kept answers.
    ///
    /// A date that differs between the pages may stand for a removal and an addition, or for a change of values. A list
    /// has the right number of items, so an item that was always there is missing only if an item that was added
    /// meanwhile takes its place. If all items were seen before, none is missing.
    pub(crate) fn items_since<R: Record>(
        &self,
        since: Timestamp,
        items: Items,
        hash: &str,
        until: Instant,
    ) -> Result<Whole<R>, StoreError> {
        let mut known = HashSet::new();
        for attempt in 0..ATTEMPTS {
            let read = |path: &str| match attempt {
                0 => self.read_since(since, path, until, page::<R>),
                _ => self.read_anew(path, until, page::<R>),
            };
            let whole = items_at_once(items, hash, read).map_err(|failure| failure.of_read(READ))?;
            let Some(whole) = whole else { continue };
            if !whole.has_changed || whole.records.iter().all(|record: &R| known.contains(record.id())) {
                return Ok(whole);
            }
            known.extend(whole.records.iter().map(|record| record.id().to_owned()));
        }
        Err(StoreError::Conflict { attempts: ATTEMPTS })
    }
}

/// Reads all pages. Returns `None` if the number of items changed between two pages, or if items are missing.
fn items_at_once<R: Record>(
    items: Items,
    hash: &str,
    read: impl Fn(&str) -> Result<Read<Page<R>>, Failure>,
) -> Result<Option<Whole<R>>, Failure> {
    let mut paging = Paging::start();
    let Read { content: mut page, mut begun, mut begun_there, .. } =
        next_page(items, hash, &mut paging, &read)?;
    let Page { count, revised, .. } = page;
    let is_single = !page.more;
    let mut has_changed = false;
    // Pages may overlap.
    let mut records = BTreeMap::new();
    loop {
        for record in page.records {
            records.entry(record.id().to_owned()).or_insert(record);
        }
        // A service that counts wrongly must not fill the memory.
        if !is_single && records.len() as u64 > count {
            return Ok(None);
        }
        if !page.more {
            break;
        }
        let next = next_page(items, hash, &mut paging, &read)?;
        let later = next.content;
        if later.count != count {
            return Ok(None);
        }
        begun = begun.or_earlier(next.begun);
        begun_there = begun_there.min(next.begun_there);
        has_changed |= later.revised != revised;
        page = later;
    }
    let is_whole = is_single || records.len() as u64 == count;
    let records = records.into_values().collect();
    let revised = revised.filter(|_| !has_changed);
    Ok(is_whole.then_some(Whole { records, begun, begun_there, count, revised, has_changed }))
}

/// Reads the next page, in smaller pages if its answer is too large.
fn next_page<R: Record>(
    items: Items,
    hash: &str,
    paging: &mut Paging,
    read: impl Fn(&str) -> Result<Read<Page<R>>, Failure>,
) -> Result<Read<Page<R>>, Failure> {
    let read = loop {
        match read(&items.page(paging.number, paging.size, hash)) {
            Err(Failure::TooLarge) if paging.shrink() => {}
            read => break read?,
        }
    };
    paging.advance(&read.content, read.bytes)?;
    Ok(read)
}
