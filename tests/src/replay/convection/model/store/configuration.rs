//! The settings of a store: `configure` reads and writes them.

use serde_json::Value;

use super::{Answer, Model};
use crate::replay::convection::node::Node;
use crate::replay::{Class, Demand};

impl Model {
    /// Reads the settings.
    ///
    /// Upstream answers from memory. So it answers even before the store exists, does not see later changes by another
    /// handle, and does not count the read.
    pub(super) fn read_settings(&mut self, name: &Value) -> Answer {
        let node = match self.read_uncounted_upstream() {
            Ok(node) => node,
            Err(problem) => return self.refused(problem.decision.or(Some("C10")), problem.classes),
        };
        let settings =
            self.specification.in_force(node.get("config").unwrap_or(&Node::Table(Vec::new()))).to_json();
        match (name.is_null(), name.as_str()) {
            (true, _) => self.said(Some("C10"), Demand::Exactly(settings)),
            (false, Some(path)) => match looked_up(&settings, path) {
                Some(value) => self.said(Some("C10"), Demand::Exactly(value.clone())),
                None => self.refused(Some("C10"), &[Class::NotFound]),
            },
            (false, None) => self.refused(Some("C10"), &[Class::Invalid]),
        }
    }

    /// Writes the settings, which upstream cannot do.
    pub(super) fn write_settings(&mut self, name: &Value, value: &Value) -> Answer {
        let node = match self.read_uncounted_upstream() {
            Ok(node) => node,
            Err(problem) => return self.refused(problem.decision.or(Some("C10")), problem.classes),
        };
        let mut settings = node.get("config").cloned().unwrap_or(Node::Table(Vec::new()));
        settings = self.specification.in_force(&settings);
        let changed = match (name.as_str(), Node::from_input(value)) {
            (_, None) => false,
            (None, Some(value)) => {
                settings = value;
                name.is_null()
            }
            (Some(path), Some(value)) => settings.set(&path.split('.').collect::<Vec<_>>(), Some(value)),
        };
        if !changed || self.specification.broken_decision(&settings).is_some() {
            return self.refused(Some("C10"), &[Class::Invalid]);
        }
        self.depart("C10");
        let before = self.handle().upstream;
        self.count_read();
        let mut node = node;
        let settings = self.specification.in_force(&settings);
        node.set(&["config"], Some(settings.clone()));
        let sealing = self.handle().sealing;
        self.write(node, sealing);
        self.handle().upstream = before;
        self.said(Some("C10"), Demand::Exactly(settings.to_json()))
    }
}

fn looked_up<'a>(settings: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(settings, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}
