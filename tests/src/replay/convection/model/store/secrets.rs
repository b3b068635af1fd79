//! The operations on single secrets, and the list of them.

use serde_json::Value;

use super::passwords::{generated, like};
use super::{Answer, Model};
use crate::replay::convection::model::document::Problem;
use crate::replay::convection::model::settings::Specification;
use crate::replay::convection::node::Node;
use crate::replay::{Class, Demand};

const REFUSED_VALUE: &[Class] = &[Class::Invalid, Class::Unsupported];

impl Model {
    pub(super) fn put(&mut self, is_new: bool, arguments: &[Value]) -> Answer {
        let Some(name) = arguments[0].as_str() else {
            return self.change_refused(Problem::new(Some("C6"), &[Class::Invalid]));
        };
        let names_fit = (1..=1024).contains(&name.len()) && !name.chars().any(char::is_control);
        if is_new && !names_fit {
            return self.change_refused(Problem::new(Some("C9"), &[Class::Invalid]));
        }
        let is_generated = self.specification.generates && arguments[1].is_null();
        let given = Node::from_input(&arguments[1]);
        if given.is_none() && !is_generated {
            return self.change_refused(Problem::new(Some("C6"), REFUSED_VALUE));
        }
        let length = arguments.get(2).filter(|length| is_generated && !length.is_null());
        let letters = arguments.get(3).filter(|letters| is_generated && !letters.is_null());
        let has_type = |length: &Value| length.as_u64().is_some_and(|length| u32::try_from(length).is_ok());
        if length.is_some_and(|length| !has_type(length))
            || letters.is_some_and(|letters| !letters.is_string())
        {
            // The length in the recipe is not an unsigned 32-bit integer, or the alphabet is not a text.
            return self.change_refused(Problem::new(Some("C11"), &[Class::Invalid]));
        }
        let mut node = match self.read() {
            Ok(node) => node,
            Err(mut problem) => {
                if is_generated {
                    // Upstream checks the recipe before it reads the document, and uses the settings in its memory.
                    problem.decision = problem.decision.or(Some("C11"));
                }
                return self.change_refused(problem);
            }
        };
        let value = if let Some(value) = given {
            value
        } else {
            let settings =
                self.specification.in_force(node.get("config").unwrap_or(&Node::Table(Vec::new())));
            let made = Specification::password(
                &settings,
                length.and_then(Value::as_i64),
                letters.and_then(Value::as_str),
            );
            match made {
                Some((length, letters)) => generated(length, &letters),
                None => return self.change_refused(Problem::new(Some("C11"), &[Class::Invalid])),
            }
        };
        match (node.get("store").and_then(|store| store.get(name)).is_some(), is_new) {
            (true, true) => return self.refused(None, &[Class::AlreadyExists]),
            (false, false) => return self.refused(None, &[Class::NotFound]),
            _ => node.set(&["store", name], Some(value)),
        };
        let sealing = self.handle().sealing;
        self.write(node, sealing);
        self.said(None, Demand::Exactly(true.into()))
    }

    /// Answers an operation whose name is not a text. Upstream reads the document before it looks for the name.
    fn no_name(&mut self) -> Answer {
        let unwritten = self.handle().unwritten;
        let _ = self.read();
        self.handle().unwritten = unwritten;
        self.refused(Some("C6"), &[Class::Invalid])
    }

    pub(super) fn destroy(&mut self, name: &Value) -> Answer {
        let Some(name) = name.as_str() else { return self.no_name() };
        match self.read() {
            Err(problem) => self.change_refused(problem),
            Ok(mut node) => {
                if !node.set(&["store", name], None) {
                    return self.refused(None, &[Class::NotFound]);
                }
                let sealing = self.handle().sealing;
                self.write(node, sealing);
                self.said(None, Demand::Exactly(true.into()))
            }
        }
    }

    pub(super) fn get(&mut self, name: &Value) -> Answer {
        let Some(name) = name.as_str() else { return self.no_name() };
        match self.read() {
            Err(problem) => self.refused(problem.decision, problem.classes),
            Ok(node) => match node.get("store").and_then(|store| store.get(name)) {
                None => self.refused(None, &[Class::NotFound]),
                Some(value) => {
                    let value = value.to_json();
                    let decision = value.get("$generated").map(|_| "C11");
                    self.said(decision, like(value))
                }
            },
        }
    }

    pub(super) fn list(&mut self) -> Answer {
        match self.read() {
            Err(problem) => self.refused(problem.decision, problem.classes),
            Ok(node) => {
                let Some(Node::Table(secrets)) = node.get("store") else { return None };
                let names: Value = secrets.iter().map(|(name, _)| Value::from(name.as_str())).collect();
                // Python's TOML writer moves tables to the end, so upstream's order may differ.
                let moves = secrets.iter().any(|(_, value)| match value {
                    Node::Table(_) => true,
                    Node::Array(items) => items.iter().any(|item| matches!(item, Node::Table(_))),
                    _ => false,
                });
                self.said(moves.then_some("C15"), Demand::Exactly(names))
            }
        }
    }
}
