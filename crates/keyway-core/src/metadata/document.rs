//! The reader and writer of the metadata document that the Convection seed describes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::{Date, MetadataError, MetadataField, PluginKind, PluginMetadata, text};
use crate::key::{nearest, shown};
use crate::{Compatibility, Version};

/// Any JSON value, with all its duplicate keys. A JSON value of `serde_json` keeps only the last of several equal keys,
/// but decision C3 refuses duplicates.
enum Node {
    Null,
    Boolean,
    Number(serde_json::Number),
    Text(String),
    List,
    Object(Object),
}

type Object = Vec<(String, Node)>;

impl PluginMetadata {
    /// Reads the metadata document of the Convection seed, strictly.
    ///
    /// See decision C3.
    ///
    /// ```
    /// use keyway_core::PluginMetadata;
    ///
    /// let metadata = PluginMetadata::from_json(r#"{
    ///     "version": "1.0.0", "author": "Ada <ada@example.org>", "updated": 20261121,
    ///     "compatibility": ">=:1.0,<:2.0",
    ///     "plugin": { "name": "Generic", "type": "Secret", "description": "Key and value" }
    /// }"#)?;
    /// assert_eq!(metadata.name(), "Generic");
    /// assert_eq!(PluginMetadata::from_json(&metadata.to_json())?, metadata);
    /// # Ok::<(), keyway_core::MetadataError>(())
    /// ```
    ///
    /// # Errors
    /// [`MetadataError`] names the field and the rule that it breaks. Every field must be present and have its type.
    /// There must be no unknown and no repeated key. The date must exist, the type must be known, and the author must
    /// be `Name <address>`. The plugin's own version must satisfy the compatibility string.
    pub fn from_json(json: &str) -> Result<Self, MetadataError> {
        let node = serde_json::from_str(json)
            .map_err(|error| MetadataError::NotJson { line: error.line(), column: error.column() })?;
        read(node)
    }

    /// Reads a parsed document, as [`from_json`](Self::from_json) does.
    ///
    /// Repeated keys are not refused, because parsing has already dropped them.
    ///
    /// # Errors
    /// The same as those of [`from_json`](Self::from_json).
    pub fn from_value(value: &serde_json::Value) -> Result<Self, MetadataError> {
        let node = Node::deserialize(value)
            .map_err(|error| MetadataError::NotJson { line: error.line(), column: error.column() })?;
        read(node)
    }

    /// Writes the metadata document of the Convection seed, as JSON.
    #[allow(clippy::missing_panics_doc)] // JSON has a form for every text and number
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always written")
    }
}

fn read(node: Node) -> Result<PluginMetadata, MetadataError> {
    use MetadataField as Field;
    let mut fields = Fields::of(
        Field::Document,
        node,
        [Field::Version, Field::Author, Field::Updated, Field::Compatibility, Field::Plugin],
    )?;
    let version = fields.text(Field::Version)?;
    let author = fields.text(Field::Author)?;
    let updated = fields.number(Field::Updated)?;
    let compatibility = fields.text(Field::Compatibility)?;
    let plugin = fields.take(Field::Plugin)?;
    let mut fields = Fields::of(Field::Plugin, plugin, [Field::Name, Field::Type, Field::Description])?;
    let name = fields.text(Field::Name)?;
    let kind = fields.text(Field::Type)?;
    let description = fields.text(Field::Description)?;

    let version = Version::parse(&version).map_err(MetadataError::Version)?;
    if !text::is_author(&author) {
        return Err(MetadataError::Malformed { field: Field::Author, expected: text::AUTHOR });
    }
    let date = updated.as_u64().and_then(|number| u32::try_from(number).ok()).and_then(Date::from_number);
    let Some(updated) = date else { return Err(MetadataError::NotADate { found: updated }) };
    let compatibility = Compatibility::parse(&compatibility).map_err(MetadataError::Compatibility)?;
    if !text::is_name(&name) {
        return Err(MetadataError::Malformed { field: Field::Name, expected: text::NAME });
    }
    let kind = PluginKind::from_name(&kind).ok_or(MetadataError::UnknownKind)?;
    if !compatibility.is_satisfiable() {
        return Err(MetadataError::Unsatisfiable { compatibility });
    }
    if !compatibility.matches(&version) {
        return Err(MetadataError::OutsideOwnRange { version, compatibility });
    }
    Ok(PluginMetadata {
        version,
        author: Cow::Owned(author),
        updated,
        compatibility,
        name: Cow::Owned(name),
        kind,
        description: Cow::Owned(description),
    })
}

