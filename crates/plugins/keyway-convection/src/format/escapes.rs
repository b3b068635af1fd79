//! Reads texts with escapes without leaving copies in memory.
//!
//! The TOML reader returns a text of one line without escapes as a slice of the document. It may assemble all other
//! texts in growing buffers, which leave unwiped copies behind. So the TOML reader gets a copy of the document in which
//! the other texts are blanked out. This module reads them separately, into a buffer that does not grow.

use std::ops::Range;

use toml_parser::decoder::{Encoding, StringBuilder};
use toml_parser::parser::{Event, EventKind, RecursionGuard, parse_document};
use toml_parser::{ErrorSink, ParseError, Raw, Source, Span};
use zeroize::Zeroizing;

/// The maximum nesting depth, which is that of the TOML reader.
const DEEPEST: u32 = 80;

/// Returns the document with its escaped texts blanked out, without moving any text. Returns `None` if no text is
/// escaped: the document can then be read directly. Names of entries are not blanked out, because they are not
/// secret.
pub(super) fn blanked(text: &str) -> Option<Zeroizing<String>> {
    if !is_escaped(text) {
        return None;
    }
    let tokens = Source::new(text).lex().into_vec();
    let mut blanked = Zeroizing::new(text.to_owned());
    let mut blank = |event: Event| {
        if event.kind() != EventKind::Scalar || event.encoding().is_none() {
            return;
        }
        let at = event.span().start()..event.span().end();
        let raw = text.get(at.clone()).filter(|raw| is_escaped(raw));
        // An unterminated text is not blanked out, because the whole document is refused in that case.
        if let Some(inside) = raw.and_then(inside) {
            let inside = at.start + inside.start..at.start + inside.end;
            let filler = "x".repeat(inside.len());
            blanked.replace_range(inside, &filler);
        }
    };
    // Faults are ignored here. They are found when the text is read.
    parse_document(&tokens, &mut RecursionGuard::new(&mut blank, DEEPEST), &mut ());
    Some(blanked)
}

/// A text that TOML does not allow.
#[derive(Debug)]
pub(super) struct Malformed {
    /// The position of the fault.
    pub(super) at: Range<usize>,
    /// The fault, without the text.
    pub(super) reason: String,
}

/// Reads the text at `at`, which includes the quotes. Returns `None` if the text needs no decoding, because the TOML
/// reader returns it as a slice of the document.
///
/// # Errors
/// The position of the fault, and its kind.
pub(super) fn read(text: &str, at: Range<usize>) -> Option<Result<Zeroizing<String>, Malformed>> {
    let raw = text.get(at.clone()).filter(|raw| is_escaped(raw))?;
    let encoding = match (raw.as_bytes().first()?, quotes(raw)) {
        (b'"', 1) => Encoding::BasicString,
        (b'"', _) => Encoding::MlBasicString,
        (b'\'', 1) => Encoding::LiteralString,
        (b'\'', _) => Encoding::MlLiteralString,
        _ => return None,
    };
    // An escape is longer than the character for which it stands, so the buffer never grows.
    let mut decoded = Decoded(Zeroizing::new(String::with_capacity(raw.len())));
    let mut first: Option<ParseError> = None;
    let span = Span::new_unchecked(at.start, at.end);
    let sink: &mut dyn ErrorSink = &mut first;
    let _ = Raw::new_unchecked(raw, Some(encoding), span).decode_scalar(&mut decoded, sink);
    Some(match first {
        None => Ok(decoded.0),
        Some(error) => {
            let at = error.unexpected().map_or(at, |span| span.start()..span.end());
            Err(Malformed { at, reason: error.description().to_owned() })
        }
    })
}

/// Tells whether the TOML reader may assemble the text from pieces, because the text has escapes or several lines.
fn is_escaped(text: &str) -> bool {
    text.contains('\\') || text.contains("\"\"\"") || text.contains("'''")
}

