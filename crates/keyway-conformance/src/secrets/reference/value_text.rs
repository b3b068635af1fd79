//! Writes values as JSON, without loss.

use keyway_core::{Integer, SecretValue, Structured, Table};
use serde_json::{Value, json};

/// Writes a value as tagged JSON.
pub(super) fn write(value: &SecretValue) -> Value {
    match value {
        SecretValue::Structured(structured) => json!({ "structured": tagged(structured) }),
        other => match (other.expose_text(), other.expose_bytes()) {
            (Some(text), _) => json!({ "text": text }),
            (None, bytes) => json!({ "bytes": bytes.unwrap_or_default() }),
        },
    }
}

/// Reads a value that [`write`] wrote. Returns `None` if it cannot read the JSON.
pub(super) fn read(value: &Value) -> Option<SecretValue> {
    let (tag, content) = value.as_object()?.iter().next()?;
    Some(match tag.as_str() {
        "text" => SecretValue::text(content.as_str()?),
        "bytes" => SecretValue::bytes(serde_json::from_value::<Vec<u8>>(content.clone()).ok()?),
        "structured" => SecretValue::Structured(untagged(content)?),
        _ => return None,
    })
}

fn tagged(structured: &Structured) -> Value {
    match structured {
        Structured::Text(text) => json!({ "text": text.as_str() }),
        Structured::Integer(integer) => json!({ "integer": integer.decimal() }),
        // A float is written as the integer of its bits, because JSON has neither infinity nor NaN.
        Structured::Float(float) => json!({ "float": float.to_bits() }),
        Structured::Boolean(boolean) => json!({ "boolean": **boolean }),
        Structured::DateTime(text) => json!({ "date": text.as_str() }),
        Structured::Array(items) => json!({ "array": items.iter().map(tagged).collect::<Vec<_>>() }),
        Structured::Table(table) => {
            json!({ "table": table.iter().map(|(name, value)| json!([name, tagged(value)])).collect::<Vec<_>>() })
        }
    }
}

fn untagged(value: &Value) -> Option<Structured> {
    let (tag, content) = value.as_object()?.iter().next()?;
    Some(match tag.as_str() {
        "text" => Structured::text(content.as_str()?),
        "integer" => Structured::Integer(Integer::parse(content.as_str()?)?),
        "float" => Structured::Float(f64::from_bits(content.as_u64()?).into()),
        "boolean" => Structured::Boolean(content.as_bool()?.into()),
        "date" => Structured::DateTime(content.as_str()?.to_owned().into()),
        "array" => Structured::Array(content.as_array()?.iter().map(untagged).collect::<Option<_>>()?),
        "table" => {
            let mut table = Table::new();
            for entry in content.as_array()? {
                table.insert(entry[0].as_str()?, untagged(&entry[1])?);
            }
            Structured::Table(table)
        }
        _ => return None,
    })
}
