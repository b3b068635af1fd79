//! Tests of the limits of the cache file: its size, and the time for which operations wait for its lock.

use std::path::Path;
use std::time::{Duration, Instant};

use keyway_files::{Lock, Rights, SharedFile};

use crate::kept_file_tests::{body, cache, found, new_cache, read};

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
