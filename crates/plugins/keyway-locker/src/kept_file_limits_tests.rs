//! Tests of the limits of the cache file: its size, and the time for which operations wait for its lock.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_core::Clock;
use keyway_files::{Lock, Rights, SharedFile};

use crate::kept_file_tests::{body, cache, folder, found, new_cache, opened, path, read};
use crate::set_clock::SetClock;

/// Takes the lock of the file, as another process does.
fn lock_of_another_process(path: &Path) -> Lock {
    SharedFile::resolve(path, Rights::Private, 0).unwrap().lock(Duration::ZERO).unwrap()
}

#[test]
fn a_process_that_holds_the_lock_does_not_delay_reads() {
    let (_folder, path, cache) = new_cache();
    read(&cache, "a", "A");
    let lock = lock_of_another_process(&path);
    let brief = || {
        let started = Instant::now();
        move || assert!(started.elapsed() < Duration::from_secs(3), "it waits for the lock")
    };
    let is_brief = brief();
    read(&cache, "b", "B");
    assert_eq!(found(&cache, "b").as_deref(), Some("B"));
    is_brief();
    // A write waits, and is refused.
    cache.forget().unwrap_err();
    let is_brief = brief();
    assert_eq!(found(&cache, "a"), None);
    is_brief();
    drop(lock);
    assert_eq!(found(&cache, "a"), None);
    read(&cache, "a", "A");
    assert_eq!(found(&self::cache(&path), "a").as_deref(), Some("A"));
}

#[test]
fn threads_do_not_wait_for_the_lock_one_after_another() {
    let (_folder, path, cache) = new_cache();
    read(&cache, "a", "A");
    let lock = lock_of_another_process(&path);
    cache.keep("b", cache.begin(), &body("B"));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(found(&cache, "a").as_deref(), Some("A"));
                    cache.save();
                }
            });
        }
    });
    assert!(started.elapsed() < Duration::from_secs(4), "each operation waits for the lock");
    // A write waits for the lock, and other threads do not wait for the write.
    std::thread::scope(|scope| {
        let write = scope.spawn(|| cache.forget());
        let mut longest = Duration::ZERO;
        while !write.is_finished() {
            let started = Instant::now();
            let _ = cache.find("a");
            longest = longest.max(started.elapsed());
            std::thread::sleep(Duration::from_millis(10));
        }
        write.join().unwrap().unwrap_err();
        assert!(longest < Duration::from_secs(3), "a read waits for a write");
    });
    drop(lock);
    assert_eq!(found(&cache, "a"), None);
    read(&cache, "a", "A");
    assert_eq!(found(&self::cache(&path), "a").as_deref(), Some("A"), "it is saved again at once");
}

#[test]
fn small_answers_do_not_outgrow_the_file() {
    let (_folder, path, cache) = new_cache();
    let long = "p".repeat(1 << 20);
    for number in 0..40 {
        let begun = cache.begin();
        cache.keep(&format!("{number} {long}"), begun, &body("{}"));
    }
    cache.save();
    assert!(found(&self::cache(&path), &format!("39 {long}")).is_some(), "the file was not written");
}

#[test]
fn a_file_full_of_old_answers_drops_no_fresh_one() {
    let (folder, clock) = (folder(), Arc::new(SetClock::default()));
    let path = path(&folder);
    let open = || opened(&path, 1, Arc::clone(&clock) as Arc<dyn Clock>);
    let large = "x".repeat(6 << 20);
    let [full, fresh] = [open(), open()];
    full.forget().unwrap();
    let begun = [(1000, &full), (2000, &full), (3000, &fresh)].map(|(now, cache)| {
        clock.set(now);
        cache.begin()
    });
    full.keep("oldest", begun[0], &body(&large));
    full.keep("old", begun[1], &body(&large));
    full.save();
    fresh.keep("new", begun[2], &body(&large));
    assert!(found(&fresh, "new").is_some(), "it is lost from memory");
    fresh.save();
    for cache in [fresh, open()] {
        let kept = ["oldest", "old", "new"].map(|path| found(&cache, path).is_some());
        assert_eq!(kept, [false, true, true]);
    }
}

#[test]
fn an_answer_that_does_not_fit_drops_the_oldest_ones_only() {
    let (folder, clock) = (folder(), Arc::new(SetClock::default()));
    let cache = opened(&path(&folder), 1, Arc::clone(&clock) as Arc<dyn Clock>);
    let mebibytes = [3, 3, 3, 3, 3, 3, 15];
    let paths = ["a", "b", "c", "d", "e", "f", "g"];
    let mut kept = Vec::new();
    for (number, (path, size)) in paths.into_iter().zip(mebibytes).enumerate() {
        clock.set(1000 * (number as u64 + 1));
        read(&cache, path, &"x".repeat(size << 20));
        kept.push(paths.into_iter().filter(|path| found(&cache, path).is_some()).collect::<String>());
    }
    assert_eq!(kept, ["a", "ab", "abc", "abcd", "abcde", "cdef", "g"]);
}
