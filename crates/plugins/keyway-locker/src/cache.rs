//! Keeps the service's answers for a while, as they came: names and values stay encrypted (decision L9).
//!
//! The largest age of an answer is the staleness that the store declares (decision L12). Within it reads need no service, so
//! they are also answered while the service is down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyway_core::{Clock, Timestamp, Wiped};

/// The most bytes that are kept. Beyond them, all answers are dropped.
const MAX_BYTES: usize = 64 << 20;

/// The answer to a read.
pub(crate) type Body = Arc<Wiped<Vec<u8>>>;

/// The answers to reads, by path.
#[derive(Debug)]
pub(crate) struct Cache {
    max_age: Duration,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<String, (Timestamp, Body)>,
    bytes: usize,
    /// The number of times that everything was dropped.
    drops: u64,
}

/// The beginning of a read that may be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    at: Timestamp,
    drops: u64,
}

impl Begun {
    pub(crate) const fn at(self) -> Timestamp {
        self.at
    }

    /// Returns the beginning of two reads, of which this one began first unless the other one's answer was kept.
    pub(crate) fn or_earlier(self, other: Self) -> Self {
        Self { at: self.at.min(other.at), ..self }
    }
}

impl Cache {
    /// Makes a cache. An age of zero keeps nothing.
    pub(crate) fn new(max_age: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { max_age, clock, kept: Mutex::default() }
    }

    /// Returns an answer that is young enough and the beginning of its read, or the beginning of a new read.
    pub(crate) fn find(&self, path: &str) -> Result<(Body, Begun), Begun> {
        let kept = self.kept();
        let now = self.clock.now();
        match kept.answers.get(path) {
            Some((at, body)) if is_fresh(*at, now, self.max_age) => {
                Ok((Arc::clone(body), Begun { at: *at, drops: kept.drops }))
            }
            _ => Err(Begun { at: now, drops: kept.drops }),
        }
    }

    /// Tells whether nothing was dropped since a read began.
    pub(crate) fn is_current(&self, begun: Begun) -> bool {
        self.kept().drops == begun.drops
    }

    /// Tells whether the answer to a read is young enough to be returned again.
    pub(crate) fn is_fresh(&self, begun: Begun) -> bool {
        is_fresh(begun.at, self.clock.now(), self.max_age)
    }

    /// Keeps the answer to a read, unless everything was dropped since the read began: it may be older than a write.
    pub(crate) fn keep(&self, path: &str, begun: Begun, body: &Body) {
        let mut kept = self.kept();
        if self.max_age.is_zero() || kept.drops != begun.drops || body.len() > MAX_BYTES {
            return;
        }
        if kept.bytes + body.len() > MAX_BYTES {
            kept.drop_all();
        }
        let earlier = kept.answers.insert(path.to_owned(), (begun.at, Arc::clone(body)));
        kept.bytes = kept.bytes + body.len() - earlier.map_or(0, |(_, body)| body.len());
    }

    /// Drops everything, before and after a write through this store.
    pub(crate) fn forget(&self) {
        self.kept().drop_all();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn drop_all(&mut self) {
        self.answers.clear();
        self.bytes = 0;
        self.drops += 1;
    }
}

/// Tells whether an answer to a read that began at `at` may be returned: not at the end of the declared time any more. A clock that jumped back makes it too old.
fn is_fresh(at: Timestamp, now: Timestamp, max_age: Duration) -> bool {
    at <= now && now < at.plus(max_age)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default)]
    struct SetClock(Mutex<u64>);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_milliseconds(*self.0.lock().unwrap())
        }
    }

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
        cache.forget();
        cache.keep("a", begun, &body(1));
        assert!(cache.find("a").is_err());
        cache.keep("a", cache.find("a").unwrap_err(), &body(1));
        assert!(cache.find("a").is_ok() && cache.find("b").is_err());
    }

    #[test]
    fn the_age_counts_from_the_beginning_of_the_read() {
        let (cache, clock) = cache(9);
        *clock.0.lock().unwrap() = 5000;
        let begun = cache.find("a").unwrap_err();
        *clock.0.lock().unwrap() = 12_000;
        cache.keep("a", begun, &body(1));
        for (now, is_kept) in [(12_000, true), (13_999, true), (14_000, false), (4999, false)] {
            *clock.0.lock().unwrap() = now;
            assert_eq!(cache.find("a").is_ok(), is_kept, "{now}");
        }
    }

    #[test]
    fn the_kept_bytes_are_bounded() {
        let (cache, _) = cache(9);
        for path in ["a", "a", "b", "c", "d"] {
            let begun = cache.find("none").unwrap_err();
            cache.keep(path, begun, &body(MAX_BYTES / 3));
            let kept = cache.kept();
            let sum: usize = kept.answers.values().map(|(_, body)| body.len()).sum();
            assert_eq!(sum, kept.bytes);
            assert!(sum <= MAX_BYTES);
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
