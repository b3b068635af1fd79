//! Tests the clauses of the trait, one test for each.

use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::task::{Context, Waker};
use std::time::Instant;

use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Limits, Revision, Storage, StorageError};
use pollster::block_on;

use super::{Subject, commit, committed, conflict, everything, get, put};

pub(crate) fn a_record_has_the_revision_of_its_write(subject: &mut dyn Subject) {
    let store = subject.store();
    let batch = Batch::new().put("a", "1", Expectation::Absent).put("b", "", Expectation::Any);
    let revision = committed(commit(&*store, batch));
    for (key, value) in [("a", "1"), ("b", "")] {
        let record = get(&*store, key).unwrap();
        assert_eq!((record.value.as_slice(), record.revision), (value.as_bytes(), revision));
    }
    assert_ne!(put(&*store, "a", "1"), revision, "a write of the same bytes is another write");
    committed(commit(&*store, Batch::new()));
}

pub(crate) fn expectations_decide_as_they_say(subject: &mut dyn Subject) {
    let store = subject.store();
    let there = put(&*store, "there", "x");
    let other = put(&*store, "other", "x");
    let cases = [
        (Batch::new().put("gone", "y", Expectation::Revision(there)), false),
        (Batch::new().put("there", "y", Expectation::Absent), false),
        (Batch::new().put("there", "y", Expectation::Revision(other)), false),
        (Batch::new().delete("there", Expectation::Revision(other)), false),
        (Batch::new().delete("gone", Expectation::Revision(other)), false),
        (Batch::new().check("there", other), false),
        (Batch::new().check("gone", other), false),
        (Batch::new().check("there", there), true),
        (Batch::new().delete("gone", Expectation::Any), true),
        (Batch::new().put("there", "y", Expectation::Revision(there)).check("other", other), true),
    ];
    for (batch, expected) in cases {
        let outcome = commit(&*store, batch.clone()).unwrap();
        assert_eq!(matches!(outcome, CommitOutcome::Committed(_)), expected, "{batch:?}");
    }
    let now = get(&*store, "there").unwrap();
    assert_eq!(now.value, b"y");
    committed(commit(&*store, Batch::new().delete("there", Expectation::Revision(now.revision))));
    committed(commit(&*store, Batch::new().delete("other", Expectation::Any)));
    assert_eq!(everything(&*store), []);
}

pub(crate) fn the_first_conflict_is_named(subject: &mut dyn Subject) {
    let store = subject.store();
    let right = put(&*store, "a", "1");
    let wrong = put(&*store, "b", "1");
    // In whatever order an engine works, the answer is the first conflict in the batch's order.
    let batch = Batch::new()
        .put("new", "1", Expectation::Any)
        .put("a", "2", Expectation::Revision(right))
        .delete("b", Expectation::Revision(right))
        .put("a2", "2", Expectation::Revision(wrong))
        .check("a3", wrong);
    assert_eq!(conflict(commit(&*store, batch)), 2);
    let batch =
        Batch::new().put("c", "1", Expectation::Absent).put("a", "2", Expectation::Absent).check("b", right);
    assert_eq!(conflict(commit(&*store, batch)), 1);
    assert_eq!(everything(&*store).len(), 2);
}

pub(crate) fn a_batch_is_all_or_none(subject: &mut dyn Subject) {
    let store = subject.store();
    let kept = put(&*store, "kept", "1");
    let before = everything(&*store);
    for place in 0..5 {
        let batch = (0..5_u8).fold(Batch::new(), |batch, item| {
            if usize::from(item) == place {
                batch.put("kept", "2", Expectation::Absent)
            } else {
                batch.put([b'n', item], "2", Expectation::Absent)
            }
        });
        assert_eq!(conflict(commit(&*store, batch)), place);
        assert_eq!(everything(&*store), before);
    }
    subject.restart();
    assert_eq!(get(&*subject.store(), "kept").map(|record| record.revision), Some(kept));
}

