//! Random sequences of operations against a map.

use std::collections::BTreeMap;

use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Revision};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{StorageSubject, Trial, check};
use crate::storage::opened::{Opened, text};
use crate::{Broken, Level, Rule, broken, ensure};

pub(super) static RULES: &[Rule<StorageSubject>] = &[Rule {
    id: "STO-023",
    level: Level::Must,
    sentence: "Whatever the sequence of operations, the engine answers as an ordered map with revisions does.",
    clauses: &["Storage/items", "Storage/expectations", "Storage/scan", "Storage/conflict"],
    needs: None,
    check: check!(agrees_with_a_map),
}];

/// How many sequences are tried.
const SEQUENCES: usize = 24;
/// How many smaller sequences are tried once one was found that fails.
const SHRINKS: usize = 400;

#[derive(Clone, Debug)]
enum Act {
    Put(u8),
    Delete,
    Check,
}

/// What an item expects. Revisions are chosen when it runs.
#[derive(Clone, Debug)]
enum Expect {
    Any,
    Absent,
    /// The present one, if there is one.
    Current,
    /// One that was given out, whatever became of it.
    Old(usize),
}

#[derive(Clone, Debug)]
enum Step {
    Commit(BTreeMap<Vec<u8>, (Act, Expect)>),
    Get(Vec<u8>),
    Scan { start: Vec<u8>, end: Option<Vec<u8>>, after: Option<Vec<u8>>, limit: usize },
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0_u8), Just(b'a'), Just(255)], 1..4)
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
        6 => prop::collection::btree_map(key(), (act, expect), 0..6).prop_map(Step::Commit),
        2 => key().prop_map(Step::Get),
        2 => (key(), prop::option::of(key()), prop::option::of(key()), 0..6_usize)
            .prop_map(|(start, end, after, limit)| Step::Scan { start, end, after, limit }),
    ]
}

async fn agrees_with_a_map(trial: &Trial<'_>) -> Result<(), Broken> {
    let mut seed = [0; 32];
    for part in seed.chunks_mut(8) {
        part.copy_from_slice(&trial.random().to_le_bytes());
    }
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let sequences = prop::collection::vec(step(), 1..40);
    for _ in 0..SEQUENCES {
        let tree = sequences.new_tree(&mut runner);
        let steps = tree.map_err(|reason| broken("a random sequence", reason.to_string()))?.current();
        if run(trial, &steps).await.is_err() {
            let shortest = shrunk(trial, steps).await;
            let length = shortest.len();
            trial.history().record(format!("the shortest sequence that was found has {length} steps:"));
            // The last in the history is the shortest one.
            run(trial, &shortest).await?;
            return Err(broken("the same answers when it is run again", "a sequence that failed once"));
        }
    }
    Ok(())
}

/// Takes away steps, and items of commits, as long as the sequence still fails.
///
/// The value trees of proptest would do the same; they cannot be kept while a future waits.
async fn shrunk(trial: &Trial<'_>, mut steps: Vec<Step>) -> Vec<Step> {
    let (mut place, mut tries) = (0, 0);
    while tries < SHRINKS {
        let smaller = smaller(&steps, place);
        let Some(smaller) = smaller else { break };
        tries += 1;
        if run(trial, &smaller).await.is_err() {
            // What is behind it may have become superfluous as well.
            (steps, place) = (smaller, 0);
        } else {
            place += 1;
        }
    }
    steps
}

/// The `place`th way of making a sequence smaller: half of it, each step, each item.
fn smaller(steps: &[Step], place: usize) -> Option<Vec<Step>> {
    let half = steps.len() / 2;
    let without = |index: usize| [&steps[..index], &steps[index + 1..]].concat();
    match place {
        0 if half > 0 => return Some(steps[..half].to_vec()),
        1 if half > 0 => return Some(steps[half..].to_vec()),
        _ => {}
    }
    let place = if half > 0 { place - 2 } else { place };
    if place < steps.len() {
        // From the end, because what came later matters less.
        return Some(without(steps.len() - 1 - place));
    }
    let mut place = place - steps.len();
    for (index, step) in steps.iter().enumerate() {
        let Step::Commit(items) = step else { continue };
        if let Some(key) = items.keys().nth(place) {
            let mut smaller = items.clone();
            smaller.remove(key);
            let mut steps = steps.to_vec();
            steps[index] = Step::Commit(smaller);
            return Some(steps);
        }
        place -= items.len();
    }
    None
}

async fn run(trial: &Trial<'_>, steps: &[Step]) -> Result<(), Broken> {
    let store = Opened::new(trial)?;
    let mut model = Model::default();
    for step in steps {
        model.step(&store, step).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Model {
    records: BTreeMap<Vec<u8>, (Vec<u8>, Revision)>,
    given_out: Vec<Revision>,
}

impl Model {
    async fn step(&mut self, store: &Opened<'_>, step: &Step) -> Result<(), Broken> {
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
        }
    }

    async fn scan(
        &self,
        store: &Opened<'_>,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<(), Broken> {
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
        // An engine may give shorter pages, but not empty ones.
        let right = expected.starts_with(&found)
            && found.len() <= limit.max(1)
            && found.is_empty() == expected.is_empty()
            && page.more == (found.len() < expected.len());
        ensure(right, format!("the beginning of {expected:?}"), format!("{found:?}, more: {}", page.more))
    }

    async fn commit(
        &mut self,
        store: &Opened<'_>,
        items: &BTreeMap<Vec<u8>, (Act, Expect)>,
    ) -> Result<(), Broken> {
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
                    // Neither may expect to find nothing.
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
