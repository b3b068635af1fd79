//! Structured secret values: TOML's types without loss.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A structured secret value: any TOML value, without loss.
///
/// Integers keep their decimal text, because existing files contain integers beyond 64 bits. Dates and times keep their
/// TOML spelling. Every leaf is zeroized on drop, and `Debug` shows only the shape.
#[derive(Clone)]
pub enum Structured {
    /// A text.
    Text(Zeroizing<String>),
    /// An integer of any size.
    Integer(Integer),
    /// A floating-point number, including infinities and NaN.
    Float(Zeroizing<f64>),
    /// A Boolean.
    Boolean(Zeroizing<bool>),
    /// A date, a time or both, in TOML's spelling.
    DateTime(Zeroizing<String>),
    /// A list. Its items may have different types.
    Array(Vec<Structured>),
    /// A table of named values in order.
    Table(Table),
}

impl Structured {
    /// Creates a text value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Zeroizing::new(text.into()))
    }

    /// Tells whether two values are the same. Types and the order of entries must be the same too. NaN equals NaN.
    pub fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) | (Self::DateTime(a), Self::DateTime(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a.decimal() == b.decimal(),
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_as(b))
            }
            (Self::Table(a), Self::Table(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0 && a.1.same_as(b.1))
            }
            _ => false,
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "Text",
            Self::Integer(_) => "Integer",
            Self::Float(_) => "Float",
            Self::Boolean(_) => "Boolean",
            Self::DateTime(_) => "DateTime",
            Self::Array(_) => "Array",
            Self::Table(_) => "Table",
        }
    }
}

impl fmt::Debug for Structured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([REDACTED])", self.type_name())
    }
}

/// An integer of any size, as its decimal text: an optional `-`, then digits without leading zeros.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Integer {
    decimal: String,
}

impl Integer {
    /// Parses a decimal text: an optional sign and digits. Drops a `+` and leading zeros. Returns `None` if the text
    /// has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self { decimal: "0".to_owned() });
        }
        let mut decimal = String::with_capacity(significant.len() + 1);
        if negative {
            decimal.push('-');
        }
        decimal.push_str(significant);
        Some(Self { decimal })
    }

    /// Returns the decimal text.
    pub fn decimal(&self) -> &str {
        &self.decimal
    }
}

impl From<i64> for Integer {
    fn from(number: i64) -> Self {
        Self { decimal: number.to_string() }
    }
}

impl fmt::Debug for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Integer([REDACTED])")
    }
}

/// A table: named values in the order in which they were written.
#[derive(Clone, Default)]
pub struct Table {
    entries: Vec<(Zeroizing<String>, Structured)>,
}

impl Table {
    /// Creates an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the value under `name`.
    pub fn get(&self, name: &str) -> Option<&Structured> {
        self.entries.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }

    /// Returns the position of the entry `name`, counted from 0 in the order of [`iter`](Self::iter). Compares all
    /// names before it.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|(key, _)| key.as_str() == name)
    }

    /// Returns the value at a [`position`](Self::position), to change it.
    pub fn value_at_mut(&mut self, position: usize) -> Option<&mut Structured> {
        self.entries.get_mut(position).map(|(_, value)| value)
    }

    /// Sets `name` to `value`, and returns the old value. An existing entry keeps its place; a new entry is added at
    /// the end.
    pub fn insert(&mut self, name: impl Into<String>, value: Structured) -> Option<Structured> {
        let name = Zeroizing::new(name.into());
        if let Some((_, old)) = self.entries.iter_mut().find(|(key, _)| *key == name) {
            return Some(std::mem::replace(old, value));
        }
        self.entries.push((name, value));
        None
    }

    /// Adds an entry without searching for its name, which must be new.
    ///
    /// This is for readers whose input format has already excluded duplicates.
    pub fn push_new(&mut self, name: impl Into<String>, value: Structured) {
        self.entries.push((Zeroizing::new(name.into()), value));
    }

    /// Removes the entry `name`, and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Structured> {
        let at = self.position(name)?;
        Some(self.entries.remove(at).1)
    }

    /// Returns the entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Structured)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} entries, [REDACTED])", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_any_size_and_one_spelling() {
        for (text, decimal) in [
            ("0", "0"),
            ("-0", "0"),
            ("+007", "7"),
            ("-12", "-12"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ] {
            assert_eq!(Integer::parse(text).unwrap().decimal(), decimal);
        }
        for text in ["", "-", "+", "1_0", "0x1", " 1", "1.0", "\u{661}"] {
            assert!(Integer::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn tables_keep_order_and_replace_in_place() {
        let mut table = Table::new();
        assert!(table.insert("b", Structured::text("1")).is_none());
        assert!(table.insert("a", Structured::text("2")).is_none());
        assert!(table.insert("b", Structured::text("3")).unwrap().same_as(&Structured::text("1")));
        assert_eq!(table.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!((table.position("a"), table.position("c")), (Some(1), None));
        *table.value_at_mut(1).unwrap() = Structured::text("4");
        assert!(table.get("a").unwrap().same_as(&Structured::text("4")) && table.value_at_mut(2).is_none());
        assert!(table.remove("b").is_some());
        assert!(table.remove("b").is_none());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn debug_shows_no_value() {
        let mut table = Table::new();
        table.insert("needle-name", Structured::Integer(Integer::from(4242)));
        table.insert("x", Structured::Array(vec![Structured::text("needle")]));
        let shown = format!("{:?} {:?}", table, Structured::Table(table.clone()));
        assert!(!shown.contains("needle") && !shown.contains("4242"), "{shown}");
    }
}
