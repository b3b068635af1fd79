//! Tests how the time of a batch grows with the document.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyway_core::{SecretValue, Structured, Table};
use pollster::block_on;

use super::hooks::{Stored, handle};
use super::{at, metadata, ring};
use crate::{Document, SecretChange, SecretStore, SecretWrite};

/// Returns the time in which a batch changes each of `secrets` secrets. Takes the shortest of several runs, which other
/// programs disturb least.
fn time_to_change(secrets: usize) -> Duration {
    let stored: Arc<Mutex<Stored>> = Arc::default();
    let keys = ring();
    let mut document = Document::empty(metadata("1.0.0").written_by(), Table::new());
    for number in 0..secrets {
        document.secrets.push_new(format!("secret {number:05}"), Structured::text("old"));
    }
    stored.lock().unwrap().document = Some((document, keys.clone()));
    let store = handle(&stored, &keys);
    let change = |number| {
        let change = SecretChange::value(SecretValue::text("new"));
        SecretWrite::Modify(at(&format!("secret {number:05}")), change)
    };
    let run = |_| {
        let batch = (0..secrets).map(change).collect();
        let start = Instant::now();
        assert_eq!(block_on(store.write_all(batch)).unwrap().len(), secrets);
        start.elapsed()
    };
    (0..5).map(run).min().unwrap()
}

/// Tests that the time of a batch is not quadratic. A quadratic time would grow by about 64, a linear one by about 8.
#[test]
fn a_batch_takes_time_in_proportion_to_the_document() {
    let (few, many) = (time_to_change(1_000), time_to_change(8_000));
    assert!(many < few * 24, "{few:?} for 1,000 secrets, {many:?} for 8,000");
}
