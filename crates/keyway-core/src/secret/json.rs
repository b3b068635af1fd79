//! Conversions of structured values from and to JSON.

use serde_json::{Map, Number, Value};
use zeroize::Zeroizing;

use super::{Integer, Structured, Table};

impl Structured {
    /// Converts a JSON value. Returns `None` if it contains a `null`, which has no structured type.
    pub fn from_json(json: &Value) -> Option<Self> {
        Some(match json {
            Value::Null => return None,
            Value::Bool(truth) => Self::Boolean(Zeroizing::new(*truth)),
            Value::Number(number) => match Integer::parse(&number.to_string()) {
                Some(integer) => Self::Integer(integer),
                None => Self::Float(Zeroizing::new(number.as_f64()?)),
            },
            Value::String(text) => Self::text(text.as_str()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from_json).collect::<Option<_>>()?),
            Value::Object(entries) => Self::Table(Table::from_json(entries)?),
        })
    }

    /// Converts to the JSON value of the same meaning.
    ///
    /// Returns `None` if JSON has no equivalent: integers beyond 64 bits, infinities, NaN, dates and times.
    ///
    /// JSON values are not zeroized, so use this function only for data that is not secret.
    pub fn to_json(&self) -> Option<Value> {
        Some(match self {
            Self::Text(text) => Value::String(text.to_string()),
            Self::Integer(integer) => {
                let decimal = integer.decimal();
                let number = decimal.parse::<i64>().map(Number::from);
                Value::Number(number.or_else(|_| decimal.parse::<u64>().map(Number::from)).ok()?)
            }
            Self::Float(float) => Value::Number(Number::from_f64(**float)?),
            Self::Boolean(truth) => Value::Bool(**truth),
            Self::DateTime(_) => return None,
            Self::Array(items) => Value::Array(items.iter().map(Self::to_json).collect::<Option<_>>()?),
            Self::Table(table) => Value::Object(table.to_json()?),
        })
    }
}

impl Table {
    /// Converts a JSON object to a table. Returns `None` in the same cases as [`Structured::from_json`].
    pub fn from_json(entries: &Map<String, Value>) -> Option<Self> {
        let mut table = Self::new();
        for (name, value) in entries {
            table.push_new(name.as_str(), Structured::from_json(value)?);
        }
        Some(table)
    }

    /// Converts to the JSON object of the same meaning. Returns `None` in the same cases as [`Structured::to_json`].
    pub fn to_json(&self) -> Option<Map<String, Value>> {
        self.iter().map(|(name, value)| Some((name.to_owned(), value.to_json()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_as_it_was() {
        let json = serde_json::json!({"a": [1, -2, 18_446_744_073_709_551_615_u64, 1.5, true, "x", {}], "b": {"c": ""}});
        let structured = Structured::from_json(&json).unwrap();
        assert_eq!(structured.to_json().unwrap(), json);
    }

    #[test]
    fn a_value_that_json_cannot_express_is_refused() {
        assert!(Structured::from_json(&serde_json::json!({"a": [null]})).is_none());
        let date = Structured::DateTime(Zeroizing::new("2024-01-01".to_owned()));
        let big = Structured::Integer(Integer::parse("99999999999999999999").unwrap());
        for value in [date, big, Structured::Float(Zeroizing::new(f64::NAN))] {
            assert!(Structured::Array(vec![value]).to_json().is_none());
        }
    }
}
