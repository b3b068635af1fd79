//! The list of all secrets, which is kept between the pages of a caller (decision H272).
//!
//! A kept list is returned again only if the service shows that nothing changed since, or if it is younger than the
//! staleness that the store declares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keyway_core::Timestamp;
use keyway_secrets::StoreError;

use crate::answer::{Record as _, page, seconds};
use crate::cache::Begun;
use crate::failure::Failure;
use crate::items::{Items, Whole};
use crate::secret_record::SecretRecord;
use crate::session::Session;

/// The upper bound of a kept list, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// The age from which the date of the last change is trusted: every change that becomes visible afterwards has a later
/// date.
///
/// The service may date a change some time before the change becomes visible. In that time, another change with a later
/// date may become visible. The longest request of the service's own clients is 30 s.
const SETTLED: Duration = Duration::from_secs(60);

/// All secrets in the order of their ids, still encrypted.
#[derive(Debug)]
pub(crate) struct SecretList {
    pub(crate) records: Vec<SecretRecord>,
    /// The beginning of the earliest read of a page.
    pub(crate) begun: Begun,
    begun_there: Timestamp,
    count: u64,
    revised: Option<f64>,
    /// Whether no part of the list is an answer that was kept.
    is_new: bool,
}

/// The state of a project, which differs after every change. Dates are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mark {
    count: u64,
    revised: f64,
    deleted: f64,
}

/// The kept list. It has a mark if the service can show that the list is still valid.
#[derive(Debug, Default)]
pub(crate) struct KeptList(Mutex<Option<(Arc<SecretList>, Option<Mark>)>>);

impl KeptList {
    fn lock(&self) -> MutexGuard<'_, Option<(Arc<SecretList>, Option<Mark>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the list.
    pub(crate) fn clear(&self) {
        *self.lock() = None;
    }
}

impl SecretList {
    fn bytes(&self) -> usize {
        self.records.iter().map(SecretRecord::bytes).sum()
    }

    /// Tells whether this date is old enough: every change that is missing in the list then has a later date.
    fn is_settled(&self, seconds: f64) -> bool {
        let latest = self.begun_there.minus(SETTLED).as_milliseconds();
        // The conversion is exact, because a date in milliseconds has far less than 53 bits.
        #[allow(clippy::cast_precision_loss)]
        let latest = latest as f64;
        seconds * 1000.0 <= latest
    }
}

impl Session {
    /// Returns all secrets: the kept ones if they are still valid, otherwise those of the service.
    pub(crate) fn all_secrets(&self, until: Instant) -> Result<Arc<SecretList>, StoreError> {
        let kept = self.list.lock().clone();
        if let Some((list, mark)) = kept
            && self.cache.is_current(list.begun)
            && (self.cache.is_fresh(list.begun) || mark.is_some_and(|mark| self.is_valid(mark, half(until))))
        {
            return Ok(list);
        }
        let now = self.cache.begin().at();
        let Whole { records, begun, begun_there, count, revised, .. } =
            self.items(Items::Secrets, "", until)?;
        let is_new = begun.at() >= now;
        Ok(Arc::new(SecretList { records, begun, begun_there, count, revised, is_new }))
    }

    /// Keeps a list of at most [`MAX_BYTES`] for the next page, if it is recent enough to be returned again, or if the
    /// service can then show that it is still valid. Otherwise drops the kept list.
    pub(crate) fn keep_list(&self, list: &Arc<SecretList>, until: Instant) {
        if self.list.lock().as_ref().is_some_and(|(kept, _)| Arc::ptr_eq(kept, list)) {
            return;
        }
        let mark = self.mark_of(list, until);
        let is_kept = (mark.is_some() || self.cache.is_fresh(list.begun)) && list.bytes() <= MAX_BYTES;
        *self.list.lock() = is_kept.then(|| (Arc::clone(list), mark));
    }

    /// Returns the mark of a list. Returns `None` if one of its two dates is missing, cannot be read, or is so recent
    /// that a later change could leave the mark as it is. Returns `None`, too, for a list from kept answers: it needs
    /// no request, and an item may have been deleted since (decisions L12 and H363).
    fn mark_of(&self, list: &SecretList, until: Instant) -> Option<Mark> {
        if !list.is_new {
            return None;
        }
        let revised = list.revised.filter(|revised| list.is_settled(*revised))?;
        // If this date cannot be read, the next page reads the list again, and reports the failure if it persists.
        let deleted = self.deleted(until).ok().filter(|deleted| list.is_settled(*deleted))?;
        Some(Mark { count: list.count, revised, deleted })
    }

    /// Asks the service whether the list is still valid.
    fn is_valid(&self, mark: Mark, until: Instant) -> bool {
        self.mark_now(until).is_ok_and(|now| now == Some(mark))
    }

    /// Reads the mark of the project: first the number of secrets and the date of the last change, then the date of the
    /// last deletion.
    fn mark_now(&self, until: Instant) -> Result<Option<Mark>, Failure> {
        let body = self.service.get(&Items::Secrets.page(1, 1, ""), until)?.body;
        let page = page::<SecretRecord>(&body)?;
        let deleted = self.deleted(until)?;
        Ok(page.revised.map(|revised| Mark { count: page.count, revised, deleted }))
    }

    /// Reads the date of the last deletion.
    fn deleted(&self, until: Instant) -> Result<f64, Failure> {
        let body = self.service.get("/v1/sync/deleted_item_date", until)?.body;
        Ok(seconds(&crate::answer::json(&body)?).ok_or(crate::answer::Malformed("date"))?)
    }
}

/// Returns the end of the first half of the time that is left. If the service does not answer until then, the other
/// half is left to read the list.
fn half(until: Instant) -> Instant {
    let now = Instant::now();
    now + until.saturating_duration_since(now) / 2
}
