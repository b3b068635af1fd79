//! Reads the text of a store file.

use std::ops::Range;

use keyway_core::{PluginKind, Structured, Table, Version, WrittenBy};
use keyway_secrets::Document;
use keyway_toml::{Malformed, ScalarKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::integer::integer;
use super::{CONFIG, MAX_DEPTH, METADATA, Problem, STATS, STORE, UnreadableText};

/// Reads the text of a store file. Pure; never panics; takes time proportional to the text.
///
/// It checks only the form. It does not check whether the running plugin may read the file (decision C4), or whether
/// the settings are valid. From `[metadata]` it reads only the writer of the file, because every writer replaces the
/// other entries. Unknown sections are kept in [`Document::other`].
///
/// Secrets are moved into values that zeroize themselves. No copy of a value stays in memory, even if the text is
/// refused; copies of names do.
///
/// # Errors
/// [`UnreadableText`] gives the position and the fault, and the writer of the file if it could be read.
pub fn parse(text: &str) -> Result<Document, UnreadableText> {
    let reader = Reader { text };
    if text.starts_with('\u{feff}') {
        // Later versions of TOML allow a byte order mark, but not every reader of these files does.
        let reason = "it begins with a byte order mark".to_owned();
        return Err(reader.problem(0..0, Problem::Toml { reason }));
    }
    let blanked = keyway_toml::blanked(text).map_err(|fault| reader.malformed(fault))?;
    let fault = blanked.fault.map(|fault| reader.malformed(fault));
    let or_fault = |error| fault.clone().unwrap_or(error);
    // Whole values and comments were replaced by ASCII characters, so the document is still UTF-8.
    let blanked = std::str::from_utf8(&blanked.text).unwrap_or_default();
    let root = DeTable::parse(blanked).map_err(|error| {
        let reason = keyway_toml::reason_of(&error);
        or_fault(reader.problem(error.span().unwrap_or(0..0), Problem::Toml { reason }))
    })?;
    let end = root.span();
    let mut sections = Sections::default();
    for (name, value) in root.into_inner() {
        match name.get_ref().as_ref() {
            METADATA => sections.metadata = Some(value),
            CONFIG => sections.config = Some(value),
            STORE => sections.store = Some(value),
            STATS => sections.stats = Some(value),
            _ => sections.other.push((name.into_inner().into_owned(), value)),
        }
    }
    let at = end.end..end.end;
    // The writer is read first, because its version may explain the fault in a value (decision H348).
    let written_by = reader.written_by(sections.metadata.take(), &at).map_err(or_fault)?;
    let document = fault.map_or_else(|| reader.document(sections, written_by.clone(), &at), Err);
    document.map_err(|mut error| {
        error.written_by = Some(Box::new(written_by));
        error
    })
}

type Value<'text> = Spanned<DeValue<'text>>;

#[derive(Default)]
struct Sections<'text> {
    metadata: Option<Value<'text>>,
    config: Option<Value<'text>>,
    store: Option<Value<'text>>,
    stats: Option<Value<'text>>,
    other: Vec<(String, Value<'text>)>,
}

struct Reader<'text> {
    text: &'text str,
}

impl<'text> Reader<'text> {
    fn document(
        &self,
        sections: Sections<'text>,
        written_by: WrittenBy,
        end: &Range<usize>,
    ) -> Result<Document, UnreadableText> {
        let (_, config) = self.table(sections.config, CONFIG, end)?;
        let settings = self.entries(config, 0)?;
        let (_, store) = self.table(sections.store, STORE, end)?;
        let secrets = self.entries(store, 0)?;
        let (at, stats) = self.table(sections.stats, STATS, end)?;
        let (mut reads, mut writes, mut unknown) = (None, None, Table::new());
        for (name, value) in stats {
            match name.get_ref().as_ref() {
                "reads" => reads = Some(self.count(value, "stats.reads")?),
                "writes" => writes = Some(self.count(value, "stats.writes")?),
                _ => unknown.push_new(name.into_inner(), self.structured(value, 2)?),
            }
        }
        let mut other = Table::new();
        for (name, value) in sections.other {
            other.push_new(name, self.structured(value, 1)?);
        }
        if !unknown.is_empty() {
            other.push_new(STATS, Structured::Table(unknown));
        }
        Ok(Document {
            written_by,
            settings,
            secrets,
            reads: reads.ok_or_else(|| self.missing(&at, "stats.reads"))?,
            writes: writes.ok_or_else(|| self.missing(&at, "stats.writes"))?,
            other,
        })
    }