pub(crate) fn what_is_refused_writes_nothing(subject: &mut dyn Subject) {
    type Expected = fn(&StorageError) -> bool;
    let store = subject.store();
    put(&*store, "a", "1");
    let before = everything(&*store);
    let limits = store.limits();
    let start = || Batch::new().put("a", "2", Expectation::Any).put("z", "2", Expectation::Any);
    let cases: Vec<(Batch, Expected)> = vec![
        (start().put("", "", Expectation::Any), |error| matches!(error, StorageError::EmptyKey { item: 2 })),
        (start().delete("a", Expectation::Any), |error| {
            matches!(error, StorageError::DuplicateKey { item: 2 })
        }),
        (start().delete("b", Expectation::Absent), |error| {
            matches!(error, StorageError::DeleteOfAbsent { item: 2 })
        }),
        (start().put(vec![1; limits.key_bytes + 1], "", Expectation::Any), |error| {
            matches!(error, StorageError::KeyTooLarge { item: 2, .. })
        }),
        (start().put("b", vec![0; limits.value_bytes + 1], Expectation::Any), |error| {
            matches!(error, StorageError::ValueTooLarge { item: 2, .. })
        }),
        (
            (0..=limits.items_per_batch)
                .fold(start(), |batch, item| batch.put(item.to_be_bytes(), "", Expectation::Any)),
            |error| matches!(error, StorageError::TooManyItems { .. }),
        ),
        (
            (0..=limits.batch_bytes / limits.value_bytes).fold(start(), |batch, item| {
                batch.put(item.to_be_bytes(), vec![0; limits.value_bytes], Expectation::Any)
            }),
            |error| matches!(error, StorageError::BatchTooLarge { .. }),
        ),
    ];
    for (batch, fits) in cases {
        let error = commit(&*store, batch).unwrap_err();
        assert!(fits(&error), "{error:?}");
        assert_eq!(everything(&*store), before);
    }
}

pub(crate) fn a_key_that_cannot_be_is_not_there(subject: &mut dyn Subject) {
    let store = subject.store();
    put(&*store, "a", "1");
    assert_eq!(get(&*store, ""), None);
    assert_eq!(get(&*store, vec![b'a'; store.limits().key_bytes + 1]), None);
}

pub(crate) fn every_engine_takes_the_minimum(subject: &mut dyn Subject) {
    let store = subject.store();
    let least = Limits::MINIMUM;
    assert!(store.limits().cover(&least));
    let key = vec![b'k'; least.key_bytes];
    let value: Vec<u8> = (0..least.value_bytes).map(|place| place.to_le_bytes()[0]).collect();
    put(&*store, key.clone(), value.clone());
    assert_eq!(get(&*store, &key).unwrap().value, value);
    let many = (0..least.items_per_batch)
        .fold(Batch::new(), |batch, item| batch.put(item.to_be_bytes(), "v", Expectation::Absent));
    committed(commit(&*store, many));
    let all_bytes: Vec<u8> = (0..=255).collect();
    put(&*store, all_bytes.clone(), all_bytes.clone());
    subject.restart();
    let store = subject.store();
    if let Some(record) = get(&*store, &all_bytes) {
        assert_eq!(record.value, all_bytes);
        assert_eq!(everything(&*store).len(), least.items_per_batch + 2);
    } else {
        panic!("gone after a restart");
    }
}

pub(crate) fn a_revision_never_comes_back(subject: &mut dyn Subject) {
    let mut seen: Vec<Revision> = Vec::new();
    for round in 0..50_u8 {
        let store = subject.store();
        let revision = put(&*store, "a", "same");
        assert!(!seen.contains(&revision));
        for old in &seen {
            assert_eq!(conflict(commit(&*store, Batch::new().check("a", *old))), 0);
        }
        seen.push(revision);
        committed(commit(&*store, Batch::new().delete("a", Expectation::Revision(revision))));
        if round % 16 == 15 {
            subject.restart();
        }
    }
}

