//! Runs operations in any order, with faults, and compares the store with a model of a few lines.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use keyway_core::{ErrorKind, PluginError, SecretValue, Structured, Table};
use keyway_seal::KeyRing;
use pollster::block_on;
use proptest::prelude::*;

use super::hooks::{Fault, Point, Store, handle};
use super::{at, ring, secret};
use crate::{Configure, ListQuery, SecretChange, SecretStore, StoreError};

#[derive(Clone, Debug)]
enum Step {
    Create(u8, String),
    Modify(u8, Option<String>),
    Destroy(u8),
    Get(u8),
    List(usize),
    Configure(String),
    Settings,
    Info,
    Rotate,
    /// Opens a new handle: counts that were only in memory are lost.
    Reopen,
    /// Lets another handle write between two steps.
    Other(u8),
    /// Makes the next step fail. The first value tells whether the step's write takes effect nevertheless, and the
    /// second whether the hook panics.
    Fail(bool, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..5_u8, ".{0,4}").prop_map(|(name, value)| Step::Create(name, value)),
        2 => (0..5_u8, prop::option::of(".{0,4}")).prop_map(|(name, value)| Step::Modify(name, value)),
        2 => (0..5_u8).prop_map(Step::Destroy),
        2 => (0..5_u8).prop_map(Step::Get),
        1 => (0..4_usize).prop_map(Step::List),
        1 => ".{0,3}".prop_map(Step::Configure),
        1 => Just(Step::Settings),
        1 => Just(Step::Info),
        1 => Just(Step::Rotate),
        1 => Just(Step::Reopen),
        1 => (5..7_u8).prop_map(Step::Other),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(after, panic)| Step::Fail(after, panic)),
    ]
}

#[derive(Clone, Default)]
struct Model {
    secrets: Vec<(String, String)>,
    setting: Option<String>,
    reads: u64,
    writes: u64,
    unwritten: u64,
}

impl Model {
    fn place(&self, name: &str) -> Option<usize> {
        self.secrets.iter().position(|(other, _)| other == name)
    }

    /// Models a write that took effect. `heard` tells whether the tested handle knows about the write, and so starts to
    /// count unwritten reads from 0 again.
    fn wrote(&mut self, unwritten: u64, heard: bool) {
        self.reads += unwritten;
        self.writes += 1;
        if heard {
            self.unwritten = 0;
        }
    }
}

type Outcome = Result<String, Option<ErrorKind>>;

/// The fault that the next step meets, with the values of [`Step::Fail`].
type Armed = Option<(bool, bool)>;

fn names(number: u8) -> String {
    format!("n{number}")
}

/// Computes the expected answer of the step, and changes the model.
fn expected(model: &mut Model, step: &Step, armed: &mut Armed) -> Outcome {
    // Every step that reaches this line reads the document first.
    model.unwritten += 1;
    let mut changed = model.clone();
    let mut writes = true;
    let answer = match step {
        Step::Create(name, value) => {
            if model.place(&names(*name)).is_none() {
                changed.secrets.push((names(*name), value.clone()));
                Ok(String::new())
            } else {
                Err(Some(ErrorKind::AlreadyExists))
            }
        }
        Step::Modify(name, value) => match (model.place(&names(*name)), value) {
            (None, _) => Err(Some(ErrorKind::NotFound)),
            (Some(_), None) => {
                writes = false;
                Ok(String::new())
            }
            (Some(place), Some(value)) => {
                changed.secrets[place].1.clone_from(value);
                Ok(String::new())
            }
        },
        Step::Destroy(name) => {
            if let Some(place) = model.place(&names(*name)) {
                changed.secrets.remove(place);
                Ok(String::new())
            } else {
                Err(Some(ErrorKind::NotFound))
            }
        }
        Step::Get(name) => {
            writes = false;
            model.place(&names(*name)).map(|at| model.secrets[at].1.clone()).ok_or(Some(ErrorKind::NotFound))
        }
        Step::Configure(value) => {
            changed.setting = Some(value.clone());
            Ok(String::new())
        }
        Step::Settings => {
            writes = false;
            Ok(format!("{:?}", model.setting))
        }
        Step::Info => {
            writes = false;
            let reads = model.reads + model.unwritten;
            Ok(format!("{} {reads} {}", model.secrets.len(), model.writes))
        }
        Step::Rotate => Ok(String::new()),
        other => panic!("{other:?}"),
    };
    if answer.is_err() || !writes {
        return answer;
    }
    match armed.take() {
        None => {
            let unwritten = model.unwritten;
            *model = changed;
            model.wrote(unwritten, true);
            answer
        }
        Some((after, _)) => {
            if after {
                let unwritten = model.unwritten;
                *model = changed;
                model.wrote(unwritten, false);
            }
            Err(None)
        }
    }
}

