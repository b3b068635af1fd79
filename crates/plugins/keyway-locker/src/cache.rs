//! Keeps the service's answers for a limited time. They are kept in the form in which they came, so names and values
//! stay encrypted (decision L9).
//!
//! The maximum age of an answer is the staleness that the store declares (decision L12). A read whose answer is kept
//! needs no request, so it succeeds even while the service is down. If a cache file is configured, several processes
//! share the answers in it (decision H282).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyway_core::{Clock, Timestamp, Wiped};
use keyway_secrets::StoreError;

use crate::configuration::LockerConfiguration;
use crate::kept_content::{Answers, Content, Generation};
use crate::kept_file::{KeptFile, MAX_ANSWERS, Seen};

/// The maximum number of bytes that are kept without a cache file. If the kept answers and a new one would exceed this
/// limit together, all kept answers are dropped first.
const MAX_BYTES: usize = 64 << 20;

/// The time for which a write waits for another process that holds the lock of the file.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time for which a read waits for that lock. A read needs no file, and a process that was stopped may hold the
/// lock for ever.
const BRIEFLY: Duration = Duration::from_millis(200);

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
    bytes: usize,
    /// The number of times that all answers were dropped because they may be too old.
    drops: u64,
    /// The time at which the last read of the profile began.
    profile_at: Timestamp,
    /// The version of the file when this cache last read or wrote it. Unsaved answers are only in memory.
    seen: Option<Seen>,
    generation: Option<Generation>,
    is_unsaved: bool,
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

    /// Tells whether the profile in the file is recent enough to be used without a request to the service.
    pub(crate) fn has_fresh_profile(&self) -> bool {
        is_fresh(self.kept().profile_at, self.clock.now(), self.accepted)
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
        let is_usable = self.refresh(&mut kept);
        let now = self.clock.now();
        match kept.answers.get(path) {
            Some((at, body)) if is_usable && is_fresh(*at, now, self.accepted) => {
                return Ok((Arc::clone(body), Begun { at: *at, drops: kept.drops }));
            }
            // The clock has gone back. When it reaches the time of the answer again, the answer would wrongly seem
            // recent, so all answers are dropped.
            Some((at, _)) if *at > now => {
                kept.drop_all();
                kept.must_forget = self.file.is_some();
                self.refresh(&mut kept);
            }
            _ => {}
        }
        Err(Begun { at: now, drops: kept.drops })
    }

    /// Begins a read without a look at the kept answers.
    pub(crate) fn begin(&self) -> Begun {
        let mut kept = self.kept();
        self.refresh(&mut kept);
        Begun { at: self.clock.now(), drops: kept.drops }
    }

    /// Tells whether no answers were dropped since a read began. Returns `false`, too, as long as the file cannot be
    /// written although its answers must be dropped.
    pub(crate) fn is_current(&self, begun: Begun) -> bool {
        let mut kept = self.kept();
        self.refresh(&mut kept) && kept.drops == begun.drops
    }

    /// Tells whether the answer to a read is recent enough to be returned again.
    pub(crate) fn is_fresh(&self, begun: Begun) -> bool {
        is_fresh(begun.at, self.clock.now(), self.accepted)
    }

    /// Keeps the answer to a read. If all answers were dropped after the read began, the answer is not kept, because it
    /// may be older than a write.
    pub(crate) fn keep(&self, path: &str, begun: Begun, body: &Body) {
        let most = if self.file.is_some() { MAX_ANSWERS } else { MAX_BYTES };
        let mut kept = self.kept();
        if self.max_age.is_zero() || kept.drops != begun.drops || body.len() > most {
            return;
        }
        if kept.bytes + body.len() > most {
            kept.clear();
        }
        kept.insert(path.to_owned(), begun.at, Arc::clone(body));
        kept.is_unsaved = true;
    }

    /// Writes the file, if there is one and there are unsaved answers. If the file cannot be written, this is logged,
    /// and the answers stay in memory.
    pub(crate) fn save(&self) {
        let mut kept = self.kept();
        let Some(file) = self.file.as_ref().filter(|_| kept.is_unsaved && !kept.must_forget) else { return };
        if let Err(error) = self.save_in(file, &mut kept) {
            tracing::warn!("answers are kept in memory only: {error}");
        }
    }

    fn save_in(&self, file: &KeptFile, kept: &mut Kept) -> Result<(), StoreError> {
        let locked = file.lock(BRIEFLY)?;
        if !file.is_at(kept.seen.as_ref()) {
            kept.adopt(file.load());
        }
        let longest = Duration::from_secs(LockerConfiguration::LONGEST_AGE.into());
        let now = self.clock.now();
        kept.retain(|at| is_fresh(at, now, longest));
        if kept.profile_at > now {
            kept.profile_at = Timestamp::default();
        }
        if kept.bytes > MAX_ANSWERS {
            kept.clear();
        }
        let generation = kept.generation.map_or_else(drawn, Ok)?;
        kept.seen = file.replace(locked, &generation, kept.profile_at, &kept.answers)?;
        (kept.generation, kept.is_unsaved) = (Some(generation), false);
        Ok(())
    }

    /// Drops all answers, including those that other processes keep in the file. A write through this store calls this
    /// function before and after its request.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if the file cannot be written durably. Until it can, no answers are read from it.
    pub(crate) fn forget(&self) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if let Some(file) = &self.file {
            return forget_in(file, &mut kept, PATIENCE);
        }
        kept.drop_all();
        Ok(())
    }

    /// Reads the file again if another process replaced it. Tells whether the kept answers may be used.
    fn refresh(&self, kept: &mut Kept) -> bool {
        let Some(file) = &self.file else { return true };
        if kept.must_forget {
            return forget_in(file, kept, BRIEFLY).is_ok();
        }
        if !file.is_at(kept.seen.as_ref()) {
            kept.adopt(file.load());
        }
        true
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_in(file: &KeptFile, kept: &mut Kept, patience: Duration) -> Result<(), StoreError> {
    kept.drop_all();
    kept.must_forget = true;
    let generation = drawn()?;
    kept.seen = file.replace(file.lock(patience)?, &generation, kept.profile_at, &kept.answers)?;
    (kept.generation, kept.must_forget, kept.is_unsaved) = (Some(generation), false, false);
    Ok(())
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

    /// Makes room. Answers that were read already stay valid.
    fn clear(&mut self) {
        self.answers.clear();
        self.bytes = 0;
    }

    fn insert(&mut self, path: String, at: Timestamp, body: Body) {
        self.bytes += body.len();
        if let Some((_, earlier)) = self.answers.insert(path, (at, body)) {
            self.bytes -= earlier.len();
        }
    }

    fn retain(&mut self, is_kept: impl Fn(Timestamp) -> bool) {
        self.answers.retain(|_, (at, _)| is_kept(*at));
        self.bytes = self.answers.values().map(|(_, body)| body.len()).sum();
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
            let sum: usize = kept.answers.values().map(|(_, body)| body.len()).sum();
            assert_eq!(sum, kept.bytes);
            assert!(sum <= MAX_BYTES);
            drop(kept);
            // A list that was read before stays valid.
            assert!(cache.is_current(begun));
        }
        assert!(cache.find("d").is_ok() && cache.find("a").is_err());
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
