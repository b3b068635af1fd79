//! Mutants with broken metadata, and metadata that is unusual but valid.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyway_core::{PluginKind, Version, WrittenBy};
use serde_json::{Value, json};

use super::{DescribedPlugin, MetadataSubject};
use crate::notation::mutants;
use crate::{Mutant, Subject};

/// Returns the valid document that the mutants change.
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

/// Returns the valid document, with the value at `path` replaced.
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

/// Returns the valid document with a text before the first key.
fn text_first(text: &str) -> Arc<dyn MetadataSubject> {
    Arc::new(plugin("sample", sound().to_string().replacen('{', &format!("{{{text},"), 1)))
}

/// A plugin whose document is valid. Its fault is that it decides wrongly which data it reads, or that its version
/// changes with each reading.
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

/// Lists every mutant, with the rule that it breaks.
pub fn all() -> Vec<Mutant<dyn MetadataSubject>> {
    mutants! {
        IdWithCapitals breaks ["MET-001"] "its registry id has capitals" => Arc::new(plugin("Sample", sound().to_string()));
        IdWithTwoDashes breaks ["MET-001"] "its registry id has an empty word" => Arc::new(plugin("a--b", sound().to_string()));
        NoAuthor breaks ["MET-002"] "it has no author" => without("author");
        KeyTooMany breaks ["MET-002"] "it has an unknown key" => text_first("\"licence\": \"MIT\"");
        KeyTwice breaks ["MET-002"] "it has a key twice" => text_first("\"version\": \"1.1.0\"");
        NotAnObject breaks ["MET-002"] "its document is a list" => Arc::new(plugin("sample", "[]".to_owned()));
        DateAsText breaks ["MET-003"] "its date is a text" => with("/updated", json!("20261121"));
        VersionAsNumber breaks ["MET-003"] "its version is a number" => with("/version", json!(1.2));
        TwoNumbers breaks ["MET-004"] "its version has two numbers" => with("/version", json!("1.2"));
        LeadingZero breaks ["MET-004"] "its version has a leading zero" => with("/version", json!("1.02.0"));
        DayThatIsNone breaks ["MET-005"] "its date is not in the calendar" => with("/updated", json!(20260230));
        DayFirst breaks ["MET-005"] "its date begins with the day" => with("/updated", json!(21112026));
        AuthorWithoutAddress breaks ["MET-006"] "its author has no address" => with("/author", json!("Ada"));
        AuthorWithoutSign breaks ["MET-006"] "the address of its author has no @" => with("/author", json!("Ada <ada.example.org>"));
        NoColon breaks ["MET-007"] "its range has no colon" => with("/compatibility", json!(">=1.0"));
        Blanks breaks ["MET-007"] "its range has blanks" => with("/compatibility", json!(">=:1.0, <:2.0"));
        NothingFits breaks ["MET-008"] "no version satisfies its range" => with("/compatibility", json!(">:2.0,<:1.0"));
        OutsideItsOwnRange breaks ["MET-009"] "its own version is outside its range" => with("/compatibility", json!("<:1.2"));
        OtherKind breaks ["MET-010"] "its type is that of another contract" => with("/plugin/type", json!("Issuer"));
        UnknownKind breaks ["MET-010"] "its type is none" => with("/plugin/type", json!("secret"));
        NoName breaks ["MET-011"] "its name is empty" => with("/plugin/name", json!(""));
        NameWithNewline breaks ["MET-011"] "its name has a newline" => with("/plugin/name", json!("a\nb"));
        NoDescription breaks ["MET-012"] "its description is blank" => with("/plugin/description", json!(" "));
        FractionalDate breaks ["MET-013"] "its date is written with a fraction" => with("/updated", json!(20261121.0));
        ReadsEverything breaks ["MET-014"] "it reads the data of other plugins" => Odd::make(Some(true), false);
        ReadsNothing breaks ["MET-014"] "it does not read what it wrote" => Odd::make(Some(false), false);
        VersionThatCounts breaks ["MET-015"] "its version is another whenever it is asked for" => Odd::make(None, true);
    }
}

/// Makes the shortest valid metadata.
pub fn minimal() -> DescribedPlugin {
    let document = json!({
        "version": "0.0.0", "author": "A <a@b>", "updated": 10000101, "compatibility": "==:0",
        "plugin": { "name": "A", "type": "Secret", "description": "." },
    });
    plugin("a", document.to_string())
}

/// Makes metadata that is valid but unusual.
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
