//! The operations on the store as a whole.

use serde_json::{Value, json};

use super::access::projected;
use super::counts::{Counts, counts, set_counts};
use super::{Answer, File, Model, Unnamed, names_of};
use crate::replay::convection::model::document;
use crate::replay::convection::node::Node;
use crate::replay::{Class, Demand};

impl Model {
    pub(super) fn initialize(&mut self) -> Answer {
        let classes: &'static [Class] = match (self.unsealed(), &self.file) {
            (Err(problem), _) if problem.decision.is_some() => return self.change_refused(problem),
            (_, File::Absent) => {
                let settings = self.handle().initial_settings.clone();
                let sealing = self.handle().sealing;
                let mut node = Node::Table(vec![
                    ("metadata".to_owned(), self.metadata()),
                    ("config".to_owned(), settings),
                    ("store".to_owned(), Node::Table(Vec::new())),
                    ("stats".to_owned(), Node::Table(Vec::new())),
                ]);
                set_counts(&mut node, 1, 0);
                self.handle().upstream.reads += 1;
                self.write(node, sealing);
                return self.said(None, Demand::done());
            }
            (Err(problem), _) => problem.classes,
            (Ok(node), _) => match document::problem(&self.specification, &node) {
                Some(problem) if !problem.only_settings => &[Class::AlreadyExists, Class::Corrupt],
                _ => &[Class::AlreadyExists],
            },
        };
        // Keyway never overwrites an existing store.
        self.depart("C4");
        self.refused(Some("C4"), classes)
    }

    pub(super) fn info(&mut self) -> Answer {
        match self.read() {
            Err(problem) => self.refused(problem.decision, problem.classes),
            Ok(node) => {
                let stored = counts(&node);
                let (unwritten, upstream) = (self.handle().unwritten, self.handle().upstream);
                // A negative stored count is treated as missing.
                let reads = if stored.reads < 0 { 0 } else { stored.reads + unwritten };
                let ours = Counts { reads, writes: stored.writes.max(0) };
                let secrets =
                    if let Some(Node::Table(secrets)) = node.get("store") { secrets.len() } else { 0 };
                let info = json!({
                    "metadata": projected(&self.metadata().to_json()),
                    "stats": { "secret_count": secrets, "reads": ours.reads, "writes": ours.writes },
                });
                self.said((ours != upstream).then_some("C12"), Demand::Exactly(info))
            }
        }
    }

    pub(super) fn rotate(&mut self, set: &Value) -> Answer {
        let new = match names_of(set) {
            Err(Unnamed::Key) => return self.refused(None, &[Class::Unsupported]),
            Err(Unnamed::Malformed) => Vec::new(),
            Ok(new) => new,
        };
        if new.is_empty() {
            // The new keys do not form a ring, because there are none or one is invalid. So the rotation is refused in
            // every state of the store. Upstream finds the error only after it has copied the file.
            let answer = self.refused(Some("C8"), &[Class::Invalid]);
            self.depart("C7");
            return answer;
        }
        if self.handle().deleted {
            return self.refused(Some("C13"), &[Class::Deleted]);
        }
        if matches!(self.file, File::Absent) {
            let old = self.handle().reading.clone();
            self.handle().reading = new.into_iter().chain(old).collect();
            return self.refused(None, &[Class::NotInitialized]);
        }
        // Upstream reads with the new keys only.
        let works_upstream = match &self.file {
            File::Document { sealed_by, .. } => new.contains(sealed_by),
            _ => false,
        };
        let old = self.handle().reading.clone();
        self.handle().reading = new.iter().copied().chain(old).collect();
        match self.read() {
            Err(problem) => {
                let answer = self.refused(problem.decision, problem.classes);
                // Upstream differs from here on: after the failed rotation, the copy of the file that the rotation
                // made stays, and upstream's handle has the new keys.
                self.depart("C7");
                answer
            }
            Ok(node) => {
                self.write(node, new[0]);
                let handle = self.handle();
                handle.sealing = new[0];
                handle.reading = new;
                if works_upstream {
                    return self.said(None, Demand::Exactly(true.into()));
                }
                self.depart("C7");
                self.said(Some("C7"), Demand::Exactly(true.into()))
            }
        }
    }

    pub(super) fn delete(&mut self) -> Answer {
        let problem = match self.unsealed() {
            // The store was deleted before, so upstream finds no file.
            Err(problem) if problem.decision == Some("C13") => return self.said(Some("C13"), Demand::done()),
            Err(_) if matches!(self.file, File::Absent) => {
                self.depart("C13");
                self.handle().deleted = true;
                return self.said(Some("C13"), Demand::done());
            }
            Err(problem) => Some(problem),
            Ok(node) => {
                document::problem(&self.specification, &node).filter(|problem| !problem.only_settings)
            }
        };
        if let Some(problem) = problem {
            // Upstream deletes the file without any check.
            self.depart("C13");
            return self.refused(Some("C13"), problem.classes);
        }
        self.file = File::Absent;
        self.handle().deleted = true;
        self.said(None, Demand::done())
    }
}