pub(crate) fn pages_are_bounded_and_in_order(subject: &mut dyn Subject) {
    let store = subject.store();
    let limits = store.limits();
    for item in 0..10_u8 {
        put(&*store, [b'p', 9 - item], vec![item; 3]);
    }
    let range = KeyRange::prefix("p");
    let page = block_on(store.scan(&range, None, 4)).unwrap();
    let keys: Vec<u8> = page.entries.iter().map(|entry| entry.key[1]).collect();
    assert_eq!((keys.as_slice(), page.more), ([0, 1, 2, 3].as_slice(), true));
    assert_eq!(page.entries[0].value, [9, 9, 9]);
    assert_eq!(get(&*store, [b'p', 0]).unwrap().revision, page.entries[0].revision);
    let exact = block_on(store.scan(&range, Some(&[b'p', 5]), 4)).unwrap();
    assert_eq!((exact.entries.len(), exact.more), (4, false), "a full page with nothing behind it");
    assert_eq!(block_on(store.scan(&range, None, 0)).unwrap().entries.len(), 1);

    // A page is bounded in bytes, and yet never empty: values of three quarters of a page come
    // alone.
    let large = limits.value_bytes.min(limits.page_bytes) / 4 * 3 + 1;
    for item in 0..3_u8 {
        put(&*store, [b'q', item], vec![item; large]);
    }
    let (mut after, mut pages) = (None::<Vec<u8>>, 0);
    loop {
        let page = block_on(store.scan(&KeyRange::prefix("q"), after.as_deref(), usize::MAX)).unwrap();
        let bytes: usize = page.entries.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
        assert!(!page.entries.is_empty());
        assert!(bytes <= limits.page_bytes || page.entries.len() == 1, "{bytes} bytes");
        pages += 1;
        if !page.more {
            break;
        }
        after = Some(page.entries.last().unwrap().key.clone());
    }
    assert_eq!(pages, 3);

    let many: Vec<_> = (0..limits.page_records + 5).collect();
    for chunk in many.chunks(limits.items_per_batch) {
        let batch = chunk.iter().fold(Batch::new(), |batch, item| {
            batch.put([b"r".as_slice(), &item.to_be_bytes()].concat(), "", Expectation::Absent)
        });
        committed(commit(&*store, batch));
    }
    let page = block_on(store.scan(&KeyRange::prefix("r"), None, usize::MAX)).unwrap();
    assert_eq!((page.entries.len(), page.more), (limits.page_records, true));
}

pub(crate) fn pages_are_stable_while_others_write(subject: &mut dyn Subject) {
    let store = subject.store();
    for item in (0..100_u8).step_by(2) {
        put(&*store, [item], "old");
    }
    let (mut after, mut seen) = (None::<Vec<u8>>, Vec::new());
    loop {
        let page = block_on(store.scan(&KeyRange::all(), after.as_deref(), 7)).unwrap();
        seen.extend(page.entries.iter().map(|entry| entry.key[0]));
        let last = *seen.last().unwrap();
        // Writes behind, at and ahead of the position of the scan.
        put(&*store, [last.saturating_sub(1)], "new");
        put(&*store, [last], "new");
        committed(commit(&*store, Batch::new().delete([last], Expectation::Any)));
        if last < 90 {
            put(&*store, [last + 1], "new");
        }
        if !page.more {
            break;
        }
        after = Some(vec![last]);
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "nothing comes twice: {seen:?}");
    let old = (0..100).step_by(2).filter(|item| !seen.contains(item)).count();
    assert_eq!(old, 0, "nothing is left out: {seen:?}");
    assert!(seen.iter().any(|item| item % 2 == 1), "what is written ahead is seen");
}

pub(crate) fn odd_ranges_give_what_they_hold(subject: &mut dyn Subject) {
    let store = subject.store();
    let empty = block_on(store.scan(&KeyRange::all(), None, 5)).unwrap();
    assert!(empty.entries.is_empty() && !empty.more);
    for key in [&[0_u8][..], &[1], &[1, 0], &[254], &[255], &[255, 255]] {
        put(&*store, key, "x");
    }
    let keys = |range: &KeyRange, after: Option<&[u8]>| -> Vec<Vec<u8>> {
        let page = block_on(store.scan(range, after, 100)).unwrap();
        page.entries.into_iter().map(|entry| entry.key).collect()
    };
    assert_eq!(keys(&KeyRange::prefix([255]), None), [vec![255], vec![255, 255]]);
    assert_eq!(keys(&KeyRange::prefix([1]), None), [vec![1], vec![1, 0]]);
    assert_eq!(keys(&KeyRange::between([1], [254]), None), [vec![1], vec![1, 0]]);
    assert_eq!(keys(&KeyRange::between([254], [1]), None), Vec::<Vec<u8>>::new());
    assert_eq!(keys(&KeyRange::between([1], [1]), None), Vec::<Vec<u8>>::new());
    assert_eq!(keys(&KeyRange::starting_at([254]), Some(&[254])), [vec![255], vec![255, 255]]);
    assert_eq!(keys(&KeyRange::prefix([1]), Some(&[0])), [vec![1], vec![1, 0]], "after before the range");
    assert_eq!(keys(&KeyRange::prefix([1]), Some(&[7])), Vec::<Vec<u8>>::new(), "after behind the range");
}