/// The entries of one object. Reading an entry removes it from the list.
struct Fields(Vec<(MetadataField, Node)>);

impl Fields {
    fn of<const N: usize>(
        object: MetadataField,
        node: Node,
        known: [MetadataField; N],
    ) -> Result<Self, MetadataError> {
        let Node::Object(entries) = node else {
            return Err(MetadataError::WrongType {
                field: object,
                expected: "an object",
                found: node.type_name(),
            });
        };
        let prefix = if object == MetadataField::Plugin { "plugin." } else { "" };
        let mut fields = Vec::with_capacity(N);
        for (key, value) in entries {
            let path = format!("{prefix}{}", shown(&key));
            let name = |field: MetadataField| field.path().strip_prefix(prefix).unwrap_or(field.path());
            let Some(field) = known.into_iter().find(|field| name(*field) == key) else {
                let nearest = nearest(&key, known.map(name));
                return Err(MetadataError::UnknownKey { key: path, nearest });
            };
            if fields.iter().any(|(seen, _)| *seen == field) {
                return Err(MetadataError::Duplicate { key: path });
            }
            fields.push((field, value));
        }
        Ok(Self(fields))
    }

    fn take(&mut self, field: MetadataField) -> Result<Node, MetadataError> {
        let index =
            self.0.iter().position(|(known, _)| *known == field).ok_or(MetadataError::Missing { field })?;
        Ok(self.0.swap_remove(index).1)
    }

    fn text(&mut self, field: MetadataField) -> Result<String, MetadataError> {
        match self.take(field)? {
            Node::Text(text) => Ok(text),
            other => Err(MetadataError::WrongType { field, expected: "a text", found: other.type_name() }),
        }
    }

    fn number(&mut self, field: MetadataField) -> Result<serde_json::Number, MetadataError> {
        match self.take(field)? {
            Node::Number(number) if !number.is_f64() => Ok(number),
            other => {
                Err(MetadataError::WrongType { field, expected: "an integer", found: other.type_name() })
            }
        }
    }
}

impl Node {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number(number) if number.is_f64() => "a number with a fraction",
            Self::Number(_) => "an integer",
            Self::Text(_) => "a text",
            Self::List => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Boolean)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        // Treats an infinity or NaN as null: neither is a date, and the error names only the type.
        Ok(serde_json::Number::from_f64(number).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Node::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut object = Object::new();
        while let Some(entry) = map.next_entry()? {
            object.push(entry);
        }
        Ok(Node::Object(object))
    }
}

impl<'de> Deserialize<'de> for PluginMetadata {
    /// Reads a document that is inside another document, as strictly as [`PluginMetadata::from_json`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(Node::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for PluginMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Plugin<'a> {
            name: &'a str,
            r#type: PluginKind,
            description: &'a str,
        }
        let mut document = serializer.serialize_struct("PluginMetadata", 5)?;
        document.serialize_field("version", &self.version)?;
        document.serialize_field("author", &self.author)?;
        document.serialize_field("updated", &self.updated.as_number())?;
        document.serialize_field("compatibility", &self.compatibility)?;
        let plugin = Plugin { name: &self.name, r#type: self.kind, description: &self.description };
        document.serialize_field("plugin", &plugin)?;
        document.end()
    }
}
