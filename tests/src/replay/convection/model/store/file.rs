//! Operations that read or change the file without the plugin.

use serde_json::{Value, json};

use super::access::projected;
use super::counts::counts;
use super::passwords::{content_has_generated, like};
use super::{Answer, File, Model, UNREADABLE};
use crate::replay::convection::call::Call;
use crate::replay::convection::model::document;
use crate::replay::convection::node::{Node, bytes};
use crate::replay::{Class, Demand};

impl Model {
    pub(super) fn ls(&self) -> Answer {
        let files = if matches!(self.file, File::Absent) { json!([]) } else { json!([self.file_name]) };
        self.said(None, Demand::Exactly(files))
    }

    pub(super) fn file(&self) -> Answer {
        let mode = "0o600";
        match &self.file {
            File::Absent => self.said(None, Demand::Exactly(json!({ "exists": false }))),
            File::Unreadable { is_empty: true } => {
                self.said(None, Demand::Exactly(json!({ "exists": true, "empty": true, "mode": mode })))
            }
            File::Unreadable { is_empty: false } => {
                let holds = |file: &Value| {
                    file["exists"] == true && file["empty"] == false && file["mode"] == "0o600"
                };
                self.said(None, Demand::answer("a file that is not empty", holds))
            }
            File::Document { node, sealed_by, upstream } => {
                let mut content = node.to_json();
                content["metadata"] = projected(&content["metadata"]);
                let file = json!({
                    "exists": true, "empty": false, "mode": mode,
                    "decrypts_with": if sealed_by.0 == b'o' { "old" } else { "new" },
                    "content": content,
                });
                let counted = document::problem(&self.specification, node).is_none();
                let differs = counted && counts(node) != *upstream;
                let makes_passwords = content_has_generated(&file);
                let decision = makes_passwords.then_some("C11").or(differs.then_some("C12"));
                self.said(decision, like(file))
            }
        }
    }

    /// Performs an operation on the file without the plugin.
    pub(super) fn outside(&mut self, call: Call<'_>) -> Answer {
        match (call.operation, &mut self.file) {
            ("raw_write", file) => {
                let Some(bytes) = call.arguments.first().and_then(bytes) else {
                    return self.refused(None, &[Class::Invalid]);
                };
                *file = File::Unreadable { is_empty: bytes.is_empty() };
            }
            ("put_doc", file) => {
                let node = call.arguments.first().and_then(Node::from_input)?;
                let upstream = counts(&node);
                *file = File::Document { node, sealed_by: (b'o', 0), upstream };
            }
            (_, File::Absent) => return self.refused(None, &[Class::NotInitialized]),
            ("truncate", file) => {
                *file = File::Unreadable { is_empty: call.arguments.first() == Some(&json!(0)) }
            }
            ("remove_file", file) => *file = File::Absent,
            ("patch_doc", File::Document { node, upstream, sealed_by }) => {
                // A patch seals with the first key of the set.
                sealed_by.1 = 0;
                let path: Vec<_> = call
                    .arguments
                    .first()
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                node.set(&path, call.arguments.get(1).and_then(Node::from_input));
                if path.first() == Some(&"stats") {
                    *upstream = counts(node);
                }
            }
            _ => return self.refused(None, UNREADABLE),
        }
        self.said(None, Demand::done())
    }
}
