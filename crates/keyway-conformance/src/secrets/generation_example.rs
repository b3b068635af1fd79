//! Settings by which a store makes passwords, as its plugin understands them.

use keyway_core::Table;

/// Settings of a plugin's own, and what passwords they mean: what the rules about decision C11
/// need to know of a plugin whose stores generate values.
///
/// ```
/// use keyway_conformance::secrets::GenerationExample;
/// use keyway_core::Table;
/// use serde_json::json;
///
/// let settings = |json: serde_json::Value| Table::from_json(json.as_object().unwrap()).unwrap();
/// let example = GenerationExample::new(settings(json!({ "length": 33, "alphabet": "digits" })), 33, "0123456789")
///     .refused(settings(json!({ "length": 7 })))
///     .refused(settings(json!({ "length": 1025 })));
/// # let _ = example;
/// ```
#[derive(Clone, Debug)]
pub struct GenerationExample {
    pub(super) settings: Table,
    pub(super) length: usize,
    pub(super) characters: String,
    pub(super) refused: Vec<Table>,
}

impl GenerationExample {
    /// Settings that a store takes and that differ from those of a new one; the number of
    /// characters that passwords have by them, which is none that a new store gives them; and
    /// the characters that may be in them.
    pub fn new(settings: Table, length: usize, characters: impl Into<String>) -> Self {
        Self { settings, length, characters: characters.into(), refused: Vec::new() }
    }

    /// Settings that the store has to refuse, because no password can be made by them. Name some.
    #[must_use]
    pub fn refused(mut self, settings: Table) -> Self {
        self.refused.push(settings);
        self
    }
}
