//! Blanks out the values of a document, checks them, and reads each into a buffer that does not grow.

use std::cell::Cell;
use std::ops::Range;

use toml_datetime::Datetime;
use toml_parser::decoder::{Encoding, ScalarKind, StringBuilder};
use toml_parser::parser::{EventReceiver, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Raw, Source, Span};
use zeroize::Zeroizing;

/// The maximum nesting depth, which is that of the TOML reader.
pub(crate) const DEEPEST: u32 = 80;

/// A fault in a document. It holds positions, and no part of the document.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Malformed {
    /// The position of the fault.
    pub at: Range<usize>,
    /// The position of the name whose value has the fault, if the document was [`blanked`]. A name without a value has
    /// no position here, because it may be a part of a value.
    pub key: Option<Range<usize>>,
    /// The fault.
    pub reason: String,
}

/// A document with every value replaced by an integer of the same length, and without its comments. Nothing is moved.
#[derive(Debug)]
#[non_exhaustive]
pub struct Blanked {
    /// The text.
    pub text: Zeroizing<Vec<u8>>,
    /// The first fault in a value. The text shows the rest of the document nevertheless, because the version of its
    /// writer may explain the fault.
    pub fault: Option<Malformed>,
}

/// Blanks out a document.
///
/// # Errors
/// The first fault in the form of the document. The TOML reader can still find faults in names.
pub fn blanked(text: &str) -> Result<Blanked, Malformed> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let key = Cell::new(None);
    let blanked = Zeroizing::new(text.as_bytes().to_vec());
    let mut blank = Blank { text, blanked, fault: None, key: &key, last: None, depth: 0 };
    let mut receiver = ValidateWhitespace::new(&mut blank, source);
    let mut receiver = RecursionGuard::new(&mut receiver, DEEPEST);
    let mut first = None;
    parse_document(&tokens, &mut receiver, &mut |error: ParseError| {
        first.get_or_insert_with(|| Malformed { key: key.get().map(range), ..Malformed::new(&error) });
    });
    match first {
        None => Ok(Blanked { text: blank.blanked, fault: blank.fault }),
        Some(malformed) => Err(malformed),
    }
}

/// Returns the fault that the TOML reader found in a blanked document. All values are integers there, so a type in its
/// message means nothing.
pub fn reason_of(error: &toml::de::Error) -> String {
    error.message().replace("value of type integer", "a value")
}

/// Reads the value at `at`, which is neither a table nor an array. Returns its type and its text without quotes,
/// escapes, underscores and the prefix of a radix.
///
/// # Errors
/// The first fault of the value. There is none if [`blanked`] found none.
pub fn scalar(text: &str, at: Range<usize>) -> Result<(ScalarKind, Zeroizing<String>), Malformed> {
    let raw = text.get(at.clone()).unwrap_or_default();
    let encoding = match raw.as_bytes() {
        [b'"', b'"', b'"', ..] => Some(Encoding::MlBasicString),
        [b'"', ..] => Some(Encoding::BasicString),
        [b'\'', b'\'', b'\'', ..] => Some(Encoding::MlLiteralString),
        [b'\'', ..] => Some(Encoding::LiteralString),
        _ => None,
    };
    // No spelling of a value is shorter than its text, so the buffer never grows.
    let mut decoded = Decoded(Zeroizing::new(String::with_capacity(raw.len())));
    let mut first: Option<ParseError> = None;
    let kind = decode(raw, at.start, encoding, &mut decoded, &mut first);
    match first {
        None => Ok((kind, decoded.0)),
        Some(error) => Err(Malformed::new(&error)),
    }
}

