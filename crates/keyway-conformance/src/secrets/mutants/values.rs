//! Mutants that lose something of a value.

use async_trait::async_trait;
use keyway_core::{Integer, SecretValue, Structured, Table};
use keyway_secrets::{
    NewSecret, NewValue, SecretAddress, SecretChange, SecretHeader, SecretStore, StoreError,
};

use super::warp::{Warp, Warped, mutants};

mutants! {
    LosesLastCharacter of FULL "loses the last character of a text";
    TrimsTexts of FULL "trims texts";
    BytesBecomeText of FULL "takes bytes for a text when they could be one";
    SortsTables of FULL "sorts the entries of structured values";
    RoundsIntegers of FULL "holds integers of 64 bits only";
    TakesBytesAsText of MINIMAL "makes a text of bytes, which it does not hold";
    CutsLargeValues of FULL "cuts large values";
}

/// Writes another value than the one that was given.
macro_rules! rewriting {
    (of $given:expr, |$value:ident| $rewritten:expr) => {
        match $given {
            NewValue::Given($value) => NewValue::Given($rewritten),
            made @ NewValue::Generated(_) => made,
        }
    };
    ($type:ident, |$value:ident| $rewritten:expr) => {
        #[async_trait]
        impl Warp for $type {
            async fn create(&self, it: &Warped, mut secret: NewSecret) -> Result<SecretHeader, StoreError> {
                secret.value = rewriting!(of secret.value, |$value| $rewritten);
                it.store.create(secret).await
            }

            async fn modify(
                &self,
                it: &Warped,
                address: &SecretAddress,
                mut change: SecretChange,
            ) -> Result<SecretHeader, StoreError> {
                change.value = change.value.map(|value| rewriting!(of value, |$value| $rewritten));
                it.store.modify(address, change).await
            }
        }
    };
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

rewriting!(LosesLastCharacter, |value| with_text(value, |text| {
    let mut characters = text.chars();
    characters.next_back();
    characters.as_str().to_owned()
}));
rewriting!(TrimsTexts, |value| with_text(value, |text| text.trim().to_owned()));
rewriting!(BytesBecomeText, |value| as_text(value));
rewriting!(SortsTables, |value| with_structure(value, sorted));
rewriting!(RoundsIntegers, |value| with_structure(value, rounded));
rewriting!(TakesBytesAsText, |value| as_text(value));
rewriting!(CutsLargeValues, |value| with_text(value, |text| text.chars().take(100_000).collect()));
