//! Reading and writing the document.

use serde_json::Value;

use super::counts::{counts, set_counts};
use super::{File, Model, UNREADABLE};
use crate::replay::Class;
use crate::replay::convection::call::KeyName;
use crate::replay::convection::model::document::{self, Problem, WRITES};
use crate::replay::convection::node::Node;
use crate::replay::oracle::version::Version;

impl Model {
    /// Returns the unsealed document, or the problem that prevents unsealing. Does not check the content.
    pub(super) fn unsealed(&mut self) -> Result<Node, Problem> {
        let handle = self.handle().clone();
        if handle.deleted {
            return Err(Problem::new(Some("C13"), &[Class::Deleted]));
        }
        match &self.file {
            File::Absent => Err(Problem::new(None, &[Class::NotInitialized])),
            File::Unreadable { .. } => Err(Problem::new(None, UNREADABLE)),
            File::Document { sealed_by, .. } if !handle.reading.contains(sealed_by) => {
                Err(Problem::new(None, &[Class::WrongKey]))
            }
            File::Document { node, .. } => Ok(node.clone()),
        }
    }

    /// Reads the document, and counts the read.
    pub(super) fn read(&mut self) -> Result<Node, Problem> {
        let node = self.unsealed()?;
        if let Some(mut problem) = document::problem(&self.specification, &node) {
            if problem.only_counters && self.handle().upstream.reads != 0 {
                // Upstream checks the counters only at the first read of a handle. Decision H18 requires the check at
                // every read.
                problem.decision = Some("H18");
            }
            return Err(problem);
        }
        self.count_read();
        Ok(node)
    }

    pub(super) fn count_read(&mut self) {
        let File::Document { upstream: stored, .. } = self.file else { return };
        let handle = self.handle();
        handle.unwritten += 1;
        if handle.upstream.reads == 0 {
            handle.upstream = stored;
        }
        handle.upstream.reads += 1;
    }

    pub(super) fn read_uncounted_upstream(&mut self) -> Result<Node, Problem> {
        let before = self.handle().upstream;
        let node = self.read();
        self.handle().upstream = before;
        node
    }

    pub(super) fn write(&mut self, mut node: Node, sealed_by: KeyName) {
        let stored = Version::read(&text_at(&node, "metadata", "version")).expect("it was read");
        let running = Version::read(WRITES).expect("a version");
        let counts = counts(&node);
        let handle = self.handle();
        let (reads, writes) = (counts.reads.max(0) + handle.unwritten, counts.writes.max(0) + 1);
        handle.unwritten = 0;
        handle.upstream.writes += 1;
        let upstream = handle.upstream;
        set_counts(&mut node, reads, writes);
        let metadata = self.metadata();
        if running.compare(&stored).is_lt() {
            // The file records the newest version of the plugin that ever wrote it.
            let version = text_at(&node, "metadata", "version");
            node.set(&["metadata"], Some(metadata));
            node.set(&["metadata", "version"], Some(Node::Text(version)));
            self.depart("H9");
        } else {
            node.set(&["metadata"], Some(metadata));
        }
        if let Node::Table(sections) = &node
            && sections
                .iter()
                .any(|(name, _)| !["metadata", "config", "store", "stats"].contains(&name.as_str()))
        {
            // Upstream drops sections that it does not know. Keyway keeps them.
            self.depart("C6");
        }
        self.file = File::Document { node, sealed_by, upstream };
    }

    pub(super) fn metadata(&self) -> Node {
        let text = |text: &str| Node::Text(text.to_owned());
        Node::Table(vec![
            ("version".to_owned(), text(WRITES)),
            ("compatibility".to_owned(), text(">=:1.0,<:2.0")),
            (
                "plugin".to_owned(),
                Node::Table(vec![
                    ("name".to_owned(), text(self.specification.name)),
                    ("type".to_owned(), text("Secret")),
                ]),
            ),
        ])
    }
}

/// Returns a metadata block without the parts that depend on the plugin: author, date and description.
pub(in crate::replay::convection) fn projected(metadata: &Value) -> Value {
    let Some(block) = metadata.as_object() else { return metadata.clone() };
    let mut kept = serde_json::Map::new();
    for key in ["version", "compatibility"] {
        kept.extend(block.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let plugin = block.get("plugin").map(|plugin| match plugin.as_object() {
        Some(plugin) => plugin
            .iter()
            .filter(|(key, _)| *key != "description")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        None => plugin.clone(),
    });
    kept.extend(plugin.map(|plugin| ("plugin".to_owned(), plugin)));
    Value::Object(kept)
}

fn text_at(node: &Node, section: &str, name: &str) -> String {
    match node.get(section).and_then(|section| section.get(name)) {
        Some(Node::Text(text)) => text.clone(),
        _ => String::new(),
    }
}
