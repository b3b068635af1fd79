//! Keeps the service's answers for a limited time. They are kept in the form in which they came, so names and values
//! stay encrypted (decision L9).
//!
//! The maximum age of an answer is the staleness that the store declares (decision L12). A read whose answer is kept
//! needs no request, so it succeeds even while the service is down. If a cache file is configured, several processes
//! share the answers in it (decision H282).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keyway_core::{Clock, Timestamp, Wiped};
use keyway_secrets::StoreError;

use crate::configuration::LockerConfiguration;
use crate::kept_content::{Answers, Content, Generation};
use crate::kept_file::{KeptFile, Locked, MAX_ANSWERS, Seen};

/// The maximum number of bytes that are kept without a cache file. If the kept answers and a new one would exceed this
/// limit together, those that are too old are dropped first, and the oldest others if that is not enough.
const MAX_BYTES: usize = 64 << 20;
/// The number of bytes that an answer takes in addition to its path and its body: about this much in memory, and less
/// in the file.
const OVERHEAD: usize = 128;

/// The time for which a write waits for another process that holds the lock of the file.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time for which a read waits for that lock before it saves answers. A read needs no file, and a process that was
/// stopped may hold the lock for ever.
const BRIEFLY: Duration = Duration::from_millis(200);
/// The time without another attempt to save answers, after one that failed (decision H334).
const PAUSE: Duration = Duration::from_secs(5);

/// The answer to a read.
pub(crate) type Body = Arc<Wiped<Vec<u8>>>;

/// The answers to reads, by path.
#[derive(Debug)]
pub(crate) struct Cache {
    /// The maximum age of an answer that is kept.
    max_age: Duration,
    /// The maximum age of an answer that is returned.
    accepted: Duration,
    clock: Arc<dyn Clock>,
    file: Option<KeptFile>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    answers: Answers,
    /// The number of bytes that the answers take, as [`size`] counts them.
    bytes: usize,
    /// The latest time at which the read of a kept answer began, or a later time.
    newest: Timestamp,
    /// The number of times that all answers were dropped because they may be too old.
    drops: u64,
    /// The time at which the last read of the profile began.
    profile_at: Timestamp,
    /// The version of the file when this cache last read or wrote it. Unsaved answers are only in memory.
    seen: Option<Seen>,
    generation: Option<Generation>,
    is_unsaved: bool,
    /// The time until which no call tries to save, because another one tries, or has failed.
    paused_until: Option<Instant>,
    /// Whether the answers in the file must be dropped before the file is read or written again.
    must_forget: bool,
}

/// The beginning of a read whose answer may be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    at: Timestamp,
    drops: u64,
}

impl Begun {
    pub(crate) const fn at(self) -> Timestamp {
        self.at
    }

    /// Combines two reads, of which `self` was started first. The result has the earlier of the two times, because
    /// `other` may be an older answer from the cache. It has the number of drops of `self`.
    pub(crate) fn or_earlier(self, other: Self) -> Self {
        Self { at: self.at.min(other.at), ..self }
    }
}

impl Cache {
    /// Makes a cache in memory. With an age of zero, it keeps nothing.
    pub(crate) fn new(max_age: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { max_age, accepted: max_age, clock, file: None, kept: Mutex::default() }
    }

    /// Makes a cache that shares a file with other processes.
    pub(crate) fn shared(max_age: Duration, clock: Arc<dyn Clock>, file: KeptFile) -> Self {
        let mut kept = Kept::default();
        kept.adopt(file.load());
        Self { max_age, accepted: max_age, clock, file: Some(file), kept: Mutex::new(kept) }
    }

    /// Limits the age of the answers that are returned. The file may hold older answers, which other processes may
    /// return.
    pub(crate) fn accepting(self, age: Duration) -> Self {
        Self { accepted: self.max_age.min(age), ..self }
    }

    /// Tells whether the profile in the file may be used without a request to the service: if it is recent enough, or
    /// an answer is. An older profile does not make such an answer older, and without it no process that starts while
    /// the service is down could use the answer.
    pub(crate) fn has_usable_profile(&self) -> bool {
        let kept = self.kept();
        is_fresh(kept.newest.max(kept.profile_at), self.clock.now(), self.accepted)
    }

    /// Records the time at which the read of the profile began.
    pub(crate) fn keep_profile(&self, at: Timestamp) {
        let mut kept = self.kept();
        (kept.profile_at, kept.is_unsaved) = (at, true);
    }

