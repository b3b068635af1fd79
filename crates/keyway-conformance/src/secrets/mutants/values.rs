//! Mutants that lose a part of a value.

use keyway_core::{Integer, SecretValue, Structured, Table};

use super::{SecretStoreSubject, mutants, operation, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    LosesLastCharacter breaks ["SEC-010"] "loses the last character of a text"
        (given |value| with_text(value, |text| text.chars().take(text.chars().count().saturating_sub(1)).collect()))
    TrimsTexts breaks ["SEC-040"] "trims texts" (given |value| with_text(value, |text| text.trim().to_owned()))
    BytesBecomeText breaks ["SEC-041"] "takes bytes for a text when they could be one" (given |value| as_text(value))
    SortsTables breaks ["SEC-042"] "sorts the entries of structured values"
        (given |value| with_structure(value, sorted))
    RoundsIntegers breaks ["SEC-042"] "holds integers of 64 bits only" (given |value| with_structure(value, rounded))
    TakesBytesAsText of MINIMAL breaks ["SEC-043"] "makes a text of bytes, which it does not hold"
        (given |value| as_text(value))
    CutsLargeValues breaks ["SEC-044"] "cuts large values"
        (given |value| with_text(value, |text| text.chars().take(100_000).collect()))
}

fn with_text(value: SecretValue, rewrite: impl Fn(&str) -> String) -> SecretValue {
    match value.expose_text().map(rewrite) {
        Some(text) => SecretValue::text(text),
        None => value,
    }
}

fn as_text(value: SecretValue) -> SecretValue {
    match value.expose_bytes().map(|bytes| String::from_utf8(bytes.to_vec())) {
        Some(Ok(text)) => SecretValue::text(text),
        _ => value,
    }
}

fn rewritten(structured: &Structured, rewrite: fn(&Structured) -> Structured) -> Structured {
    let inner = match structured {
        Structured::Array(items) => {
            Structured::Array(items.iter().map(|item| rewritten(item, rewrite)).collect())
        }
        Structured::Table(table) => {
            let mut new = Table::new();
            for (name, value) in table.iter() {
                new.insert(name, rewritten(value, rewrite));
            }
            Structured::Table(new)
        }
        other => other.clone(),
    };
    rewrite(&inner)
}

fn with_structure(value: SecretValue, rewrite: fn(&Structured) -> Structured) -> SecretValue {
    match value.expose_structured() {
        Some(structured) => SecretValue::Structured(rewritten(structured, rewrite)),
        None => value,
    }
}

fn sorted(structured: &Structured) -> Structured {
    let Structured::Table(table) = structured else { return structured.clone() };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    let mut new = Table::new();
    for (name, value) in entries {
        new.insert(name, value.clone());
    }
    Structured::Table(new)
}

fn rounded(structured: &Structured) -> Structured {
    match structured {
        Structured::Integer(integer) => {
            Structured::Integer(Integer::from(integer.decimal().parse::<i64>().unwrap_or(i64::MAX)))
        }
        other => other.clone(),
    }
}