    /// Reads the last writer: its version, and the plugin's name and type.
    ///
    /// See decision C4.
    fn written_by(
        &self,
        metadata: Option<Value<'text>>,
        end: &Range<usize>,
    ) -> Result<WrittenBy, UnreadableText> {
        let (at, mut metadata) = self.table(metadata, METADATA, end)?;
        let (version_at, version) = self.string(metadata.remove("version"), "metadata.version", &at)?;
        let version =
            Version::parse(&version).map_err(|error| self.problem(version_at, Problem::Version(error)))?;
        let (at, mut plugin) = self.table(metadata.remove("plugin"), "metadata.plugin", &at)?;
        let (_, plugin_name) = self.string(plugin.remove("name"), "metadata.plugin.name", &at)?;
        let (kind_at, kind) = self.string(plugin.remove("type"), "metadata.plugin.type", &at)?;
        let kind =
            PluginKind::from_name(&kind).ok_or_else(|| self.problem(kind_at, Problem::UnknownPluginType))?;
        Ok(WrittenBy { plugin_name, kind, version })
    }

    fn table(
        &self,
        value: Option<Value<'text>>,
        key: &'static str,
        parent: &Range<usize>,
    ) -> Result<(Range<usize>, DeTable<'text>), UnreadableText> {
        let value = value.ok_or_else(|| self.missing(parent, key))?;
        let at = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Ok((at, table)),
            _ => Err(self.problem(at, Problem::WrongType { key, expected: "a table" })),
        }
    }

    fn string(
        &self,
        value: Option<Value<'text>>,
        key: &'static str,
        parent: &Range<usize>,
    ) -> Result<(Range<usize>, String), UnreadableText> {
        let value = value.ok_or_else(|| self.missing(parent, key))?;
        let at = value.span();
        match self.structured(value, 1)? {
            Structured::Text(text) => Ok((at, text.as_str().to_owned())),
            _ => Err(self.problem(at, Problem::WrongType { key, expected: "a text" })),
        }
    }

    fn count(&self, value: Value<'text>, key: &'static str) -> Result<i64, UnreadableText> {
        let at = value.span();
        let number = match self.structured(value, 1)? {
            Structured::Integer(integer) => integer.decimal().parse().ok(),
            _ => None,
        };
        let expected = "an integer of at most 64 bits";
        number.ok_or_else(|| self.problem(at, Problem::WrongType { key, expected }))
    }

    fn entries(&self, table: DeTable<'text>, depth: usize) -> Result<Table, UnreadableText> {
        let mut entries = Table::new();
        for (name, value) in table {
            let value = self.structured(value, depth + 1)?;
            entries.push_new(name.into_inner(), value);
        }
        Ok(entries)
    }

    fn structured(&self, value: Value<'text>, depth: usize) -> Result<Structured, UnreadableText> {
        let at = value.span();
        if depth > MAX_DEPTH {
            return Err(self.problem(at, Problem::TooDeep));
        }
        Ok(match value.into_inner() {
            DeValue::Array(items) => Structured::Array(
                items.into_iter().map(|item| self.structured(item, depth + 1)).collect::<Result<_, _>>()?,
            ),
            DeValue::Table(table) => Structured::Table(self.entries(table, depth)?),
            // All other values are blanked out, and read from the text.
            _ => self.scalar(at)?,
        })
    }

    fn scalar(&self, at: Range<usize>) -> Result<Structured, UnreadableText> {
        let (kind, text) =
            keyway_toml::scalar(self.text, at.clone()).map_err(|fault| self.malformed(fault))?;
        Ok(match kind {
            ScalarKind::String => Structured::Text(text),
            ScalarKind::Integer(radix) => Structured::Integer(
                integer(&text, radix.value()).ok_or_else(|| self.problem(at, Problem::IntegerTooLong))?,
            ),
            ScalarKind::Float => Structured::Float(Zeroizing::new(self.float(&text, at)?)),
            ScalarKind::Boolean(truth) => Structured::Boolean(Zeroizing::new(truth)),
            // The spelling of a date is kept, so that nothing is lost.
            ScalarKind::DateTime => Structured::DateTime(text),
        })
    }

    fn float(&self, text: &str, at: Range<usize>) -> Result<f64, UnreadableText> {
        text.parse().map_err(|_| {
            self.problem(at, Problem::Toml { reason: "a number that cannot be read".to_owned() })
        })
    }

    fn malformed(&self, Malformed { at, reason, .. }: Malformed) -> UnreadableText {
        self.problem(at, Problem::Toml { reason })
    }

    fn missing(&self, parent: &Range<usize>, key: &'static str) -> UnreadableText {
        self.problem(parent.clone(), Problem::Missing { key })
    }

    fn problem(&self, at: Range<usize>, problem: Problem) -> UnreadableText {
        let mut end = at.start.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        UnreadableText {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem,
            written_by: None,
        }
    }
}
