//! Reads and writes dotenv, limited to texts that a POSIX shell and this reader understand in the same way.

use keyway_core::{SecretText, Wiped};
use std::collections::HashMap;

use super::{Bundle, BundleError, LineFault, shell_names};

pub(super) fn write(bundle: &Bundle) -> Result<SecretText, BundleError> {
    for (key, value) in bundle.iter() {
        let refused = |reason| Err(BundleError::NotDotenv { key: key.escape_debug().to_string(), reason });
        if !is_name(key) {
            return refused(
                "a shell takes only letters, digits and '_', not beginning with a digit: rename it, or write JSON",
            );
        }
        if shell_names::is_kept(key) {
            return refused("shells keep this name for themselves: rename it, or write JSON");
        }
        if value.expose().contains('\0') {
            return refused("its value has a NUL, which no environment can hold");
        }
    }
    // The full size is allocated at once, since growing would leave copies of secrets behind.
    let size = bundle.iter().map(|(key, value)| key.len() + 2 * value.expose().len() + 4).sum();
    let mut text = Wiped::new(String::with_capacity(size));
    for (key, value) in bundle.iter() {
        text.push_str(key);
        text.push_str("=\"");
        for character in value.expose().chars() {
            if matches!(character, '"' | '\\' | '$' | '`') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push_str("\"\n");
    }
    Ok(text.as_str().into())
}

/// Reads all entries, and collects the faults of all lines. `lenient` also accepts plain values
/// that a shell reads differently, and returns their lines.
pub(super) fn read(text: &str, lenient: bool) -> Result<(Bundle, Vec<usize>), BundleError> {
    let mut bundle = Bundle::new();
    let mut lines = HashMap::new();
    let (mut faults, mut duplicates) = (Vec::new(), Vec::new());
    let mut reader = Reader { rest: text, line: 1, lenient, otherwise: Vec::new() };
    loop {
        match reader.entry() {
            Ok(None) => break,
            Ok(Some((line, key, value))) => {
                if let Some(first) = lines.get(key) {
                    duplicates.push((key, *first, line));
                } else {
                    lines.insert(key, line);
                    bundle.push(key, value)?;
                }
            }
            Err(fault) => {
                faults.push(fault);
                reader.skip_line();
            }
        }
    }
    match (&duplicates[..], faults.is_empty()) {
        ([], true) => Ok((bundle, reader.otherwise)),
        ([(key, first, line)], true) => {
            Err(BundleError::Duplicate { key: (*key).to_owned(), first: Some(*first), line: Some(*line) })
        }
        _ => {
            let reason = "its key stands in an earlier line already: remove one of the two";
            faults.extend(duplicates.iter().map(|(_, _, line)| LineFault { line: *line, reason }));
            faults.sort_by_key(|fault| fault.line);
            Err(BundleError::Lines { faults })
        }
    }
}

/// Tells whether a shell allows a variable with this name. The reader accepts more names: see [`is_key`].
fn is_name(text: &str) -> bool {
    is_key(text) && !text.contains(['.', '-'])
}

fn is_key(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_') && bytes.all(is_key_byte)
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// Tells whether every reader takes the character literally outside quotes.
fn is_plain(character: char) -> bool {
    !(character.is_whitespace() || character.is_control() || "\"'\\$`&|;<>()#~".contains(character))
}

/// Reads the plain value at the start of `rest` as other readers of dotenv do: up to the end of the line, or to a
/// comment after white space, without surrounding white space. Returns `None` for a value about which these readers
/// differ.
fn lenient(rest: &str) -> Option<&str> {
    let line = rest.split('\n').next().unwrap_or_default();
    let comment = line.find(" #").into_iter().chain(line.find("\t#")).min();
    let value = line[..comment.unwrap_or(line.len())].trim_matches([' ', '\t']);
    let is_alike = |character: char| !(character.is_control() || "\"'\\$`".contains(character));
    value.chars().all(is_alike).then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    /// The line in which `rest` starts, counted from 1.
    line: usize,
    /// Whether to accept plain values that a shell reads differently.
    lenient: bool,
    /// The lines with plain values that a shell reads differently.
    otherwise: Vec<usize>,
}

type Entry<'a> = (usize, &'a str, SecretText);

impl<'a> Reader<'a> {
    /// Reads the next entry: the line number of the key, the key, and the value. Returns `None` at the end of the text.
    fn entry(&mut self) -> Result<Option<Entry<'a>>, LineFault> {
        loop {
            self.skip_blanks();
            match self.rest.chars().next() {
                None => return Ok(None),
                Some('\n') => self.advance(1),
                Some('#') => self.skip_comment(),
                Some(_) => break,
            }
        }
        let exported = self.rest.strip_prefix("export ");
        if let Some(rest) = exported {
            self.rest = rest.trim_start_matches([' ', '\t']);
        }
        let line = self.line;
        let length = self.rest.bytes().take_while(|&byte| is_key_byte(byte)).count();
        let (key, rest) = self.rest.split_at(length);
        if !is_key(key) {
            return self.fault(
                "expected KEY=value: a key is letters, digits, '_', '.' and '-', not beginning with a digit",
            );
        }
        let Some(rest) = rest.strip_prefix('=') else {
            return self.fault("expected '=' directly after the key");
        };
        self.rest = rest;
        let value = match self.rest.as_bytes().first() {
            Some(b'\'') => self.single_quoted()?,
            Some(b'"') => self.double_quoted()?,
            _ => self.plain(exported.is_some())?,
        };
        Ok(Some((line, key, value)))
    }

    fn plain(&mut self, exported: bool) -> Result<SecretText, LineFault> {
        // A shell expands braces and file patterns after `export`, but not in a plain assignment.
        let is_plain = |next| is_plain(next) && !(exported && "{}*?[]".contains(next));
        let (value, rest) =
            self.rest.split_at(self.rest.find(|next| !is_plain(next)).unwrap_or(self.rest.len()));
        let before = std::mem::replace(&mut self.rest, rest);
        if self.end_of_line() {
            return Ok(value.into());
        }
        if self.lenient
            && let Some(value) = lenient(before)
        {
            self.otherwise.push(self.line);
            self.rest = before;
            self.skip_line();
            return Ok(value.into());
        }
        self.fault("the value needs quotes: a shell reads it in another way")
    }

    fn single_quoted(&mut self) -> Result<SecretText, LineFault> {
        let Some(length) = self.rest[1..].find('\'') else {
            return self.never_closed();
        };
        let value = &self.rest[1..=length];
        if value.contains('\0') {
            return self.fault("the value has a NUL, which no environment can hold");
        }
        self.quoted(value.into(), length + 2)
    }

    fn double_quoted(&mut self) -> Result<SecretText, LineFault> {
        let mut value = Wiped::new(String::with_capacity(self.closing_quote()));
        let mut characters = self.rest.char_indices().skip(1);
        let length = loop {
            let Some((at, character)) = characters.next() else {
                return self.never_closed();
            };
            match character {
                '"' => break at + 1,
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => value.push(escaped),
                    Some((_, '\n')) => {}
                    _ => {
                        return self.fault_at(at, "in double quotes a backslash stands only before \", \\, $, ` or the end of the line: use single quotes, or a real line end instead of \\n");
                    }
                },
                '$' | '`' => {
                    return self.fault_at(at, "a shell would expand what follows: write a backslash before it, or use single quotes");
                }
                '\0' => return self.fault_at(at, "the value has a NUL, which no environment can hold"),
                other => value.push(other),
            }
        };
        // The value is copied at its exact length, because shortening a text may leave the remaining bytes in memory.
        self.quoted(value.as_str().into(), length)
    }

    /// Returns the position of the closing quote in the remaining text, or the length of that text if there is no
    /// closing quote. The result is an upper bound for the length of the value in bytes.
    fn closing_quote(&self) -> usize {
        let mut escaped = true; // The opening quote must not count as the closing one.
        let end = self.rest.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        end.unwrap_or(self.rest.len())
    }

    /// Skips a quoted value of the given length, and returns `value`. Other text in the same line, except for a
    /// comment, is a fault.
    fn quoted(&mut self, value: SecretText, length: usize) -> Result<SecretText, LineFault> {
        self.advance(length);
        if self.end_of_line() {
            Ok(value)
        } else {
            self.fault("a quoted value must end the line: put all of it into one pair of quotes")
        }
    }

    /// Skips blanks, a comment after them, and the end of the line. Returns false if other text
    /// follows.
    fn end_of_line(&mut self) -> bool {
        let before = self.rest.len();
        self.skip_blanks();
        if self.rest.starts_with('#') && self.rest.len() < before {
            self.skip_comment();
        }
        match self.rest.as_bytes().first() {
            None => true,
            Some(b'\n') => {
                self.advance(1);
                true
            }
            Some(_) => false,
        }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn skip_comment(&mut self) {
        self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.rest[..bytes].matches('\n').count();
        self.rest = &self.rest[bytes..];
    }

    /// Continues after the end of a faulty line.
    fn skip_line(&mut self) {
        let end = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
        self.advance(end);
    }

    /// Stops reading, because any later line could be part of the unclosed value, or an entry of its own.
    fn never_closed<T>(&mut self) -> Result<T, LineFault> {
        let fault = self.fault("the quote is never closed");
        self.advance(self.rest.len());
        fault
    }

    fn fault<T>(&self, reason: &'static str) -> Result<T, LineFault> {
        let reason = if self.rest.starts_with('\r') {
            "it ends with a carriage return, which a shell takes for a part of the value: save the file with Unix line ends"
        } else if self.line == 1 && self.rest.starts_with('\u{feff}') {
            "the file begins with a byte order mark: save it without"
        } else {
            reason
        };
        Err(LineFault { line: self.line, reason })
    }

    fn fault_at<T>(&self, at: usize, reason: &'static str) -> Result<T, LineFault> {
        Err(LineFault { line: self.line + self.rest[..at].matches('\n').count(), reason })
    }
}
