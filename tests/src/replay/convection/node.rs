//! Values in the forms of the vectors, of TOML, and of stores.
//!
//! In the inputs of vectors, a JSON object with one key that begins with `$` represents a value
//! that JSON cannot express; upstream's answers have the same objects without the `$`.

use keyway_core::{Integer, SecretValue, Structured, Table};
use serde_json::{Map, Number, Value, json};
use toml::de::{DeTable, DeValue};

/// A tree of values in their written order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// Decimal digits, with an optional `-`.
    Integer(String),
    Float(f64),
    Boolean(bool),
    /// A date or time in TOML's spelling.
    DateTime(String),
    Array(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Node {
    /// Converts a vector's input, or returns `None` if it holds null or bytes.
    pub(super) fn from_input(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(truth) => Self::Boolean(*truth),
            Value::Number(number) if number.is_f64() => Self::Float(number.as_f64()?),
            Value::Number(number) => Self::Integer(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from_input).collect::<Option<_>>()?),
            Value::Object(entries) => match marked(value) {
                Some(("$float", content)) => Self::Float(content.as_str()?.parse().ok()?),
                Some(("$integer", content)) => Self::Integer(content.as_str()?.to_owned()),
                Some(("$none" | "$bytes", _)) => return None,
                _ => {
                    let entry =
                        |(name, value): (&String, &Value)| Some((name.clone(), Self::from_input(value)?));
                    Self::Table(entries.iter().map(entry).collect::<Option<_>>()?)
                }
            },
        })
    }

    /// Parses a TOML document, or returns `None` if the text is not TOML.
    pub(super) fn from_toml(text: &str) -> Option<Self> {
        let root = DeTable::parse(text).ok()?;
        Self::from_table(text, root.into_inner())
    }

    fn from_table(text: &str, table: DeTable<'_>) -> Option<Self> {
        let entry = |(name, value): (toml::Spanned<_>, toml::Spanned<DeValue<'_>>)| {
            let name: std::borrow::Cow<'_, str> = name.into_inner();
            Some((name.into_owned(), Self::from_value(text, value)?))
        };
        table.into_iter().map(entry).collect::<Option<_>>().map(Self::Table)
    }

    fn from_value(text: &str, value: toml::Spanned<DeValue<'_>>) -> Option<Self> {
        let at = value.span();
        Some(match value.into_inner() {
            DeValue::String(text) => Self::Text(text.into_owned()),
            DeValue::Integer(number) if number.radix() == 10 => {
                Self::Integer(Integer::parse(number.as_str())?.decimal().to_owned())
            }
            DeValue::Integer(number) => {
                Self::Integer(i128::from_str_radix(number.as_str(), number.radix()).ok()?.to_string())
            }
            DeValue::Float(number) => Self::Float(number.as_str().parse().ok()?),
            DeValue::Boolean(truth) => Self::Boolean(truth),
            DeValue::Datetime(_) => Self::DateTime(text.get(at)?.to_owned()),
            DeValue::Array(items) => Self::Array(
                items.into_iter().map(|item| Self::from_value(text, item)).collect::<Option<_>>()?,
            ),
            DeValue::Table(table) => Self::from_table(text, table)?,
        })
    }

    /// Writes a TOML document: first the values that are not tables, then a section for each table.
    pub(super) fn to_toml(&self) -> String {
        let Self::Table(entries) = self else { return String::new() };
        let is_section = |node: &Node| matches!(node, Self::Table(_));
        let mut text = String::new();
        for (name, value) in entries.iter().filter(|(_, value)| !is_section(value)) {
            text.extend([&quoted(name), " = ", &value.inline(), "\n"]);
        }
        for (name, value) in entries {
            if let Self::Table(section) = value {
                text.extend(["[", &quoted(name), "]\n"]);
                for (name, value) in section {
                    text.extend([&quoted(name), " = ", &value.inline(), "\n"]);
                }
            }
        }
        text
    }

    fn inline(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Integer(text) | Self::DateTime(text) => text.clone(),
            Self::Float(number) if number.is_nan() => "nan".to_owned(),
            Self::Float(number) if number.is_infinite() => {
                if *number > 0.0 { "inf" } else { "-inf" }.to_owned()
            }
            Self::Float(number) => format!("{number:?}"),
            Self::Boolean(truth) => truth.to_string(),
            Self::Array(items) => {
                format!("[{}]", items.iter().map(Self::inline).collect::<Vec<_>>().join(", "))
            }
            Self::Table(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(name, value)| format!("{} = {}", quoted(name), value.inline()))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    /// Writes JSON in the form of upstream's answers.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(decimal) => integer(decimal),
            Self::Float(number) => float(*number),
            Self::Boolean(truth) => (*truth).into(),
            Self::DateTime(text) => date_time(text),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Table(entries) => {
                Value::Object(entries.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
            }
        }
    }

    /// Returns the entry of a table.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        match self {
            Self::Table(entries) => entries.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Sets or removes the value at `path`; returns `false` when the path does not exist.
    pub(super) fn set(&mut self, path: &[&str], value: Option<Node>) -> bool {
        let (Self::Table(entries), Some((name, rest))) = (self, path.split_first()) else { return false };
        let at = entries.iter().position(|(known, _)| known == name);
        match (at, value) {
            (Some(at), value) if !rest.is_empty() => entries[at].1.set(rest, value),
            (Some(at), Some(value)) => {
                entries[at].1 = value;
                true
            }
            (Some(at), None) => {
                entries.remove(at);
                true
            }
            (None, Some(value)) if rest.is_empty() => {
                entries.push(((*name).to_owned(), value));
                true
            }
            (None, _) => false,
        }
    }

    /// Converts to a store's value.
    pub(super) fn to_structured(&self) -> Option<Structured> {
        Some(match self {
            Self::Text(text) => Structured::text(text.as_str()),
            Self::Integer(decimal) => Structured::Integer(Integer::parse(decimal)?),
            Self::Float(number) => Structured::Float((*number).into()),
            Self::Boolean(truth) => Structured::Boolean((*truth).into()),
            Self::DateTime(text) => Structured::DateTime(text.clone().into()),
            Self::Array(items) => {
                Structured::Array(items.iter().map(Self::to_structured).collect::<Option<_>>()?)
            }
            Self::Table(entries) => {
                let mut table = Table::new();
                for (name, value) in entries {
                    table.push_new(name.as_str(), value.to_structured()?);
                }
                Structured::Table(table)
            }
        })
    }
}

