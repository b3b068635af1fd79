//! A model of a store and its handles: each operation changes the model, and returns what decisions demand.

mod access;
mod configuration;
mod counts;
mod file;
mod lifecycle;
mod passwords;
mod secrets;

use std::collections::BTreeMap;

use serde_json::Value;

pub(in crate::replay::convection) use access::projected;
use counts::Counts;

use super::document::{Problem, Specification};
use crate::replay::convection::call::{Call, KeyName, SetKey, key_set};
use crate::replay::convection::node::Node;
use crate::replay::oracle::base64::is_key;
use crate::replay::{Class, Demand, Ruling};

const UNREADABLE: &[Class] = &[Class::Corrupt, Class::WrongKey];

/// The content of the file.
#[derive(Clone, Debug)]
enum File {
    Absent,
    Unreadable { is_empty: bool },
    Document { node: Node, sealed_by: KeyName, upstream: Counts },
}

#[derive(Clone, Debug)]
struct Handle {
    reading: Vec<KeyName>,
    sealing: KeyName,
    initial_settings: Node,
    deleted: bool,
    /// The number of reads since the last write. Only a write stores the count.
    unwritten: i64,
    upstream: Counts,
}

/// A model of a store and its handles.
#[derive(Debug)]
pub(in crate::replay::convection) struct Model {
    plugin: String,
    specification: Specification,
    name_fits: bool,
    file: File,
    file_name: String,
    handles: BTreeMap<String, Handle>,
    current: String,
    /// The decision that first made the store differ from upstream's.
    departed: Option<&'static str>,
}

type Answer = Option<Ruling>;

impl Model {
    pub(in crate::replay::convection) fn new(plugin: &str, folder: &str, store: &str) -> Self {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        Self {
            plugin: plugin.to_owned(),
            specification: Specification::named(plugin),
            name_fits: (1..=128).contains(&store.len())
                && !store.starts_with('.')
                && store.bytes().all(allowed),
            file: File::Absent,
            file_name: format!("{folder}/{store}"),
            handles: BTreeMap::new(),
            current: String::new(),
            departed: None,
        }
    }

    /// Returns the demands of decisions on the next operation.
    pub(in crate::replay::convection) fn step(&mut self, call: Call<'_>) -> Answer {
        match call.operation {
            "open" => return self.open(call),
            "use" => {
                call.text(0).unwrap_or_default().clone_into(&mut self.current);
                return None;
            }
            _ if !self.handles.contains_key(&self.current) => return self.refused(None, &[Class::NoHandle]),
            _ => {}
        }
        match call.operation {
            "rotate" => self.rotate(call.arguments.first().unwrap_or(&Value::Null)),
            "ls" => self.ls(),
            "file" => self.file(),
            "internal" => None,
            // Demands that no lock is held: a lock would show that `close` did not run.
            "locked" => self.said(Some("C13"), Demand::Exactly(false.into())),
            "raw_write" | "truncate" | "remove_file" | "patch_doc" | "put_doc" => self.outside(call),
            _ => match call.bound(&self.plugin) {
                None => self.refused(None, &[Class::Invalid]),
                Some(arguments) => self.bound(call.operation, &arguments),
            },
        }
    }

    fn bound(&mut self, operation: &str, arguments: &[Value]) -> Answer {
        match operation {
            "initialize" => self.initialize(),
            "create" | "modify" => self.put(operation == "create", arguments),
            "destroy" => self.destroy(&arguments[0]),
            "get" => self.get(&arguments[0]),
            "list" => self.list(),
            "info" => self.info(),
            "configure" if arguments[1].is_null() => self.read_settings(&arguments[0]),
            "configure" => self.write_settings(&arguments[0], &arguments[1]),
            "marked_for_delete" => self.delete(),
            _ => None,
        }
    }

    fn said(&self, decision: Option<&'static str>, demand: Demand) -> Answer {
        decision.or(self.departed).map(|decision| Ruling::new(decision, demand))
    }

    fn refused(&self, decision: Option<&'static str>, classes: &'static [Class]) -> Answer {
        self.said(decision, Demand::Refused(classes))
    }

    /// Records that the store differs from upstream's from here on.
    fn depart(&mut self, decision: &'static str) {
        self.departed.get_or_insert(decision);
    }

    /// Answers that a change is refused, and notes that upstream may have made the change.
    fn change_refused(&mut self, problem: Problem) -> Answer {
        let answer = self.refused(problem.decision, problem.classes);
        if let Some(decision) = problem.decision {
            self.depart(decision);
        }
        answer
    }

    fn handle(&mut self) -> &mut Handle {
        self.handles.get_mut(&self.current).expect("`step` has checked the handle")
    }

    fn open(&mut self, call: Call<'_>) -> Answer {
        let name = call.text(0).unwrap_or_default();
        name.clone_into(&mut self.current);
        let keys = match names_of(call.key_set_to_open()) {
            Ok(keys) if keys.is_empty() => return self.refused(None, &[Class::Invalid]),
            Ok(keys) => keys,
            Err(Unnamed::Key) => return self.refused(None, &[Class::Unsupported]),
            Err(Unnamed::Malformed) => {
                // Upstream's reader of keys ignores malformed keys.
                self.depart("C8");
                return self.refused(Some("C8"), &[Class::Invalid]);
            }
        };
        if !self.name_fits {
            self.depart("C9");
            return self.refused(Some("C9"), &[Class::Invalid]);
        }
        let mut initial_settings = self.specification.initial();
        if let Some(given) = call.arguments.get(2).filter(|given| !given.is_null()) {
            let given = Node::from_input(given);
            let broken =
                given.as_ref().map_or(Some("C10"), |given| self.specification.broken_decision(given));
            if let Some(decision) = broken {
                self.depart(decision);
                return self.refused(Some(decision), &[Class::Invalid]);
            }
            initial_settings = self.specification.in_force(&given.unwrap_or(initial_settings));
        }
        let sealing = keys[0];
        let handle = Handle {
            reading: keys,
            sealing,
            initial_settings,
            deleted: false,
            unwritten: 0,
            upstream: Counts::default(),
        };
        self.handles.insert(name.to_owned(), handle);
        self.said(None, Demand::done())
    }
}

/// A key text that is not one of the vectors' own keys.
enum Unnamed {
    /// A valid key that the vectors do not name.
    Key,
    /// A text that is not a key.
    ///
    /// A key is 32 bytes in strict Base64 (decision C8).
    Malformed,
}

fn names_of(set: &Value) -> Result<Vec<KeyName>, Unnamed> {
    let name = |key| match key {
        SetKey::Named(name) => Ok(name),
        SetKey::Text(text) if is_key(text) => Err(Unnamed::Key),
        SetKey::Text(_) => Err(Unnamed::Malformed),
    };
    key_set(set).into_iter().map(name).collect()
}
