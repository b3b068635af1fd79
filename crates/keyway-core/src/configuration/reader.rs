//! A `serde` reader of JSON values whose errors name the place and never contain a value.
//!
//! `serde_json`'s own errors repeat the value ("invalid type: string "hunter2""), and name an unknown key only inside a
//! sentence.

use std::fmt;

use super::error::{ConfigurationError, ConfigurationProblem};
use crate::json::Json;
use crate::key::{nearest, shown};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

/// Reads one JSON value.
pub(super) struct Reader<'a>(&'a Json);

impl<'a> Reader<'a> {
    pub(super) fn new(value: &'a Json) -> Self {
        Self(value)
    }
}

/// A step on the path from the whole configuration to a value inside it.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// A failure, with the path to its place. `steps` begins with the innermost step.
#[derive(Debug)]
pub(super) struct Failure {
    /// The missing or unknown key at the place of the failure.
    key: Option<String>,
    steps: Vec<Step>,
    problem: ConfigurationProblem,
}

impl Failure {
    fn of(problem: ConfigurationProblem) -> Self {
        Self { key: None, steps: Vec::new(), problem }
    }

    fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Returns the error for the caller. Removes a reason that might repeat a value of `root`.
    pub(super) fn explain(self, root: &Json) -> ConfigurationError {
        let Self { key, mut steps, mut problem } = self;
        steps.reverse();
        if let ConfigurationProblem::Refused { reason } = &mut problem {
            let place = steps.iter().try_fold(root, |value, step| match (step, value) {
                (Step::Key(key), Json::Object(entries)) => entries.get(key),
                (Step::Index(index), Json::Array(items)) => items.get(*index),
                _ => None,
            });
            if repeats(reason, place.unwrap_or(root)) {
                reason.clear();
            }
        }
        steps.extend(key.map(Step::Key));
        let mut path = String::new();
        for step in steps {
            match step {
                Step::Key(key) => {
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(&shown(&key));
                }
                Step::Index(index) => path.extend(["[", &index.to_string(), "]"]),
            }
        }
        ConfigurationError { path, problem }
    }
}

/// Tells whether `reason` repeats a part of `value`: the whole text of a short value, or any four consecutive
/// characters of a long one.
fn repeats(reason: &str, value: &Json) -> bool {
    const TELLING: usize = 4;
    match value {
        Json::Null | Json::Boolean(_) => false,
        Json::Integer(integer) => reason.contains(integer.decimal()),
        Json::Float(float) => reason.contains(&float.get().to_string()),
        Json::Text(text) => {
            let text = text.expose();
            let length = text.chars().count().min(TELLING);
            let starts = text.char_indices().map(|(start, _)| &text[start..]);
            let mut parts = starts.filter_map(|rest| {
                rest.char_indices().nth(length - 1).map(|(at, last)| &rest[..at + last.len_utf8()])
            });
            length > 0 && parts.any(|part| reason.contains(part))
        }
        Json::Array(items) => items.iter().any(|value| repeats(reason, value)),
        Json::Object(entries) => entries.values().any(|value| repeats(reason, value)),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(ConfigurationProblem::Refused { reason: message.to_string() })
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(ConfigurationProblem::WrongType { expected: expected.to_string(), found: type_name(&found) })
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(ConfigurationProblem::Refused { reason: format!("it must be {expected}") })
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::of(ConfigurationProblem::Refused {
            reason: format!("it has {length} elements and must be {expected}"),
        })
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::of(ConfigurationProblem::UnknownChoice { known })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let nearest = nearest(field, known.iter().copied());
        Self { key: Some(field.to_owned()), ..Self::of(ConfigurationProblem::UnknownKey { nearest, known }) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { key: Some(field.to_owned()), ..Self::of(ConfigurationProblem::MissingKey) }
    }

    fn duplicate_field(field: &'static str) -> Self {
        // A JSON object never contains a key twice, so this object contains both the field's name and its alias.
        Self::of(ConfigurationProblem::Refused { reason: format!("`{field}` is given twice") })
    }
}

fn type_name(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "something else",
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Json::Null => visitor.visit_unit(),
            Json::Boolean(value) => visitor.visit_bool(*value),
            Json::Integer(integer) => match (integer.decimal().parse(), integer.decimal().parse()) {
                (Ok(number), _) => visitor.visit_u64(number),
                (Err(_), Ok(number)) => visitor.visit_i64(number),
                (Err(_), Err(_)) => visitor.visit_f64(integer.decimal().parse().unwrap_or(f64::INFINITY)),
            },
            Json::Float(float) => visitor.visit_f64(float.get()),
            Json::Text(text) => visitor.visit_borrowed_str(text.expose()),
            Json::Array(values) => {
                let mut elements = Elements { values, next: 0 };
                let result = visitor.visit_seq(&mut elements)?;
                if elements.next < values.len() {
                    return Err(Failure::custom(format_args!(
                        "at most {} elements are taken",
                        elements.next
                    )));
                }
                Ok(result)
            }
            Json::Object(map) => visitor.visit_map(Entries { entries: map.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Json::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.0 {
            // Refuses a list, because serde would read its elements as the fields in order, without their names.
            Json::Array(_) => Err(Failure::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.0 {
            Json::Text(choice) => visitor.visit_enum(Choice { choice: choice.expose(), content: None }),
            Json::Object(map) => match map.iter().next() {
                Some((choice, content)) if map.len() == 1 => {
                    visitor.visit_enum(Choice { choice, content: Some(content) })
                }
                _ => Err(Failure::custom("a choice is a text, or an object with one key")),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

struct Elements<'a> {
    values: &'a [Json],
    next: usize,
}

impl<'de> SeqAccess<'de> for &mut Elements<'de> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let index = self.next;
        let Some(value) = self.values.get(index) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(Reader(value)).map(Some).map_err(|failure| failure.within(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len() - self.next)
    }
}

struct Entries<'a> {
    entries: std::collections::btree_map::Iter<'a, String, Json>,
    value: Option<(&'a String, &'a Json)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        self.value = self.entries.next();
        self.value.map(|(key, _)| seed.deserialize(StrDeserializer::<Failure>::new(key))).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        let Some((key, value)) = self.value.take() else {
            return Err(Failure::custom("a value was asked for before its key"));
        };
        seed.deserialize(Reader(value)).map_err(|failure| failure.within(Step::Key(key.clone())))
    }
}

/// The variant of an enumeration: its name and its content.
struct Choice<'a> {
    choice: &'a str,
    content: Option<&'a Json>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Failure;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'de>), Failure> {
        let variant = seed.deserialize(StrDeserializer::<Failure>::new(self.choice))?;
        Ok((variant, Content(self.choice, self.content)))
    }
}

struct Content<'a>(&'a str, Option<&'a Json>);

impl<'de> Content<'de> {
    fn read<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        let Self(choice, content) = self;
        let value =
            content.ok_or_else(|| Failure::custom("this choice needs a value: write it as an object"))?;
        seed.deserialize(Reader(value)).map_err(|failure| failure.within(Step::Key(choice.to_owned())))
    }
}

/// Passes a visitor on to [`Deserializer::deserialize_any`].
struct Any<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Any<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.1 {
            None | Some(Json::Null) => Ok(()),
            Some(_) => Err(Failure::custom("this choice takes no value: write it as a text")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        self.read(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.read(Any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.read(Any(visitor))
    }
}
