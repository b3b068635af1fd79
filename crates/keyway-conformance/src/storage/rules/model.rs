//! Compares random sequences of operations with a map in memory.

use std::collections::BTreeMap;

use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Revision};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::{Checked, PERSISTENT, StorageFixture, broken, ensure, rules, text};
use crate::random_cases::smallest_failing;

rules! {
    in StorageFixture;
    "STO-023" Must from ["Storage/items", "Storage/expectations", "Storage/scan", "Storage/conflict"]
        "After any sequence of operations, the engine answers like an ordered map with revisions."
        agrees_with_a_map;
}

/// The number of sequences to try.
const SEQUENCES: u32 = 24;

#[derive(Clone, Debug)]
enum Act {
    Put(u8),
    Delete,
    Check,
}

/// The expectation of an item. The revision is chosen when the step runs.
#[derive(Clone, Debug)]
enum Expect {
    Any,
    Absent,
    /// The current revision, if the record exists.
    Current,
    /// An earlier revision, of any record.
    Old(usize),
}

#[derive(Clone, Debug)]
enum Step {
    Commit(BTreeMap<Vec<u8>, (Act, Expect)>),
    Get(Vec<u8>),
    Scan {
        start: Vec<u8>,
        end: Option<Vec<u8>>,
        after: Option<Vec<u8>>,
        limit: usize,
    },
    /// Closes and opens the engine again, if it is persistent.
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0_u8), Just(b'a'), Just(255)], 1..4)
}

fn step() -> impl Strategy<Value = Step> {
    let act = prop_oneof![3 => any::<u8>().prop_map(Act::Put), 1 => Just(Act::Delete), 1 => Just(Act::Check)];
    let expect = prop_oneof![
        2 => Just(Expect::Any),
        2 => Just(Expect::Absent),
        3 => Just(Expect::Current),
        1 => any::<usize>().prop_map(Expect::Old),
    ];
    prop_oneof![
        6 => btree_map(key(), (act, expect), 0..6).prop_map(Step::Commit),
        2 => key().prop_map(Step::Get),
        2 => (key(), option::of(key()), option::of(key()), 0..6_usize)
            .prop_map(|(start, end, after, limit)| Step::Scan { start, end, after, limit }),
        1 => Just(Step::Reopen),
    ]
}

async fn agrees_with_a_map(fixture: &StorageFixture<'_>) -> Checked {
    let failing = smallest_failing(fixture, SEQUENCES, &|| vec(step(), 1..40), &async |steps: &Vec<Step>| {
        follow(fixture, steps).await
    });
    let Some(shortest) = failing? else { return Ok(()) };
    let length = shortest.len();
    fixture.history().record(format!("the shortest sequence that was found has {length} steps:"));
    // Runs the shortest sequence again, so that it is the last one in the history.
    follow(fixture, &shortest).await?;
    Err(broken("the same answers when it is run again", "a sequence that failed once"))
}

async fn follow(fixture: &StorageFixture<'_>, steps: &[Step]) -> Checked {
    let mut store = fixture.fresh()?;
    let mut model = Model::default();
    for step in steps {
        model.step(&mut store, step).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Model {
    records: BTreeMap<Vec<u8>, (Vec<u8>, Revision)>,
    given_out: Vec<Revision>,
}

impl Model {
    async fn step(&mut self, store: &mut StorageFixture<'_>, step: &Step) -> Checked {
        match step {
            Step::Get(key) => {
                let found = store.get(key).await?.map(|record| (record.value, record.revision));
                let expected = self.records.get(key);
                ensure(found.as_ref() == expected, text(&expected), text(&found))
            }
            Step::Scan { start, end, after, limit } => {
                let range = match end {
                    Some(end) => KeyRange::between(start.clone(), end.clone()),
                    None => KeyRange::prefix(start.clone()),
                };
                self.scan(store, &range, after.as_deref(), *limit).await
            }
            Step::Commit(items) => self.commit(store, items).await,
            Step::Reopen if (PERSISTENT.declared)(store.subject()) => store.reopen(),
            Step::Reopen => Ok(()),
        }
    }

    async fn scan(
        &self,
        store: &StorageFixture<'_>,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Checked {
        let page = store.scan(range, after, limit).await?;
        let expected: Vec<_> = self
            .records
            .iter()
            .filter(|(key, _)| range.contains(key) && after.is_none_or(|after| key.as_slice() > after))
            .map(|(key, (value, revision))| (key.as_slice(), value.as_slice(), *revision))
            .collect();
        let found: Vec<_> = page
            .entries
            .iter()
            .map(|entry| (entry.key.as_slice(), entry.value.as_slice(), entry.revision))
            .collect();
        // An engine may return a shorter page, but not an empty one while there are records.
        let right = expected.starts_with(&found)
            && found.len() <= limit.max(1)
            && found.is_empty() == expected.is_empty()
            && page.more == (found.len() < expected.len());
        ensure(right, format!("the beginning of {expected:?}"), format!("{found:?}, more: {}", page.more))
    }

    async fn commit(
        &mut self,
        store: &StorageFixture<'_>,
        items: &BTreeMap<Vec<u8>, (Act, Expect)>,
    ) -> Checked {
        let (mut batch, mut after, mut conflict) = (Batch::new(), self.records.clone(), None);
        let mut put = Vec::new();
        for (place, (key, (act, expect))) in items.iter().enumerate() {
            let current = self.records.get(key).map(|(_, revision)| *revision);
            let expectation = self.expectation(expect, current);
            let expectation = match (act, expectation) {
                (Act::Put(byte), expectation) => {
                    let value = vec![*byte; usize::from(*byte)];
                    put.push((key.clone(), value.clone()));
                    batch = batch.put(key.clone(), value, expectation);
                    expectation
                }
                (Act::Check, Expectation::Revision(revision)) => {
                    batch = batch.check(key.clone(), revision);
                    expectation
                }
                (Act::Check | Act::Delete, expectation) => {
                    // A check or a deletion cannot expect that the record is absent.
                    let expectation =
                        if expectation == Expectation::Absent { Expectation::Any } else { expectation };
                    after.remove(key);
                    batch = batch.delete(key.clone(), expectation);
                    expectation
                }
            };
            if conflict.is_none() && !expectation.is_met_by(current) {
                conflict = Some(place);
            }
        }
        match (store.commit(batch).await, conflict) {
            (Ok(CommitOutcome::Conflict { item }), Some(place)) if item == place => Ok(()),
            (Ok(CommitOutcome::Committed(revision)), None) => {
                ensure(!self.given_out.contains(&revision), "a new revision", text(&revision))?;
                self.given_out.push(revision);
                after.extend(put.into_iter().map(|(key, value)| (key, (value, revision))));
                self.records = after;
                Ok(())
            }
            (outcome, Some(place)) => {
                Err(broken(format!("a conflict of item {place}"), format!("{outcome:?}")))
            }
            (outcome, None) => Err(broken("the batch committed", format!("{outcome:?}"))),
        }
    }

    fn expectation(&self, expect: &Expect, current: Option<Revision>) -> Expectation {
        match expect {
            Expect::Any => Expectation::Any,
            Expect::Absent => Expectation::Absent,
            Expect::Current => current.map_or(Expectation::Absent, Expectation::Revision),
            Expect::Old(_) if self.given_out.is_empty() => Expectation::Any,
            Expect::Old(index) => Expectation::Revision(self.given_out[index % self.given_out.len()]),
        }
    }
}
