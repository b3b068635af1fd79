//! Encodes structured values as bytes, without loss.

use keyway_core::{Integer, Structured, Table};
use zeroize::Zeroizing;

use keyway_core::codec::{Malformed, Reader, put_bytes, put_u32};

/// The maximum nesting depth. The limit prevents a value from overflowing the stack.
pub(crate) const MAX_DEPTH: usize = 128;

const TEXT: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 3;
const BOOLEAN: u8 = 4;
const DATE_TIME: u8 = 5;
const ARRAY: u8 = 6;
const TABLE: u8 = 7;

/// Returns the number of bytes that [`put_structured`] appends.
pub(crate) fn structured_bytes(value: &Structured) -> usize {
    match value {
        Structured::Text(text) | Structured::DateTime(text) => 5 + text.len(),
        Structured::Integer(integer) => 5 + integer.decimal().len(),
        Structured::Float(_) => 5 + 8,
        Structured::Boolean(_) => 5 + 1,
        Structured::Array(items) => 5 + items.iter().map(structured_bytes).sum::<usize>(),
        Structured::Table(table) => {
            5 + table.iter().map(|(name, value)| 4 + name.len() + structured_bytes(value)).sum::<usize>()
        }
    }
}

/// Appends `value` to `out`. Returns `false`, and leaves `out` in an unspecified state, if the
/// value is nested too deeply.
#[must_use]
pub(crate) fn put_structured(out: &mut Zeroizing<Vec<u8>>, value: &Structured) -> bool {
    put_at_depth(out, value, 0)
}

fn put_at_depth(out: &mut Zeroizing<Vec<u8>>, value: &Structured, depth: usize) -> bool {
    if depth >= MAX_DEPTH {
        return false;
    }
    match value {
        Structured::Text(text) => put_leaf(out, TEXT, text.as_bytes()),
        Structured::Integer(integer) => put_leaf(out, INTEGER, integer.decimal().as_bytes()),
        Structured::Float(float) => put_leaf(out, FLOAT, &float.to_bits().to_le_bytes()),
        Structured::Boolean(truth) => put_leaf(out, BOOLEAN, &[u8::from(**truth)]),
        Structured::DateTime(text) => put_leaf(out, DATE_TIME, text.as_bytes()),
        Structured::Array(items) => {
            out.push(ARRAY);
            put_u32(out, u32::try_from(items.len()).unwrap_or(u32::MAX));
            return items.iter().all(|item| put_at_depth(out, item, depth + 1));
        }
        Structured::Table(table) => {
            out.push(TABLE);
            put_u32(out, u32::try_from(table.len()).unwrap_or(u32::MAX));
            return table.iter().all(|(name, value)| {
                put_bytes(out, name.as_bytes());
                put_at_depth(out, value, depth + 1)
            });
        }
    }
    true
}

fn put_leaf(out: &mut Zeroizing<Vec<u8>>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_bytes(out, bytes);
}

pub(crate) fn read_structured(reader: &mut Reader<'_>) -> Result<Structured, Malformed> {
    read_at_depth(reader, 0)
}

fn read_at_depth(reader: &mut Reader<'_>, depth: usize) -> Result<Structured, Malformed> {
    if depth >= MAX_DEPTH {
        return Err(Malformed { expected: "less nesting" });
    }
    Ok(match reader.byte()? {
        TEXT => Structured::text(reader.text()?),
        INTEGER => Structured::Integer(
            Integer::parse(reader.text()?).ok_or(Malformed { expected: "a decimal integer" })?,
        ),
        FLOAT => {
            let bits =
                reader.bytes()?.try_into().map_err(|_| Malformed { expected: "8 bytes of a float" })?;
            Structured::Float(Zeroizing::new(f64::from_bits(u64::from_le_bytes(bits))))
        }
        BOOLEAN => match reader.bytes()? {
            [0] => Structured::Boolean(Zeroizing::new(false)),
            [1] => Structured::Boolean(Zeroizing::new(true)),
            _ => return Err(Malformed { expected: "a truth value" }),
        },
        DATE_TIME => Structured::DateTime(Zeroizing::new(reader.text()?.to_owned())),
        ARRAY => {
            let length = reader.u32()?;
            Structured::Array(
                (0..length).map(|_| read_at_depth(reader, depth + 1)).collect::<Result<_, _>>()?,
            )
        }
        TABLE => {
            let mut table = Table::new();
            for _ in 0..reader.u32()? {
                let name = reader.text()?.to_owned();
                table.push_new(name, read_at_depth(reader, depth + 1)?);
            }
            Structured::Table(table)
        }
        _ => return Err(Malformed { expected: "a known type" }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_structured() -> impl Strategy<Value = Structured> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Structured::text),
            "-?[1-9][0-9]{0,40}".prop_map(|text| Structured::Integer(Integer::parse(&text).unwrap())),
            any::<f64>().prop_map(|float| Structured::Float(Zeroizing::new(float))),
            any::<bool>().prop_map(|truth| Structured::Boolean(Zeroizing::new(truth))),
            "[0-9T:-]{0,30}".prop_map(|text| Structured::DateTime(Zeroizing::new(text))),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Structured::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|entries| {
                    let mut table = Table::new();
                    for (name, value) in entries {
                        table.push_new(name, value);
                    }
                    Structured::Table(table)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn fields_that_are_put_are_read(value in any_structured()) {
            let mut out = Zeroizing::new(Vec::new());
            prop_assert!(put_structured(&mut out, &value));
            prop_assert_eq!(out.len(), structured_bytes(&value));
            let mut reader = Reader::new(&out);
            let back = read_structured(&mut reader).unwrap();
            prop_assert!(reader.rest().is_empty() && back.same_as(&value));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
            let _ = read_structured(&mut Reader::new(&bytes));
        }
    }

    #[test]
    fn nesting_is_bounded_both_ways() {
        let mut deep = Structured::Array(Vec::new());
        for _ in 0..MAX_DEPTH {
            deep = Structured::Array(vec![deep]);
        }
        assert!(!put_structured(&mut Zeroizing::new(Vec::new()), &deep));
        let bytes: Vec<u8> = std::iter::repeat_n([ARRAY, 1, 0, 0, 0], 10_000).flatten().collect();
        assert!(read_structured(&mut Reader::new(&bytes)).is_err());
    }
}