    /// Drops the profile and all answers, so that a session that is opened later reads them from the service. If the
    /// file cannot be written, the profile in it is used until it is too old.
    pub(crate) fn forget_profile(&self) {
        self.kept().profile_at = Timestamp::default();
        if let Err(error) = self.forget() {
            tracing::warn!("the profile of the project stays in the cache file: {error}");
        }
    }

    /// Returns an answer that is recent enough, and the beginning of its read. Without such an answer, returns the
    /// beginning of a new read as the error.
    pub(crate) fn find(&self, path: &str) -> Result<(Body, Begun), Begun> {
        let mut kept = self.kept();
        let (is_usable, now) = self.refresh(&mut kept);
        match kept.answers.get(path) {
            Some((at, body)) if is_usable && is_fresh(*at, now, self.accepted) => {
                Ok((Arc::clone(body), Begun { at: *at, drops: kept.drops }))
            }
            _ => Err(Begun { at: now, drops: kept.drops }),
        }
    }

    /// Begins a read without a look at the kept answers.
    pub(crate) fn begin(&self) -> Begun {
        let mut kept = self.kept();
        let (_, now) = self.refresh(&mut kept);
        Begun { at: now, drops: kept.drops }
    }

    /// Tells whether no answers were dropped since a read began. Returns `false`, too, as long as the file cannot be
    /// written although its answers must be dropped.
    pub(crate) fn is_current(&self, begun: Begun) -> bool {
        let mut kept = self.kept();
        self.refresh(&mut kept).0 && kept.drops == begun.drops
    }

    /// Tells whether the answer to a read is recent enough to be returned again.
    pub(crate) fn is_fresh(&self, begun: Begun) -> bool {
        is_fresh(begun.at, self.clock.now(), self.accepted)
    }

    /// Keeps the answer to a read. If all answers were dropped after the read began, the answer is not kept, because it
    /// may be older than a write.
    pub(crate) fn keep(&self, path: &str, begun: Begun, body: &Body) {
        let most = if self.file.is_some() { MAX_ANSWERS } else { MAX_BYTES };
        let size = size(path, body);
        let mut kept = self.kept();
        if self.max_age.is_zero() || kept.drops != begun.drops || size > most {
            return;
        }
        if kept.bytes + size > most {
            self.drop_old(&mut kept);
        }
        kept.make_room(most, size);
        kept.insert(path.to_owned(), begun.at, Arc::clone(body));
        kept.is_unsaved = true;
    }

    /// Drops the answers that are too old to be returned. In a file, these are the ones that are too old for every
    /// store, because other processes may accept older answers.
    fn drop_old(&self, kept: &mut Kept) {
        let longest = Duration::from_secs(LockerConfiguration::LONGEST_AGE.into());
        let age = if self.file.is_some() { longest } else { self.max_age };
        let now = self.clock.now();
        kept.retain(|_, at| is_fresh(at, now, age));
    }

    /// Drops the answers to the requests that `is_damaged` chooses by their path.
    pub(crate) fn drop_damaged(&self, is_damaged: impl Fn(&str) -> bool) {
        let mut kept = self.kept();
        kept.is_unsaved |= kept.answers.keys().any(|path| is_damaged(path));
        kept.retain(|path, _| !is_damaged(path));
    }

    /// Writes the file, if there is one and there are unsaved answers. If the file cannot be written, this is logged,
    /// and the answers stay in memory.
    pub(crate) fn save(&self) {
        let Some(file) = &self.file else { return };
        let mut kept = self.kept();
        let started = Instant::now();
        if !kept.is_unsaved || kept.must_forget || kept.paused_until.is_some_and(|until| started < until) {
            return;
        }
        // Another call that saves meanwhile would wait for the same lock. This call also saves the answers of the other
        // one: it takes the mutex again only when it has the lock.
        kept.paused_until = Some(started + PAUSE);
        drop(kept);
        let locked = file.lock(BRIEFLY);
        let mut kept = self.kept();
        kept.paused_until = None;
        if let Err(error) = locked.and_then(|locked| self.save_in(file, locked, &mut kept)) {
            kept.paused_until = Some(Instant::now() + PAUSE);
            tracing::warn!("answers are kept in memory only: {error}");
        }
    }