pub(crate) fn nobody_loses_an_update(subject: &mut dyn Subject) {
    const THREADS: u32 = 8;
    const EACH: u32 = 40;
    let store = subject.store();
    put(&*store, "counter", 0_u64.to_be_bytes());
    let barrier = Barrier::new(THREADS.try_into().unwrap());
    let conflicts: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    (0..EACH).map(|_| increment(&*store)).sum::<u64>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let value = get(&*store, "counter").unwrap().value;
    assert_eq!(
        u64::from_be_bytes(value.try_into().unwrap()),
        u64::from(THREADS * EACH),
        "{conflicts} conflicts"
    );
}

/// Adds one to the counter, and returns how often another writer was faster.
pub(crate) fn increment(store: &dyn Storage) -> u64 {
    for conflicts in 0.. {
        let record = get(store, "counter").unwrap();
        let next = u64::from_be_bytes(record.value.try_into().unwrap()) + 1;
        let batch = Batch::new().put("counter", next.to_be_bytes(), Expectation::Revision(record.revision));
        match commit(store, batch).unwrap() {
            CommitOutcome::Committed(_) => return conflicts,
            CommitOutcome::Conflict { item } => assert_eq!(item, 0),
        }
    }
    unreachable!()
}

pub(crate) fn dropped_commits_hold_nobody_up(subject: &mut dyn Subject) {
    let store = subject.store();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..50_u8 {
                    let pair = Batch::new().put([b'd', thread, round, 0], "x", Expectation::Absent).put(
                        [b'd', thread, round, 1],
                        "x",
                        Expectation::Absent,
                    );
                    let mut context = Context::from_waker(Waker::noop());
                    {
                        // The future is polled never, once or twice, and then dropped.
                        let mut future = pin!(store.commit(pair));
                        for _ in 0..round % 3 {
                            if future.as_mut().poll(&mut context).is_ready() {
                                break;
                            }
                        }
                    }
                    put(&**store, [b'e', thread, round], "x");
                }
            });
        }
    });
    let kept = everything(&*store).iter().filter(|entry| entry.key[0] == b'e').count();
    assert_eq!(kept, 200, "all other callers got through");
    subject.restart();
    let store = subject.store();
    for thread in 0..4_u8 {
        for round in 0..50_u8 {
            let halves = [0, 1].map(|half| get(&*store, [b'd', thread, round, half]).is_some());
            assert_eq!(halves[0], halves[1], "a dropped commit took effect as a whole or not at all");
            assert!(round % 3 != 0 || !halves[0], "a future that was never polled did nothing");
        }
    }
}

pub(crate) fn a_commit_that_is_not_polled_again_holds_nobody_up(subject: &mut dyn Subject) {
    let store = subject.store();
    let mut context = Context::from_waker(Waker::noop());
    let mut sleeping = store.commit(Batch::new().put("sleeping", "x", Expectation::Absent));
    let early = sleeping.as_mut().poll(&mut context);
    // Its task is busy for a while, and the wait for other commits takes place there.
    for round in 0..20_u8 {
        put(&*store, [round + 1], "x");
    }
    let outcome = match early {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => block_on(sleeping),
    };
    committed(outcome);
    assert_eq!(everything(&*store).len(), 21);
}

pub(crate) fn large_neighbours_disturb_nobody(subject: &mut dyn Subject) {
    let store = subject.store();
    for item in 0..200_u8 {
        put(&*store, [b's', item], [item; 40]);
    }
    // Measures the slowest key. Each key counts with its fastest time, because other programs run
    // meanwhile: only searches that pass a large value are slow.
    let slowest = || {
        let fastest = |item: u8| {
            let times = [(); 15].map(|()| {
                let start = Instant::now();
                assert_eq!(get(&*store, [b's', item]).unwrap().value, [item; 40]);
                start.elapsed()
            });
            times.into_iter().min().unwrap()
        };
        (0..200).map(fastest).max().unwrap()
    };
    let before = slowest();
    for item in (0..200_u8).step_by(20) {
        put(&*store, [b's', item, b'l'], vec![item; 1 << 20]);
    }
    let after = slowest();
    // With large values in the searched tree the ratio would be thirty.
    assert!(after < before * 8, "{before:?} before, {after:?} among large values");
}

pub(crate) fn debug_forms_show_no_value(subject: &mut dyn Subject) {
    let store = subject.store();
    put(&*store, "a", "hunter2");
    let page = block_on(store.scan(&KeyRange::all(), None, 1)).unwrap();
    let text = format!("{store:?} {page:?} {:?}", get(&*store, "a"));
    assert!(text.contains("7 bytes") && !text.contains("hunter2") && !text.contains("104, 117"), "{text}");
}
