//! The reader of vectors.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::family::{self, Form};
use super::oracle::json_text;

/// One observation of an upstream system.
#[derive(Clone, Debug)]
pub struct Vector {
    /// The name, for reports only.
    pub id: String,
    /// The kind, which chooses the adapter.
    pub kind: String,
    /// The subject, for reports only.
    pub what: String,
    /// The input.
    pub input: Input,
    /// Upstream's behaviour.
    pub expected: Expected,
}

/// The input of upstream. It gives no access to the vector's name or upstream's behaviour.
#[derive(Clone, Debug)]
pub struct Input {
    value: Value,
    situation: String,
}

/// The behaviour of upstream.
#[derive(Clone, Debug)]
pub struct Expected(Value);

impl Input {
    /// Creates an input, for tests.
    pub fn new(value: Value) -> Self {
        Self::in_situation(value, "")
    }

    /// Creates an input with a situation in words. Several kinds of Barbican have vectors with an empty input, and only
    /// the vector's description names the called method.
    pub fn in_situation(value: Value, situation: impl Into<String>) -> Self {
        Self { value, situation: situation.into() }
    }

    /// Returns the situation in words.
    pub fn situation(&self) -> &str {
        &self.situation
    }

    /// Returns the whole input.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the value of a key, or null if it is missing.
    pub fn get(&self, key: &str) -> &Value {
        self.value.get(key).unwrap_or(&Value::Null)
    }

    /// Returns the text under a key, or an empty one if it is missing.
    pub fn text(&self, key: &str) -> &str {
        self.get(key).as_str().unwrap_or_default()
    }
}

impl Expected {
    /// Creates a behaviour, for tests.
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// Returns the whole behaviour.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Returns the value of a key, or null if it is missing.
    pub fn get(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or(&Value::Null)
    }
}

/// An error of reading a file of vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableVectors {
    /// The system cannot read the file.
    #[error("{path} cannot be read: {error}")]
    File {
        /// The file.
        path: String,
        /// The cause.
        error: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{path} is not JSON: {error}")]
    Json {
        /// The file.
        path: String,
        /// The cause.
        error: serde_json::Error,
    },
    /// The file is JSON of another form.
    #[error("{path} holds no vectors: {reason}")]
    Form {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
    },
}

/// Reads a file of vectors.
///
/// # Errors
/// [`UnreadableVectors`].
pub fn read_file(path: &Path) -> Result<Vec<Vector>, UnreadableVectors> {
    let shown = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => read(&text, &shown),
        Err(error) => Err(UnreadableVectors::File { path: shown, error }),
    }
}

/// Reads the text of a file of vectors.
///
/// The form of the file determines the place of the kind. In a list, each item has the kind at the beginning of its
/// `id`; in an object with a list `vectors`, each item has a field `kind`.
///
/// Integers beyond 64 bits become `{"$integer": "123..."}`, so that no digit is lost.
///
/// # Errors
/// [`UnreadableVectors`], which names the file by `path`.
pub fn read(text: &str, path: &str) -> Result<Vec<Vector>, UnreadableVectors> {
    let form = |reason: String| UnreadableVectors::Form { path: path.to_owned(), reason };
    let value: Value = serde_json::from_str(&json_text::with_all_integers(text))
        .map_err(|error| UnreadableVectors::Json { path: path.to_owned(), error })?;
    let (items, where_kind_stands) = match value {
        Value::Array(items) => (items, Form::BeginningOfId),
        Value::Object(mut object) => match object.remove("vectors") {
            Some(Value::Array(items)) => (items, Form::OwnField),
            _ => return Err(form("an object without a list `vectors`".to_owned())),
        },
        _ => return Err(form("neither a list nor an object".to_owned())),
    };
    let vectors = items.into_iter().enumerate();
    vectors
        .map(|(index, item)| {
            one(item, where_kind_stands).map_err(|reason| form(format!("item {index}: {reason}")))
        })
        .collect()
}

fn one(item: Value, form: Form) -> Result<Vector, String> {
    let Value::Object(mut item) = item else { return Err("not an object".to_owned()) };
    let id = take_text(&mut item, "id")?;
    let kind = match form {
        Form::OwnField => take_text(&mut item, "kind")?,
        Form::BeginningOfId => family::kind_of_id(&id),
    };
    let what = item.remove("what").and_then(|what| what.as_str().map(str::to_owned)).unwrap_or_default();
    let input = item.remove("input").ok_or("no `input`")?;
    let expected = item.remove("expected").ok_or("no `expected`")?;
    let input = Input::in_situation(input, what.clone());
    Ok(Vector { id, kind, what, input, expected: Expected(expected) })
}

fn take_text(item: &mut Map<String, Value>, key: &str) -> Result<String, String> {
    match item.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(format!("`{key}` is not a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let object = r#"{"vectors": [{"id": "compat-1", "kind": "compat", "input": {"version": "1"}, "expected": 1}]}"#;
        let list = r#"[{"id": "go.lookup.03", "input": {}, "expected": {}}, {"id": "nobody.knows.1", "input": 1, "expected": 2}]"#;
        let vectors = read(object, "x").unwrap();
        assert_eq!((vectors[0].kind.as_str(), vectors[0].input.text("version")), ("compat", "1"));
        let vectors = read(list, "x").unwrap();
        assert_eq!(vectors[0].kind, "go.lookup");
        assert_eq!(vectors[1].kind, "nobody.knows.1");
    }

    #[test]
    fn other_forms_are_refused() {
        for text in
            ["", "1", "{}", r#"{"vectors": {}}"#, "[1]", r#"[{"id": "a", "input": 1}]"#, r#"[{"id": 1}]"#]
        {
            assert!(read(text, "x").is_err(), "{text}");
        }
    }
}