    fn save_in(&self, file: &KeptFile, locked: Locked, kept: &mut Kept) -> Result<(), StoreError> {
        if !kept.must_forget && !file.is_at(kept.seen.as_ref()) {
            kept.adopt(file.load());
        }
        self.check_clock(kept);
        if kept.must_forget {
            return empty(file, locked, kept);
        }
        self.drop_old(kept);
        let generation = kept.generation.map_or_else(drawn, Ok)?;
        kept.seen = file.replace(locked, &generation, kept.profile_at, &kept.answers)?;
        (kept.generation, kept.is_unsaved) = (Some(generation), false);
        Ok(())
    }

    /// Drops all answers, including those that other processes keep in the file. A write through this store calls this
    /// function before and after its request. While it waits for the lock of the file, other threads can read.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if the file cannot be written durably. Until it can, no answers are read from it.
    pub(crate) fn forget(&self) -> Result<(), StoreError> {
        let mut kept = self.kept();
        kept.drop_all();
        let Some(file) = &self.file else { return Ok(()) };
        kept.must_forget = true;
        drop(kept);
        let locked = file.lock(PATIENCE)?;
        empty(file, locked, &mut self.kept())
    }

    /// Reads the file again if another process replaced it, and drops all answers if the clock has gone back. Tells
    /// whether the kept answers may be used, and the time.
    ///
    /// The caller holds the mutex, so this function never waits for the lock of the file.
    fn refresh(&self, kept: &mut Kept) -> (bool, Timestamp) {
        if let Some(file) = &self.file
            && !kept.must_forget
            && !file.is_at(kept.seen.as_ref())
        {
            kept.adopt(file.load());
        }
        // The time is read after the file, so an answer that another process has just kept is not from the future.
        let now = self.check_clock(kept);
        let is_usable = match &self.file {
            Some(file) if kept.must_forget => {
                file.lock(Duration::ZERO).and_then(|locked| empty(file, locked, kept)).is_ok()
            }
            _ => true,
        };
        (is_usable, now)
    }