fn decode<'text>(
    raw: &'text str,
    start: usize,
    encoding: Option<Encoding>,
    output: &mut dyn StringBuilder<'text>,
    errors: &mut dyn ErrorSink,
) -> ScalarKind {
    let span = Span::new_unchecked(start, start + raw.len());
    let kind = Raw::new_unchecked(raw, encoding, span).decode_scalar(output, errors);
    // The TOML reader accepts dates and times that could not be written again.
    if kind == ScalarKind::DateTime && !is_date_time(raw) {
        let reason = "a date or time that is invalid, or not one of TOML 1.0";
        errors.report_error(ParseError::new(reason).with_unexpected(span));
    }
    // The TOML reader accepts the prefix of a radix without digits.
    if matches!(kind, ScalarKind::Integer(_)) && raw.len() == 2 && raw.ends_with(['x', 'o', 'b']) {
        errors.report_error(ParseError::new("an integer without digits").with_unexpected(span));
    }
    kind
}

fn range(span: Span) -> Range<usize> {
    span.start()..span.end()
}

impl Malformed {
    fn new(error: &ParseError) -> Self {
        let mut reason = error.description().to_owned();
        for (index, expected) in error.expected().unwrap_or_default().iter().enumerate() {
            reason.push_str(if index == 0 { ", expected " } else { " or " });
            match expected {
                Expected::Literal(literal) => reason.extend(["`", &literal.escape_debug().to_string(), "`"]),
                Expected::Description(description) => reason.push_str(description),
                _ => reason.push_str("something else"),
            }
        }
        let at = error.unexpected().or_else(|| error.context());
        Self { at: at.map(range).unwrap_or_default(), key: None, reason }
    }
}

/// Tells whether `text` is a date, a time, or a date with a time, in the spelling of TOML 1.0 and within the range of
/// every reader.
pub fn is_date_time(text: &str) -> bool {
    let Ok(moment) = text.parse::<Datetime>() else { return false };
    let date = moment.date.is_none_or(|date| date.year > 0);
    let time = moment.time.is_none_or(|time| time.second.is_some_and(|second| second < 60));
    date && time
}

/// Blanks out the values and the comments of a document while it is parsed.
struct Blank<'text> {
    text: &'text str,
    blanked: Zeroizing<Vec<u8>>,
    /// The first fault in a value.
    fault: Option<Malformed>,
    /// The name of the value that is parsed, if it has an equals sign.
    key: &'text Cell<Option<Span>>,
    /// The last name.
    last: Option<Span>,
    /// The number of arrays and inline tables that are open.
    depth: u32,
}

impl EventReceiver for Blank<'_> {
    fn inline_table_open(&mut self, _: Span, _: &mut dyn ErrorSink) -> bool {
        self.depth += 1;
        true
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn array_open(&mut self, _: Span, _: &mut dyn ErrorSink) -> bool {
        self.depth += 1;
        true
    }

    fn array_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn simple_key(&mut self, span: Span, _: Option<Encoding>, _: &mut dyn ErrorSink) {
        self.last = Some(span);
        self.key.set(None);
    }

    fn key_val_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.key.set(self.last);
    }

    fn newline(&mut self, _: Span, _: &mut dyn ErrorSink) {
        if self.depth == 0 {
            self.key.set(None);
        }
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, _: &mut dyn ErrorSink) {
        let at = range(span);
        let mut fault: Option<ParseError> = None;
        decode(self.text.get(at.clone()).unwrap_or_default(), at.start, encoding, &mut (), &mut fault);
        if let (None, Some(error)) = (&self.fault, &fault) {
            self.fault = Some(Malformed { key: self.key.get().map(range), ..Malformed::new(error) });
        }
        self.blanked[at].fill(b'1');
    }

    fn comment(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.blanked[span.start()..span.end()].fill(b' ');
    }
}

