//! Tests that a layer forwards every operation, and sees the size of a batch.

use std::sync::{Arc, Mutex};

use keyway_storage::{
    Batch, Call, CommitOutcome, Expectation, KeyRange, Layered, Limits, Memory, Pace, Record, Storage,
    StorageError, StorageLayer,
};
use pollster::block_on;

/// A layer that forwards every call to an engine behind a pointer.
#[derive(Debug)]
struct Plain(Arc<dyn Storage>);

impl StorageLayer for Plain {
    type Inner = dyn Storage;

    fn inner(&self) -> &Self::Inner {
        &*self.0
    }
}

/// A layer that records every call, and whether the call succeeded. It refuses scans, and answers reads, limits and
/// pace itself.
#[derive(Debug)]
struct Noting {
    inner: Memory,
    notes: Mutex<Vec<String>>,
}

const LIMITS: Limits = Limits { items_per_batch: 7, ..Limits::MINIMUM };

impl StorageLayer for Noting {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.inner
    }

    async fn around<T: Send, F>(&self, call: Call<'_>, next: F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>> + Send,
    {
        let answer = if matches!(call, Call::Scan { .. }) { Err(StorageError::Closed) } else { next.await };
        self.notes.lock().unwrap().push(format!("{call:?} {}", answer.is_ok()));
        answer
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    fn pace(&self) -> Pace {
        Pace::PromptReads
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        let found = self.inner.get(key).await?;
        Ok(found.map(|record| Record { value: record.value.to_ascii_uppercase(), ..record }))
    }
}

#[test]
fn a_layer_above_forwards_every_operation_of_a_layer_below() {
    let below = Arc::new(Layered(Noting { inner: Memory::new(), notes: Mutex::default() }));
    let above = Layered(Plain(Arc::clone(&below) as _));
    assert_eq!((above.limits(), above.pace()), (LIMITS, Pace::PromptReads));
    block_on(async {
        let committed = above.commit(Batch::new().put("a", "value", Expectation::Absent)).await.unwrap();
        assert!(matches!(committed, CommitOutcome::Committed(_)));
        assert_eq!(above.get(b"a").await.unwrap().unwrap().value, b"VALUE");
        let scanned = above.scan(&KeyRange::prefix("a"), Some(b"a"), 3).await;
        assert!(matches!(scanned, Err(StorageError::Closed)));
        assert_eq!(below.0.inner.get(b"a").await.unwrap().unwrap().value, b"value");
    });
    let notes = below.0.notes.lock().unwrap();
    assert_eq!(notes.len(), 3);
    assert_eq!(notes[..2], ["Commit { items: 1 } true", "Get { key: [97] } true"]);
    assert!(notes[2].starts_with("Scan {") && notes[2].ends_with("limit: 3 } false"), "{notes:?}");
}