/// Returns the key and the content of an object with one key that begins with `$`. Such an object represents a value
/// that JSON cannot express.
pub(super) fn marked(value: &Value) -> Option<(&str, &Value)> {
    let entries = value.as_object().filter(|entries| entries.len() == 1)?;
    entries
        .iter()
        .next()
        .map(|(key, content)| (key.as_str(), content))
        .filter(|(key, _)| key.starts_with('$'))
}

/// Returns the bytes of `{"$bytes": hex}`.
pub(super) fn bytes(value: &Value) -> Option<Vec<u8>> {
    match marked(value)? {
        ("$bytes", hex) => super::fernet::unhex(hex.as_str()?),
        _ => None,
    }
}

/// Converts a store's value to the form of upstream's answers.
pub(super) fn answered(value: &SecretValue) -> Value {
    if let Some(text) = value.expose_text() {
        return text.into();
    }
    match value.expose_structured() {
        Some(structured) => structured_json(structured),
        None => json!({ "bytes": super::fernet::hex(value.expose_bytes().unwrap_or_default()) }),
    }
}

/// Converts a store's structured value to the form of upstream's answers.
pub(super) fn structured_json(value: &Structured) -> Value {
    match value {
        Structured::Text(text) => text.as_str().into(),
        Structured::Integer(number) => integer(number.decimal()),
        Structured::Float(number) => float(**number),
        Structured::Boolean(truth) => (**truth).into(),
        Structured::DateTime(text) => date_time(text),
        Structured::Array(items) => items.iter().map(structured_json).collect(),
        Structured::Table(table) => table_json(table),
    }
}

