//! Example settings for generated passwords, in the form that a plugin expects.

use keyway_core::Table;

/// Settings of a plugin, and the properties of the passwords that it then generates. The rules about generated values
/// need this example (decision C11).
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
    /// Makes an example. The store must accept `settings`, and they must differ from the settings of a new store.
    /// `length` is the length of the passwords under these settings, and must differ from the length in a new store.
    /// `characters` are the characters that the passwords may contain.
    pub fn new(settings: Table, length: usize, characters: impl Into<String>) -> Self {
        Self { settings, length, characters: characters.into(), refused: Vec::new() }
    }

    /// Adds settings that the store must refuse, because no password can satisfy them.
    #[must_use]
    pub fn refused(mut self, settings: Table) -> Self {
        self.refused.push(settings);
        self
    }
}
