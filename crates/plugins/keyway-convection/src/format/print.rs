//! Writes the text of a store file.

use std::fmt::{self, Write};

use keyway_core::{PluginMetadata, Structured, Table};
use keyway_secrets::Document;
use zeroize::Zeroizing;

use super::check::{check_table, check_value};
use super::{CONFIG, METADATA, STATS, STORE, Unstorable};

/// Writes `document` as the text of a store file. `metadata` describes the plugin that writes. Pure.
///
/// The version in `[metadata]` is that of [`Document::written_by`], the newest writer so far. Every value is on one
/// line, even a table, because an entry with its own section would lose its place in the order (decision C15).
///
/// # Errors
/// [`Unstorable`] if the document holds a value that a store file cannot hold.
pub fn print(document: &Document, metadata: &PluginMetadata) -> Result<Zeroizing<String>, Unstorable> {
    printed_len(document, metadata).map(|length| print_of(length, document, metadata))
}

/// Checks a document, and returns the length of its text.
///
/// # Errors
/// As [`print`].
pub(crate) fn printed_len(document: &Document, metadata: &PluginMetadata) -> Result<usize, Unstorable> {
    for table in [&document.settings, &document.secrets] {
        check_table(table)?;
    }
    document.other.iter().try_for_each(|(name, value)| check_unknown(name, value))?;

    let mut length = Length(0);
    write_document(&mut length, document, metadata);
    Ok(length.0)
}

/// Writes a document whose [`printed_len`] is `length`. The buffer gets this capacity, because a buffer that grows
/// would leave copies of the text behind.
pub(crate) fn print_of(length: usize, document: &Document, metadata: &PluginMetadata) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    write_document(&mut *text, document, metadata);
    debug_assert_eq!(text.len(), length);
    text
}

/// Returns the length of the text of a value, with its quotes and escapes.
pub(crate) fn value_len(value: &Structured) -> usize {
    let mut length = Length(0);
    // Counting cannot fail.
    let _ = inline(&mut length, value);
    length.0
}

fn check_unknown(name: &str, value: &Structured) -> Result<(), Unstorable> {
    let free = match (name, value) {
        (STATS, Structured::Table(unknown)) => {
            unknown.get("reads").is_none() && unknown.get("writes").is_none()
        }
        (METADATA | CONFIG | STORE | STATS, _) => false,
        _ => true,
    };
    if free { check_value(value) } else { Err(Unstorable::NameTaken) }
}

/// Counts the bytes of the text that is written to it.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

fn write_document(out: &mut impl Write, document: &Document, metadata: &PluginMetadata) {
    // Writing to a `String` or to a counter cannot fail.
    let _ = try_write_document(out, document, metadata);
}

fn try_write_document(out: &mut impl Write, document: &Document, metadata: &PluginMetadata) -> fmt::Result {
    // Entries without a section must come before the first section.
    let of_stats = document.other.get(STATS);
    for (name, value) in document.other.iter().filter(|(name, _)| *name != STATS) {
        entry(out, name, value)?;
    }

    writeln!(out, "[{METADATA}]")?;
    text_entry(out, "version", &document.written_by.version.to_string())?;
    text_entry(out, "compatibility", &metadata.compatibility().to_string())?;
    text_entry(out, "author", metadata.author())?;
    writeln!(out, "updated = {}", metadata.updated().as_number())?;
    writeln!(out, "\n[{METADATA}.plugin]")?;
    text_entry(out, "name", &document.written_by.plugin_name)?;
    text_entry(out, "type", document.written_by.kind.as_str())?;
    text_entry(out, "description", metadata.description())?;

    section(out, CONFIG, &document.settings)?;
    section(out, STORE, &document.secrets)?;
    writeln!(out, "\n[{STATS}]\nreads = {}\nwrites = {}", document.reads, document.writes)?;
    if let Some(Structured::Table(unknown)) = of_stats {
        entries(out, unknown)?;
    }
    Ok(())
}

fn section(out: &mut impl Write, name: &str, table: &Table) -> fmt::Result {
    writeln!(out, "\n[{name}]")?;
    entries(out, table)
}

fn entries(out: &mut impl Write, table: &Table) -> fmt::Result {
    table.iter().try_for_each(|(name, value)| entry(out, name, value))
}

fn entry(out: &mut impl Write, name: &str, value: &Structured) -> fmt::Result {
    key(out, name)?;
    out.write_str(" = ")?;
    inline(out, value)?;
    out.write_char('\n')
}

fn text_entry(out: &mut impl Write, name: &str, text: &str) -> fmt::Result {
    write!(out, "{name} = ")?;
    quoted(out, text)?;
    out.write_char('\n')
}

fn key(out: &mut impl Write, name: &str) -> fmt::Result {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(bare) { out.write_str(name) } else { quoted(out, name) }
}

fn inline(out: &mut impl Write, value: &Structured) -> fmt::Result {
    match value {
        Structured::Text(text) => quoted(out, text),
        Structured::Integer(integer) => out.write_str(integer.decimal()),
        Structured::Float(number) => float(out, **number),
        Structured::Boolean(truth) => write!(out, "{}", **truth),
        Structured::DateTime(text) => out.write_str(text),
        Structured::Array(items) => {
            out.write_char('[')?;
            for (index, item) in items.iter().enumerate() {
                out.write_str(if index > 0 { ", " } else { "" })?;
                inline(out, item)?;
            }
            out.write_char(']')
        }
        Structured::Table(table) => {
            out.write_char('{')?;
            for (index, (name, value)) in table.iter().enumerate() {
                out.write_str(if index > 0 { ", " } else { "" })?;
                key(out, name)?;
                out.write_str(" = ")?;
                inline(out, value)?;
            }
            out.write_char('}')
        }
    }
}

fn float(out: &mut impl Write, number: f64) -> fmt::Result {
    if number.is_nan() {
        return out.write_str("nan");
    }
    // Writes "1.0", "1e300", "-0.0", "inf": the shortest text that is read back as the same number, and is always
    // recognizable as a float.
    write!(out, "{number:?}")
}

/// Writes a basic string of TOML 1.0. The escapes that TOML 1.1 added are not used.
fn quoted(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) =
        rest.find(|character: char| character.is_ascii_control() || "\"\\".contains(character))
    {
        let (plain, escaped) = rest.split_at(at);
        out.write_str(plain)?;
        // `find` stops at ASCII characters only, so the character to escape is one byte long.
        match escaped.as_bytes()[0] {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            other => write!(out, "\\u{other:04X}")?,
        }
        rest = &escaped[1..];
    }
    out.write_str(rest)?;
    out.write_char('"')
}