    /// Returns the time. If the clock has gone back, drops all answers and the profile: when the clock reaches their
    /// times again, they would wrongly seem recent.
    fn check_clock(&self, kept: &mut Kept) -> Timestamp {
        let now = self.clock.now();
        if kept.newest.max(kept.profile_at) > now {
            kept.drop_all();
            kept.profile_at = Timestamp::default();
            kept.must_forget = self.file.is_some();
        }
        now
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops all answers, and those in the locked file.
fn empty(file: &KeptFile, locked: Locked, kept: &mut Kept) -> Result<(), StoreError> {
    kept.drop_all();
    kept.must_forget = true;
    let generation = drawn()?;
    kept.seen = file.replace(locked, &generation, kept.profile_at, &kept.answers)?;
    (kept.generation, kept.must_forget, kept.is_unsaved) = (Some(generation), false, false);
    kept.paused_until = None;
    Ok(())
}

/// Returns the number of bytes that an answer counts for in the limits.
fn size(path: &str, body: &Body) -> usize {
    OVERHEAD + path.len() + body.len()
}

fn drawn() -> Result<Generation, StoreError> {
    keyway_seal::random_bytes().map_err(|error| StoreError::system("draw random bytes", error))
}

impl Kept {
    /// Drops all answers, also those that were read and are not kept yet, because they may be older than a write.
    fn drop_all(&mut self) {
        self.clear();
        self.drops += 1;
    }

    fn clear(&mut self) {
        self.answers.clear();
        (self.bytes, self.newest) = (0, Timestamp::default());
    }

    /// Makes room for `more` bytes within `most`: drops the oldest answers. Answers that were read already stay valid.
    ///
    /// An eighth of the limit becomes free, so that not every new answer causes another search for the oldest ones.
    fn make_room(&mut self, most: usize, more: usize) {
        if self.bytes + more <= most {
            return;
        }
        let mut ages: Vec<(Timestamp, usize)> =
            self.answers.iter().map(|(path, (at, body))| (*at, size(path, body))).collect();
        ages.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
        // The newest answer stays if it fits, even if it takes more than seven eighths.
        let newest = ages.first().map_or(0, |(_, size)| *size);
        let room = (most - most / 8).saturating_sub(more).max(newest).min(most.saturating_sub(more));
        let mut bytes = 0;
        let oversized = ages.iter().find(|(_, size)| {
            bytes += size;
            bytes > room
        });
        let Some((last, _)) = oversized.copied() else { return };
        self.retain(|_, at| at > last);
    }

    /// Keeps only the answers that `stays` chooses by path and time.
    fn retain(&mut self, stays: impl Fn(&str, Timestamp) -> bool) {
        self.answers.retain(|path, (at, _)| stays(path, *at));
        self.bytes = self.answers.iter().map(|(path, (_, body))| size(path, body)).sum();
    }

    fn insert(&mut self, path: String, at: Timestamp, body: Body) {
        self.newest = self.newest.max(at);
        self.bytes += size(&path, &body);
        let fixed = OVERHEAD + path.len();
        if let Some((_, earlier)) = self.answers.insert(path, (at, body)) {
            self.bytes -= fixed + earlier.len();
        }
    }

    /// Adds the content of the file to the answers in memory. If another process has dropped all answers, the answers
    /// in memory may be older than the write of that process, so they are dropped first.
    fn adopt(&mut self, (seen, content): (Option<Seen>, Option<Content>)) {
        self.seen = seen;
        let generation = content.as_ref().map(|content| content.generation);
        if generation.is_none() || self.generation != generation {
            self.drop_all();
        }
        self.generation = generation;
        let Some(content) = content else { return };
        self.profile_at = self.profile_at.max(content.profile_at);
        for (path, (at, body)) in content.answers {
            if self.answers.get(&path).is_none_or(|(own, _)| *own < at) {
                self.insert(path, at, body);
            }
        }
        // Other processes may have replaced the answers of the file often since this cache adopted some of them.
        self.make_room(MAX_ANSWERS, 0);
    }
}

/// Tells whether an answer to a read that began at `at` is younger than `max_age`. If the clock has gone back, the
/// answer counts as too old.
fn is_fresh(at: Timestamp, now: Timestamp, max_age: Duration) -> bool {
    at <= now && now < at.plus(max_age)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::set_clock::SetClock;

    fn body(bytes: usize) -> Body {
        Arc::new(Wiped::new(vec![7; bytes]))
    }

    fn cache(seconds: u64) -> (Cache, Arc<SetClock>) {
        let clock = Arc::<SetClock>::default();
        (Cache::new(Duration::from_secs(seconds), Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    #[test]
    fn an_answer_that_began_before_a_write_is_not_kept() {
        let (cache, _) = cache(9);
        let begun = cache.find("a").unwrap_err();
        cache.forget().unwrap();
        cache.keep("a", begun, &body(1));
        assert!(cache.find("a").is_err());
        cache.keep("a", cache.find("a").unwrap_err(), &body(1));
        assert!(cache.find("a").is_ok() && cache.find("b").is_err());
    }

    #[test]
    fn the_age_counts_from_the_beginning_of_the_read() {
        let (cache, clock) = cache(9);
        clock.set(5000);
        let begun = cache.find("a").unwrap_err();
        clock.set(12_000);
        cache.keep("a", begun, &body(1));
        for (now, is_kept) in [(12_000, true), (13_999, true), (14_000, false), (4999, false)] {
            clock.set(now);
            assert_eq!(cache.find("a").is_ok(), is_kept, "{now}");
        }
    }

    #[test]
    fn the_kept_bytes_are_bounded() {
        let (cache, _) = cache(9);
        let begun = cache.begin();
        for path in ["a", "a", "b", "c", "d"] {
            cache.keep(path, begun, &body(MAX_BYTES / 3));
            let kept = cache.kept();
            let sum: usize = kept.answers.iter().map(|(path, (_, body))| size(path, body)).sum();
            assert_eq!(sum, kept.bytes);
            assert!(sum <= MAX_BYTES);
            drop(kept);
            // A list that was read before stays valid.
            assert!(cache.is_current(begun));
        }
        assert!(cache.find("d").is_ok() && cache.find("a").is_err());
    }

    #[test]
    fn outdated_answers_make_room_first() {
        let (cache, clock) = cache(9);
        let half = body(MAX_BYTES / 2 - 1000);
        for (now, path) in [(0, "a"), (5000, "b"), (10_000, "c")] {
            clock.set(now);
            cache.keep(path, cache.begin(), &half);
        }
        assert!(cache.find("a").is_err() && cache.find("b").is_ok() && cache.find("c").is_ok());
    }

    proptest! {
        #[test]
        fn nothing_older_than_the_declared_age_is_returned(at: u32, now: u32, max_age in 0_u64..100_000_000) {
            let (at, now) = (u64::from(at), u64::from(now));
            let stamps = [at, now].map(Timestamp::from_milliseconds);
            let fresh = is_fresh(stamps[0], stamps[1], Duration::from_millis(max_age));
            prop_assert_eq!(fresh, now.checked_sub(at).is_some_and(|age| age < max_age));
        }
    }
}