fn observed(store: &Store, step: &Step, new: &KeyRing) -> Outcome {
    let run = || -> Result<String, StoreError> {
        let empty = String::new;
        match step {
            Step::Create(name, value) => {
                block_on(store.create(secret(&names(*name), value))).map(|_| empty())
            }
            Step::Modify(name, value) => {
                let change = match value {
                    Some(value) => SecretChange::value(SecretValue::text(value.as_str())),
                    None => SecretChange::default(),
                };
                block_on(store.modify(&at(&names(*name)), change)).map(|_| empty())
            }
            Step::Destroy(name) => block_on(store.destroy(&at(&names(*name)), None)).map(|()| empty()),
            Step::Get(name) => block_on(store.get(&at(&names(*name))))
                .map(|secret| secret.value.expose_text().unwrap().to_owned()),
            Step::Configure(value) => {
                let mut settings = Table::new();
                settings.insert("s", Structured::text(value.as_str()));
                block_on(store.configure(Configure::Write(settings))).map(|_| empty())
            }
            Step::Settings => block_on(store.configure(Configure::Read)).map(|settings| {
                let setting = settings.get("s").map(|value| match value {
                    Structured::Text(text) => text.to_string(),
                    other => panic!("{other:?}"),
                });
                format!("{setting:?}")
            }),
            Step::Info => block_on(store.info())
                .map(|info| format!("{} {} {}", info.secrets.number, info.reads, info.writes)),
            Step::Rotate => block_on(store.rotate(new, &|_| {})).map(|()| empty()),
            other => panic!("{other:?}"),
        }
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(StoreError::System { .. })) | Err(_) => Err(None),
        Ok(Err(error)) => Err(Some(error.kind())),
    }
}

/// Lists all names and values, over pages of this size.
fn listed(store: &Store, limit: usize) -> (Vec<(String, String)>, u64) {
    let (mut all, mut query, mut pages) = (Vec::new(), ListQuery::all().with_values().limit(limit), 0);
    loop {
        let page = block_on(store.list(&query)).unwrap();
        pages += 1;
        all.extend(
            page.secrets
                .into_iter()
                .map(|secret| (secret.header.id, secret.value.unwrap().expose_text().unwrap().to_owned())),
        );
        match page.next {
            Some(next) => query = ListQuery::all().with_values().limit(limit).after(next),
            None => return (all, pages),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn operations_do_what_the_model_says(steps in prop::collection::vec(step(), 1..40)) {
        let stored = Arc::default();
        let mut keys = ring();
        let mut store = handle(&stored, &keys);
        block_on(store.initialize()).unwrap();
        let mut model = Model { reads: 1, writes: 1, ..Model::default() };
        let mut armed: Armed = None;
        // The new keys of a failed rotation, until a rotation succeeds.
        let mut under_way: Option<KeyRing> = None;
        for step in steps {
            match &step {
                Step::Reopen => {
                    let both = under_way.as_ref().map_or_else(|| keys.clone(), |new| new.with_retiring(&keys));
                    let armed_before = store.hooks().fault.lock().unwrap().take();
                    store = handle(&stored, &both);
                    *store.hooks().fault.lock().unwrap() = armed_before;
                    model.unwritten = 0;
                }
                Step::Other(name) => {
                    let both = under_way.as_ref().map_or_else(|| keys.clone(), |new| new.with_retiring(&keys));
                    let other = handle(&stored, &both);
                    let _ = block_on(other.destroy(&at(&names(*name)), None));
                    block_on(other.create(secret(&names(*name), "other"))).unwrap();
                    if let Some(place) = model.place(&names(*name)) {
                        model.secrets.remove(place);
                        // The other handle's `destroy` counted one read and one write.
                        model.wrote(1, false);
                    } else {
                        model.reads += 1;
                    }
                    model.secrets.push((names(*name), "other".to_owned()));
                    model.wrote(1, false);
                }
                Step::Fail(after, panics) => {
                    let point = if *after { Point::AfterWrite } else { Point::BeforeWrite };
                    let fault = if *panics { Fault::Panic } else { Fault::Error };
                    *store.hooks().fault.lock().unwrap() = Some((point, fault));
                    armed = Some((*after, *panics));
                }
                Step::List(limit) => {
                    let (all, pages) = listed(&store, *limit);
                    model.unwritten += pages;
                    prop_assert_eq!(&all, &model.secrets);
                }
                step => {
                    let new = match (step, &under_way) {
                        (Step::Rotate, Some(new)) => new.clone(),
                        _ => ring(),
                    };
                    let should = expected(&mut model, step, &mut armed);
                    let is = observed(&store, step, &new);
                    prop_assert_eq!(&is, &should, "{:?}", step);
                    if let Step::Rotate = step {
                        match is {
                            Ok(_) => {
                                keys = new;
                                under_way = None;
                            }
                            Err(_) => under_way = Some(new),
                        }
                    }
                }
            }
            store.hooks().assert_closed();
        }
    }
}