/// Converts a store's table to the form of upstream's answers.
pub(super) fn table_json(table: &Table) -> Value {
    Value::Object(
        table.iter().map(|(name, value)| (name.to_owned(), structured_json(value))).collect::<Map<_, _>>(),
    )
}

fn integer(decimal: &str) -> Value {
    let number =
        decimal.parse::<i64>().map(Number::from).or_else(|_| decimal.parse::<u64>().map(Number::from));
    number.map_or_else(|_| json!({ "$integer": decimal }), Value::Number)
}

fn float(number: f64) -> Value {
    let name = match number {
        number if number.is_nan() => "nan",
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        number => return number.into(),
    };
    json!({ "float": name })
}

/// Converts TOML's spelling of a date or time to Python's.
fn date_time(text: &str) -> Value {
    let value = DeValue::parse(text).ok().map(toml::Spanned::into_inner);
    let Some(DeValue::Datetime(moment)) = value else { return json!({ "datetime": text }) };
    let date = moment.date.map(|date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day));
    let time = moment.time.map(|time| {
        let micros = time.nanosecond.unwrap_or(0) / 1000;
        let fraction = if micros > 0 { format!(".{micros:06}") } else { String::new() };
        format!("{:02}:{:02}:{:02}{fraction}", time.hour, time.minute, time.second.unwrap_or(0))
    });
    let offset = moment.offset.map_or_else(String::new, |offset| match offset.to_string().as_str() {
        "Z" => "+00:00".to_owned(),
        other => other.to_owned(),
    });
    match (date, time) {
        (Some(date), Some(time)) => json!({ "datetime": format!("{date}T{time}{offset}") }),
        (Some(date), None) => json!({ "date": date }),
        (None, Some(time)) => json!({ "time": time }),
        (None, None) => Value::Null,
    }
}

fn write_escape(quoted: &mut String, character: char) {
    use std::fmt::Write as _;
    write!(quoted, "\\U{:08X}", u32::from(character)).expect("writing to a text never fails");
}

/// Returns a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => write_escape(&mut quoted, character),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_back_in_order() {
        let text = "[b]\nz = 1\na = [1, {x = \"q\\\"\\u0001\"}]\n[a.c]\nd = -0.0\ne = 123456789012345678901234567890\nf = 2024-01-02\n";
        let node = Node::from_toml(text).unwrap();
        assert_eq!(Node::from_toml(&node.to_toml()), Some(node.clone()));
        let Node::Table(entries) = &node else { panic!() };
        assert_eq!(entries.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(node.to_json()["a"]["c"]["e"], json!({ "$integer": "123456789012345678901234567890" }));
    }

    #[test]
    fn moments_are_written_as_python_does() {
        for (text, json) in [
            ("2024-01-02", json!({"date": "2024-01-02"})),
            ("2024-01-02 03:04:05z", json!({"datetime": "2024-01-02T03:04:05+00:00"})),
            ("2024-01-02T03:04:05.5-01:30", json!({"datetime": "2024-01-02T03:04:05.500000-01:30"})),
            ("03:04:05", json!({"time": "03:04:05"})),
        ] {
            assert_eq!(date_time(text), json, "{text}");
        }
    }

    #[test]
    fn places_are_set_and_taken_away() {
        let mut node = Node::from_toml("[a]\nb = 1\n").unwrap();
        assert!(node.set(&["a", "c"], Some(Node::Boolean(true))) && node.set(&["a", "b"], None));
        assert!(!node.set(&["x", "y"], Some(Node::Boolean(true))) && !node.set(&["a", "zz"], None));
        assert_eq!(node.to_json(), json!({"a": {"c": true}}));
    }

    #[test]
    fn null_has_no_type() {
        for value in [json!(null), json!([null]), json!({"$none": true}), json!({"a": {"$bytes": "00"}})] {
            assert_eq!(Node::from_input(&value), None, "{value}");
        }
        assert_eq!(Node::from_input(&json!({"$float": "inf"})), Some(Node::Float(f64::INFINITY)));
    }
}
