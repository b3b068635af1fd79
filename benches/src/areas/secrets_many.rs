//! Measures many secrets at once: a bulk write and an import into a store of a million secrets, `info` on that store,
//! and creates by many tasks.
//!
//! A bulk write spends most of its time in its SQLite transaction. Keyway's table is sorted by the keys of the
//! records, and the order of these keys is unrelated to the names (decision C15). So nearly each record of a batch is
//! on a page of its own, and SQLite reads the page, writes it to the log and copies it back. The peer "a transaction of
//! SQLite" appends its records, so only the index of its keys is spread over many pages. The two figures whose names
//! begin with "of that" show the parts of the cost: the sorted table without Keyway, and sealing without SQLite
//! (decision H238).

use std::{path::Path, sync::Arc, time::Instant};

use keyway_client::{Bundle, Secrets};
use pollster::block_on;

use super::BenchError;
use crate::{
    generic_store::GenericStore,
    measure::{Clock, Plan, interleave, median, time},
    peers::sqlite::{BareTable, peer_key},
    row::{Row, Target},
};

const MILLION: u32 = 1_000_000;
const BATCH: u32 = 10_000;
const ROUNDS: usize = 3;
/// The number of single creates in a round, for comparison.
const SINGLE: u32 = 500;
const CROWDED: u32 = 100_000;
const TASKS: u32 = 64;
const CREATES: u32 = 1_280;

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let directory = tempfile::tempdir()?;
    let mut rows = beside_a_million(area, directory.path())?;
    rows.push(by_many_tasks(area, directory.path())?);
    Ok(rows)
}

/// Returns the keys of a batch, sorted as the engine `Sqlite` stores them.
fn keys_in_order(first: u32, length: usize) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = (first..first + BATCH).map(|number| peer_key(number, length)).collect();
    keys.sort_unstable();
    keys
}

fn beside_a_million(area: &'static str, directory: &Path) -> Result<Vec<Row>, BenchError> {
    let store = GenericStore::create(&directory.join("million.db"), MILLION)?;
    let lengths = store.lengths_of_a_record()?;
    let record = vec![b'.'; lengths.record];
    let file = directory.join("bare-million.db");
    let mut table = BareTable::with_row_ids(&file)?.filled(MILLION, lengths.key, &record)?;
    let peers =
        |numbers: std::ops::Range<u32>| numbers.map(|number| (peer_key(number, lengths.key), &record));

    // A bare table with the same layout and the same rows, inserted in the same order, shows what SQLite alone needs.
    let mut tree = BareTable::create(&directory.join("bare-tree.db"))?;
    let in_order = |first| keys_in_order(first, lengths.key).into_iter().map(|key| (key, &record));
    for first in (0..MILLION).step_by(BATCH as usize) {
        tree.insert_all(in_order(first))?;
    }

    let in_memory = GenericStore::in_memory()?;
    let mut sealed = 0;
    let secrets = Secrets::new(Arc::clone(store.store()));
    let (mut ours, mut peer, mut imported, mut single) = (MILLION, MILLION, 0, 2 * MILLION);
    let mut in_tree = MILLION;
    let times = interleave(
        Clock::Wall,
        ROUNDS,
        1,
        &mut [
            &mut || {
                store.put_all(ours..ours + BATCH).expect("a bulk write that is measured succeeds");
                ours += BATCH;
            },
            &mut || {
                table.insert_all(peers(peer..peer + BATCH)).expect("a transaction that is measured succeeds");
                peer += BATCH;
            },
            &mut || {
                let mut bundle = Bundle::new();
                for number in imported..imported + BATCH {
                    bundle
                        .push(&format!("imported {number}"), format!("value {number:042}"))
                        .expect("a new key");
                }
                imported += BATCH;
                let plan = block_on(secrets.import(&bundle)).expect("an import that is measured succeeds");
                assert_eq!(plan.created.len(), BATCH as usize);
            },
            &mut || {
                for _ in 0..SINGLE {
                    store.put(single).expect("a create that is measured succeeds");
                    single += 1;
                }
            },
            &mut || {
                tree.insert_all(in_order(in_tree)).expect("a transaction that is measured succeeds");
                in_tree += BATCH;
            },
            &mut || {
                in_memory.put_all(sealed..sealed + BATCH).expect("a bulk write that is measured succeeds");
                sealed += BATCH;
            },
        ],
    );
    let mut faster: Vec<f64> =
        times.times(3, 0).into_iter().map(|ratio| ratio * f64::from(BATCH / SINGLE)).collect();
    let info =
        time(Plan::DISK, || block_on(store.store().info()).expect("an `info` that is measured succeeds"));
    Ok(vec![
        Row::compared(
            area,
            "bulk write of 10,000 beside 1,000,000, peer a transaction of SQLite",
            times.compared(0, 1),
        )
        .must(Target::RatioAtMost(1.0 / 0.7)),
        Row::compared(
            area,
            "bulk write of 10,000 beside 1,000,000, peer the same rows in the same tree of SQLite",
            times.compared(0, 4),
        ),
        Row::compared(
            area,
            "of that, the layout: the same rows in the same tree of SQLite, peer its transaction",
            times.compared(4, 1),
        ),
        Row::compared(
            area,
            "of that, the cryptography: a bulk write of 10,000 in memory, peer a transaction of SQLite",
            times.compared(5, 1),
        ),
        Row::compared(
            area,
            "import of 10,000 beside 1,000,000, peer a transaction of SQLite",
            times.compared(2, 1),
        ),
        Row::alone(
            area,
            "bulk write of 10,000 beside 1,000,000, against creates one by one",
            median(&mut faster),
            "times faster",
        )
        .must(Target::ValueAtLeast(8.0)),
        Row::alone(area, "info at 1,000,000 secrets", info / 1e6, "ms").must(Target::ValueAtMost(5.0)),
    ])
}

fn by_many_tasks(area: &'static str, directory: &Path) -> Result<Row, BenchError> {
    let store = Arc::new(GenericStore::create(&directory.join("crowded.db"), CROWDED)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let mut next = CROWDED;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let mut rate_of = |tasks: u32| -> Result<f64, BenchError> {
            // A single task is slower, so it makes fewer creates.
            let each = if tasks == 1 { CREATES / 4 } else { CREATES / TASKS };
            let begun = Instant::now();
            let tasks: Vec<_> = (0..tasks)
                .map(|task| {
                    let (store, first) = (Arc::clone(&store), next + task * each);
                    runtime.spawn(async move {
                        for number in first..first + each {
                            store.put_async(number).await.map_err(|error| error.to_string())?;
                        }
                        Ok::<_, String>(())
                    })
                })
                .collect();
            let made = each * u32::try_from(tasks.len())?;
            for task in tasks {
                runtime.block_on(task)??;
            }
            next += made;
            Ok(f64::from(made) / begun.elapsed().as_secs_f64())
        };
        let (one, many) = (rate_of(1)?, rate_of(TASKS)?);
        ratios.push(many / one);
    }
    let name = "durable creates by 64 tasks at 100,000 secrets, against one task";
    Ok(Row::alone(area, name, median(&mut ratios), "times faster").must(Target::ValueAtLeast(2.5)))
}
