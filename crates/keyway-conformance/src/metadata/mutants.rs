//! Metadata that is broken on purpose, and some that is odd and yet right.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyway_core::{PluginKind, Version, WrittenBy};
use serde_json::{Value, json};

use super::{DescribedPlugin, MetadataSubject};
use crate::{Mutant, Subject};

/// The document that the mutants change.
fn sound() -> Value {
    json!({
        "version": "1.2.0",
        "author": "Ada <ada@example.org>",
        "updated": 20261121,
        "compatibility": ">=:1.0,<:2.0",
        "plugin": { "name": "Sample", "type": "Secret", "description": "Keeps secrets" },
    })
}

fn plugin(id: &str, document: String) -> DescribedPlugin {
    DescribedPlugin { id: id.to_owned(), contract: PluginKind::Secret, document }
}

/// The sound document with another value at a path.
fn with(path: &str, value: Value) -> Arc<dyn MetadataSubject> {
    let mut document = sound();
    if let Some(place) = document.pointer_mut(path) {
        *place = value;
    }
    Arc::new(plugin("sample", document.to_string()))
}

fn without(key: &str) -> Arc<dyn MetadataSubject> {
    let mut document = sound();
    if let Value::Object(object) = &mut document {
        object.remove(key);
    }
    Arc::new(plugin("sample", document.to_string()))
}

/// The sound document with a text put in front of the first key.
fn text_first(text: &str) -> Arc<dyn MetadataSubject> {
    Arc::new(plugin("sample", sound().to_string().replacen('{', &format!("{{{text},"), 1)))
}

/// A plugin whose document is sound, and that does something else wrong.
#[derive(Debug)]
struct Odd {
    reads: Option<bool>,
    asked: AtomicU64,
    changes: bool,
}

impl Odd {
    fn make(reads: Option<bool>, changes: bool) -> Arc<dyn MetadataSubject> {
        Arc::new(Self { reads, asked: AtomicU64::new(0), changes })
    }

    fn plugin(&self) -> DescribedPlugin {
        let asked = if self.changes { self.asked.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let mut document = sound();
        document["version"] = json!(format!("1.2.{asked}"));
        plugin("sample", document.to_string())
    }
}

impl Subject for Odd {
    fn name(&self) -> String {
        "sample".to_owned()
    }

    fn version(&self) -> Version {
        Version::new(1, 2, 0)
    }
}

impl MetadataSubject for Odd {
    fn id(&self) -> String {
        "sample".to_owned()
    }

    fn document(&self) -> String {
        self.plugin().document
    }

    fn contract(&self) -> PluginKind {
        PluginKind::Secret
    }

    fn reads(&self, stamp: &WrittenBy) -> bool {
        self.reads.unwrap_or_else(|| self.plugin().reads(stamp))
    }
}

/// Rows of the table: the rule, the mutant, how it is made.
macro_rules! table {
    ($($rule:literal $name:ident $make:expr),* $(,)?) => {
        vec![$(($rule, Mutant { name: stringify!($name), subject: || $make })),*]
    };
}

/// Every mutant, with the id of the rule that it breaks.
#[rustfmt::skip]
pub fn all() -> Vec<(&'static str, Mutant<dyn MetadataSubject>)> {
    table![
        "MET-001" IdWithCapitals Arc::new(plugin("Sample", sound().to_string())),
        "MET-001" IdWithTwoDashes Arc::new(plugin("a--b", sound().to_string())),
        "MET-002" NoAuthor without("author"),
        "MET-002" KeyTooMany text_first("\"licence\": \"MIT\""),
        "MET-002" KeyTwice text_first("\"version\": \"1.1.0\""),
        "MET-002" NotAnObject Arc::new(plugin("sample", "[]".to_owned())),
        "MET-003" DateAsText with("/updated", json!("20261121")),
        "MET-003" VersionAsNumber with("/version", json!(1.2)),
        "MET-004" TwoNumbers with("/version", json!("1.2")),
        "MET-004" LeadingZero with("/version", json!("1.02.0")),
        "MET-005" DayThatIsNone with("/updated", json!(20260230)),
        "MET-005" DayFirst with("/updated", json!(21112026)),
        "MET-006" AuthorWithoutAddress with("/author", json!("Ada")),
        "MET-006" AuthorWithoutSign with("/author", json!("Ada <ada.example.org>")),
        "MET-007" NoColon with("/compatibility", json!(">=1.0")),
        "MET-007" Blanks with("/compatibility", json!(">=:1.0, <:2.0")),
        "MET-008" NothingFits with("/compatibility", json!(">:2.0,<:1.0")),
        "MET-009" OutsideItsOwnRange with("/compatibility", json!("<:1.2")),
        "MET-010" OtherKind with("/plugin/type", json!("Issuer")),
        "MET-010" UnknownKind with("/plugin/type", json!("secret")),
        "MET-011" NoName with("/plugin/name", json!("")),
        "MET-011" NameWithNewline with("/plugin/name", json!("a\nb")),
        "MET-012" NoDescription with("/plugin/description", json!(" ")),
        "MET-013" FractionalDate with("/updated", json!(20261121.0)),
        "MET-014" ReadsEverything Odd::make(Some(true), false),
        "MET-014" ReadsNothing Odd::make(Some(false), false),
        "MET-015" VersionThatCounts Odd::make(None, true),
    ]
}

/// The least that metadata has to say.
pub fn minimal() -> DescribedPlugin {
    let document = json!({
        "version": "0.0.0", "author": "A <a@b>", "updated": 10000101, "compatibility": "==:0",
        "plugin": { "name": "A", "type": "Secret", "description": "." },
    });
    plugin("a", document.to_string())
}

/// What metadata may say and hardly any does.
pub fn strange() -> DescribedPlugin {
    let document = json!({
        "version": "18446744073709551615.0.0-alpha.1+build.7",
        "author": "Zoë \"Z\" O'Neil, Jr. <z+keyway@[::1]>",
        "updated": 20240229,
        "compatibility": "!=:3,>:0.0.1,>=:1.0.0-rc.1",
        "plugin": { "name": "名前 / \\ \u{fe0f}", "type": "Secret", "description": "Two\nlines" },
    });
    plugin("a1-2-b3", document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Candidate, Format, Matrix, RunOptions};

    #[test]
    fn odd_metadata_that_is_right_passes() {
        for plugin in [minimal(), strange(), super::plugin("sample", sound().to_string())] {
            let report = Candidate::from(plugin).run(&RunOptions::default());
            assert!(report.succeeded(), "{}", report.format(Format::Table));
        }
    }

    #[test]
    fn every_mutant_is_caught_by_the_rule_that_it_breaks() {
        let matrix = Matrix::run(&super::super::suite(), &all(), true, &RunOptions::default(), &|_| {});
        assert!(matrix.faults().is_empty(), "{}", matrix.format());
    }

    #[test]
    fn the_rules_cover_their_clauses() {
        crate::check_rules(&super::super::suite()).unwrap();
    }
}