/// The text of a value, in a buffer that does not grow.
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
    use toml::Spanned;
    use toml::de::{DeTable, DeValue};

    /// Returns the first value of a document, with its position.
    fn first(table: Spanned<DeTable<'_>>) -> Option<(Range<usize>, DeValue<'_>)> {
        let (_, value) = table.into_inner().into_iter().next()?;
        Some((value.span(), value.into_inner()))
    }

    /// Reads the same value in the two steps of this module, and with the TOML reader alone.
    fn both(text: &str) -> (Option<String>, Option<String>) {
        let alone = DeTable::parse(text).ok().and_then(first).filter(|(at, value)| match value {
            DeValue::Integer(number) => !number.as_str().is_empty(),
            DeValue::Datetime(_) => is_date_time(&text[at.clone()]),
            _ => true,
        });
        let alone = alone.map(|(at, value)| match value {
            DeValue::String(text) => format!("text {text}"),
            DeValue::Integer(number) => format!("integer {} {}", number.radix(), number.as_str()),
            DeValue::Float(number) => format!("float {}", number.as_str()),
            DeValue::Boolean(truth) => format!("boolean {truth}"),
            DeValue::Datetime(_) => format!("date {}", &text[at]),
            DeValue::Array(_) | DeValue::Table(_) => "several".to_owned(),
        });
        let blank = blanked(text).ok().filter(|blank| blank.fault.is_none());
        let found = blank.as_ref().and_then(|blank| {
            let blank = std::str::from_utf8(&blank.text).unwrap();
            first(DeTable::parse(blank).ok()?)
        });
        let ours = found.map(|(at, value)| match value {
            DeValue::Array(_) | DeValue::Table(_) => "several".to_owned(),
            _ => {
                let length = at.len();
                let (kind, read) = scalar(text, at).unwrap();
                assert_eq!(read.capacity(), length, "the buffer grew");
                match kind {
                    ScalarKind::String => format!("text {}", *read),
                    ScalarKind::Integer(radix) => format!("integer {} {}", radix.value(), *read),
                    ScalarKind::Float => format!("float {}", *read),
                    ScalarKind::Boolean(truth) => format!("boolean {truth}"),
                    ScalarKind::DateTime => format!("date {}", *read),
                }
            }
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
            "0",
            "-1_000_000",
            "0xdead_BEEF",
            "0xeb",
            "0o7_7",
            "0b1",
            "+1_0.2_5e-1_0",
            "-inf",
            "nan",
            "true",
            "false# comment",
            "2024-02-29 23:59:59.5Z",
            "23:59:59",
            "[\"a\", 1, # comment\n {b = 'c'}]",
        ] {
            let (ours, alone) = both(&format!("a = {spelled}\n"));
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
            "needle",
            "01",
            "1__0",
            "0x",
            "1e",
            "2024-02-30",
            "",
            "1 # \u{1}",
            "\"a\" b",
            "1\nb = needle",
        ] {
            assert_eq!(both(&format!("a = {malformed}\n")), (None, None), "{malformed}");
        }
    }

    #[test]
    fn only_names_are_left_in_the_copy() {
        let text = "k = {\"n\\n\" = [\"need\\\"le\", 1_0.5]}\n[a] # \\ \"comment\"\nb='''\n'''\n";
        let blank = blanked(text).unwrap().text;
        let expected = "k = {\"n\\n\" = [1111111111, 11111]}\n[a]              \nb=1111111\n";
        assert_eq!(std::str::from_utf8(&blank).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn any_text_between_quotes_is_read_alike(inside in "[a\"'\\\\nu0-9x\n\r é]{0,24}", quote in 0..4_usize) {
            let quote = ["\"", "'", "\"\"\"", "'''"][quote];
            let (ours, alone) = both(&format!("a = {quote}{inside}{quote}\n"));
            prop_assert_eq!(ours, alone);
        }

        #[test]
        fn any_value_without_quotes_is_read_alike(value in "[-+0-9_.:eETZxobinftrua ]{1,12}") {
            let (ours, alone) = both(&format!("a = {value}\n"));
            prop_assert_eq!(ours, alone);
        }

        #[test]
        fn any_document_is_read_alike(text in "[ab=\"'#\\[\\]{},.1_\\-:\\\\\n ]{0,40}") {
            let (ours, alone) = both(&text);
            prop_assert_eq!(ours, alone);
        }
    }
}