/// Returns the range between the quotes, or `None` if an end has no quotes. A text of several lines may itself end with
/// quotes, right before the closing ones. These are not part of the range, because they must not be blanked out: the
/// number of quotes decides where the text ends.
fn inside(raw: &str) -> Option<Range<usize>> {
    let quotes = raw.get(..quotes(raw))?;
    let inside = raw.strip_prefix(quotes)?.strip_suffix(quotes)?;
    let mut blank = inside;
    if quotes.len() == 3 {
        blank = inside.trim_end_matches(quotes.get(..1)?);
        let backslashes = blank.len() - blank.trim_end_matches('\\').len();
        if quotes.starts_with('"') && backslashes % 2 == 1 {
            // A backslash escapes the first of the quotes at the end, so this quote belongs to the range.
            blank = inside.get(..blank.len() + 1).unwrap_or(inside);
        }
    }
    Some(quotes.len()..quotes.len() + blank.len())
}

fn quotes(raw: &str) -> usize {
    if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 }
}

struct Decoded(Zeroizing<String>);

impl Decoded {
    /// Tells whether the buffer has room. The buffer always has room, unless the TOML reader changes its behaviour. In
    /// that case, the text is refused instead of being copied into a larger buffer.
    fn has_room(&self, bytes: usize) -> bool {
        self.0.len() + bytes <= self.0.capacity()
    }
}

impl<'text> StringBuilder<'text> for Decoded {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn push_str(&mut self, append: &'text str) -> bool {
        let fits = self.has_room(append.len());
        if fits {
            self.0.push_str(append);
        }
        fits
    }

    fn push_char(&mut self, append: char) -> bool {
        let fits = self.has_room(append.len_utf8());
        if fits {
            self.0.push(append);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use toml::de::{DeTable, DeValue};

    /// Reads the same value in the two steps of this module, and with the TOML reader alone.
    fn both(spelled: &str) -> (Option<String>, Option<String>) {
        let text = format!("a = {spelled}\n");
        let value = |table: toml::Spanned<DeTable<'_>>| {
            let (_, value) = table.into_inner().into_iter().next()?;
            let at = value.span();
            match value.into_inner() {
                DeValue::String(text) => Some((at, text.into_owned())),
                _ => None,
            }
        };
        let alone = DeTable::parse(&text).ok().and_then(value).map(|(_, text)| text);
        let blank = blanked(&text);
        let lent = DeTable::parse(blank.as_ref().map_or(&text, |blank| blank)).ok().and_then(value);
        let ours = lent.and_then(|(at, lent)| match read(&text, at) {
            None => Some(lent),
            Some(read) => read.ok().map(|read| read.as_str().to_owned()),
        });
        (ours, alone)
    }

    #[test]
    fn every_spelling_says_what_the_reader_says() {
        for spelled in [
            r#""plain""#,
            r#""a\"b\\c\n\t\r\b\f\u00e9\U0001F600""#,
            "\"\"",
            "\"\"\"\"\"\"",
            "\"\"\"\nfirst\\\n   joined\r\nsecond \"\" quotes\"\"\"",
            "\"\"\"ends with quotes\"\"\"\"\"",
            "'''\nno \\ escapes\n'' here'''",
            "'a \\ b'",
            r#""\"""#,
        ] {
            let (ours, alone) = both(spelled);
            assert!(alone.is_some(), "{spelled}");
            assert_eq!(ours, alone, "{spelled}");
        }
        let nine_quotes = "\"".repeat(9);
        for malformed in [
            r#""\q""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""open\n"#,
            "\"\"\"\\x\"\"\"",
            "\"\\\n\"",
            nine_quotes.as_str(),
        ] {
            assert_eq!(both(malformed), (None, None), "{malformed}");
        }
    }

    #[test]
    fn nothing_of_an_escaped_text_is_left_in_the_copy() {
        let text = "k = {\"n\\n\" = [\"need\\\"le\", 1]}\n# \\ \"comment\"\n";
        let blank = blanked(text).unwrap();
        assert_eq!(blank.as_str(), "k = {\"n\\n\" = [\"xxxxxxxx\", 1]}\n# \\ \"comment\"\n");
        assert!(blanked("k = \"needle\"\n").is_none());
    }

    proptest! {
        #[test]
        fn any_text_between_quotes_is_read_alike(inside in "[a\"'\\\\nu0-9x\n\r é]{0,24}", quote in 0..4_usize) {
            let quote = ["\"", "'", "\"\"\"", "'''"][quote];
            let (ours, alone) = both(&format!("{quote}{inside}{quote}"));
            prop_assert_eq!(ours, alone);
        }
    }
}
