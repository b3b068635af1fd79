//! Compares random histories with a map.

use std::collections::BTreeMap;

use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Revision};
use pollster::block_on;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Subject, commit};

/// The expectation of an item of a random batch. Revisions are chosen when it runs.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Any,
    Absent,
    /// The current revision, if the record exists.
    Current,
    /// An earlier revision, whatever happened to its record.
    Old(usize),
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Put(u8),
    Delete,
    Check,
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(Vec<u8>, Act, Expect)>),
    Get(Vec<u8>),
    Scan { start: Vec<u8>, end: Option<Vec<u8>>, after: Option<Vec<u8>>, limit: usize },
    Restart,
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
        6 => prop::collection::vec((key(), act, expect), 0..6).prop_map(Step::Commit),
        2 => key().prop_map(Step::Get),
        2 => (key(), prop::option::of(key()), prop::option::of(key()), 0..6_usize)
            .prop_map(|(start, end, after, limit)| Step::Scan { start, end, after, limit }),
        1 => Just(Step::Restart),
    ]
}

/// Runs random histories on stores from `make` and on a map, and compares every answer.
pub(crate) fn agrees_with_a_model<S: Subject>(make: impl Fn() -> S) {
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let histories = prop::collection::vec(step(), 1..60);
    runner
        .run(&histories, |history| {
            let mut subject = make();
            let mut model = Model::default();
            for step in history {
                model.check(&mut subject, step)?;
            }
            Ok(())
        })
        .unwrap();
}

#[derive(Default)]
struct Model {
    records: BTreeMap<Vec<u8>, (Vec<u8>, Revision)>,
    given_out: Vec<Revision>,
}

impl Model {
    fn check(&mut self, subject: &mut dyn Subject, step: Step) -> Result<(), TestCaseError> {
        let store = subject.store();
        match step {
            Step::Restart => subject.restart(),
            Step::Get(key) => {
                let found = block_on(store.get(&key)).unwrap().map(|record| (record.value, record.revision));
                prop_assert_eq!(found.as_ref(), self.records.get(&key));
            }
            Step::Scan { start, end, after, limit } => {
                let range = match end {
                    Some(end) => KeyRange::between(start, end),
                    None => KeyRange::prefix(start),
                };
                let page = block_on(store.scan(&range, after.as_deref(), limit)).unwrap();
                let expected: Vec<_> = self
                    .records
                    .iter()
                    .filter(|(key, _)| range.contains(key))
                    .filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after))
                    .map(|(key, (value, revision))| (key.clone(), value.clone(), *revision))
                    .collect();
                let found: Vec<_> =
                    page.entries.into_iter().map(|entry| (entry.key, entry.value, entry.revision)).collect();
                prop_assert_eq!(page.more, expected.len() > limit.max(1));
                prop_assert_eq!(&found[..], &expected[..expected.len().min(limit.max(1))]);
            }
            Step::Commit(items) => self.commit(subject, &items)?,
        }
        Ok(())
    }

    fn commit(
        &mut self,
        subject: &dyn Subject,
        items: &[(Vec<u8>, Act, Expect)],
    ) -> Result<(), TestCaseError> {
        let (mut batch, mut after, mut conflict, mut refused) =
            (Batch::new(), self.records.clone(), None, false);
        let mut put = Vec::new();
        for (place, (key, act, expect)) in items.iter().enumerate() {
            refused |= items[..place].iter().any(|(earlier, ..)| earlier == key);
            let current = self.records.get(key).map(|(_, revision)| *revision);
            let expectation = match expect {
                Expect::Any => Expectation::Any,
                Expect::Absent => Expectation::Absent,
                Expect::Current => current.map_or(Expectation::Absent, Expectation::Revision),
                Expect::Old(_) if self.given_out.is_empty() => Expectation::Any,
                Expect::Old(index) => Expectation::Revision(self.given_out[index % self.given_out.len()]),
            };
            let mut holds = match expectation {
                Expectation::Any => true,
                Expectation::Absent => current.is_none(),
                Expectation::Revision(revision) => current == Some(revision),
            };
            batch = match (act, expectation) {
                (Act::Put(byte), _) => {
                    put.push((key.clone(), vec![*byte; usize::from(*byte)]));
                    batch.put(key.clone(), vec![*byte; usize::from(*byte)], expectation)
                }
                (Act::Check, Expectation::Revision(revision)) => batch.check(key.clone(), revision),
                (Act::Check | Act::Delete, expectation) => {
                    refused |= expectation == Expectation::Absent && matches!(act, Act::Delete);
                    if matches!(act, Act::Check) {
                        // A check must have a revision, so it cannot be expressed otherwise.
                        holds = true;
                        batch.delete(key.clone(), Expectation::Any)
                    } else {
                        batch.delete(key.clone(), expectation)
                    }
                }
            };
            let checks = matches!((act, expectation), (Act::Check, Expectation::Revision(_)));
            if !matches!(act, Act::Put(_)) && !checks {
                after.remove(key);
            }
            if !holds && conflict.is_none() {
                conflict = Some(place);
            }
        }
        match (commit(&*subject.store(), batch), refused, conflict) {
            (Err(_), true, _) => {}
            (Ok(CommitOutcome::Conflict { item }), false, Some(place)) => prop_assert_eq!(item, place),
            (Ok(CommitOutcome::Committed(revision)), false, None) => {
                prop_assert!(!self.given_out.contains(&revision));
                self.given_out.push(revision);
                after.extend(put.into_iter().map(|(key, value)| (key, (value, revision))));
                self.records = after;
            }
            (outcome, ..) => {
                prop_assert!(false, "{outcome:?}, expected refusal {refused}, conflict {conflict:?}");
            }
        }
        Ok(())
    }
}
