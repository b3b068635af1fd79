//! Tests the faults of [`FaultyStorage`], and that without faults it behaves as the engine that it wraps.

use std::sync::Arc;

use keyway_storage::{
    Batch, CommitOutcome, Expectation, Fault, FaultyStorage, KeyRange, Limits, Memory, Pace, Storage,
    StorageError,
};
use pollster::block_on;

fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

fn put(key: &str) -> Batch {
    Batch::new().put(key, "value", Expectation::Any)
}

fn has(engine: &Arc<dyn Storage>, key: &str) -> bool {
    block_on(engine.get(key.as_bytes())).unwrap().is_some()
}

#[test]
fn each_fault_hits_one_commit_and_has_its_effect() {
    for (fault, applies) in [
        (Fault::Unavailable, false),
        (Fault::EndsBefore, false),
        (Fault::EndsAfter, true),
        (Fault::LosesAnswer, true),
    ] {
        let below = memory();
        let engine = FaultyStorage::over(&below).into_engine();
        engine.0.fail_after(1, fault);
        let _ = block_on(engine.commit(put("a"))).unwrap();
        let error = block_on(engine.commit(put("b"))).unwrap_err();
        let is_right = match fault {
            Fault::Unavailable => matches!(error, StorageError::Unavailable { .. }),
            Fault::LosesAnswer => matches!(error, StorageError::Indeterminate { .. }),
            _ => matches!(error, StorageError::Closed),
        };
        assert!(is_right, "{fault:?}: {error:?}");
        let _ = block_on(engine.commit(put("c"))).unwrap();
        assert_eq!(
            (has(&below, "a"), has(&below, "b"), has(&below, "c")),
            (true, applies, true),
            "{fault:?}"
        );
        assert_eq!((engine.0.operations(), engine.0.commits()), (3, 3));
    }
}

#[test]
fn after_the_end_nothing_is_written_and_reads_end_if_they_are_to() {
    for ends_reads in [false, true] {
        let below = memory();
        let engine = FaultyStorage::over(&below);
        let engine = if ends_reads { engine.ends_reads() } else { engine }.into_engine();
        engine.0.end_after(0, Fault::EndsAfter);
        assert!(block_on(engine.get(b"a")).is_ok(), "it has not ended yet");
        for key in ["a", "b", "c"] {
            assert!(matches!(block_on(engine.commit(put(key))), Err(StorageError::Closed)));
        }
        assert_eq!((has(&below, "a"), has(&below, "b"), has(&below, "c")), (true, false, false));
        let reads =
            [block_on(engine.get(b"a")).is_err(), block_on(engine.scan(&KeyRange::all(), None, 9)).is_err()];
        assert_eq!(reads, [ends_reads; 2]);
    }
}

#[test]
fn events_happen_before_their_call_and_once() {
    let below = memory();
    let engine = FaultyStorage::over(&below).into_engine();
    let write = |key: &'static str| {
        let below = Arc::clone(&below);
        async move {
            let _ = below.commit(put(key)).await.unwrap();
        }
    };
    engine.0.before_commit(1, write("before the second commit"));
    engine.0.before_operation(0, write("before the first operation"));
    assert!(block_on(engine.get(b"before the first operation")).unwrap().is_some());
    let _ = block_on(engine.commit(put("a"))).unwrap();
    assert!(engine.0.has_planned_events());
    assert!(!has(&below, "before the second commit"));
    // The commit that triggers the event already sees the effect of the event.
    let absent = Batch::new().put("before the second commit", "", Expectation::Absent);
    assert_eq!(block_on(engine.commit(absent)).unwrap(), CommitOutcome::Conflict { item: 0 });
    assert!(!engine.0.has_planned_events());
}

#[test]
fn limits_are_the_smaller_ones_and_the_pace_is_forwarded() {
    let below = memory();
    assert_eq!(FaultyStorage::over(&below).into_engine().pace(), Pace::Prompt);
    assert_eq!(FaultyStorage::over(&below).pauses().into_engine().pace(), Pace::Unknown);
    let engine = FaultyStorage::over(&below).items_per_batch(2).page_records(2).into_engine();
    assert_eq!(engine.limits(), Limits { items_per_batch: 2, page_records: 2, ..below.limits() });
    let three =
        ["a", "b", "c"].into_iter().fold(Batch::new(), |batch, key| batch.put(key, "", Expectation::Any));
    assert!(matches!(block_on(engine.commit(three.clone())), Err(StorageError::TooManyItems { .. })));
    let _ = block_on(below.commit(three)).unwrap();
    let page = block_on(engine.scan(&KeyRange::all(), None, 9)).unwrap();
    assert_eq!((page.entries.len(), page.more), (2, true));
}
