//! Dotenv: what a POSIX shell and this reader read alike.

use keyway_core::SecretText;
use std::collections::HashMap;
use zeroize::Zeroizing;

use super::{Bundle, BundleError, shell_names};

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
    // The full size at once: growing would leave copies of secrets behind.
    let size = bundle.iter().map(|(key, value)| key.len() + 2 * value.expose().len() + 4).sum();
    let mut text = Zeroizing::new(String::with_capacity(size));
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

pub(super) fn read(text: &str) -> Result<Bundle, BundleError> {
    let mut bundle = Bundle::new();
    let mut lines = HashMap::new();
    let mut reader = Reader { rest: text, line: 1 };
    while let Some((line, key, value)) = reader.entry()? {
        if let Some(first) = lines.insert(key, line) {
            let key = key.to_owned();
            return Err(BundleError::Duplicate { key, first: Some(first), line: Some(line) });
        }
        bundle.push(key, value)?;
    }
    Ok(bundle)
}

/// Whether a shell can have a variable of this name. What is read may have more: [`is_key`].
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

/// Whether the character stands for itself without quotes, to everybody.
fn is_plain(character: char) -> bool {
    !(character.is_whitespace() || character.is_control() || "\"'\\$`&|;<>()#~".contains(character))
}

struct Reader<'a> {
    rest: &'a str,
    /// The line that `rest` begins in, counted from 1.
    line: usize,
}

type Entry<'a> = (usize, &'a str, SecretText);

impl<'a> Reader<'a> {
    /// The next key and value, with the line of the key.
    fn entry(&mut self) -> Result<Option<Entry<'a>>, BundleError> {
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

    fn plain(&mut self, exported: bool) -> Result<SecretText, BundleError> {
        // What stands in an assignment alone is not expanded; what `export` is given is.
        let is_plain = |next| is_plain(next) && !(exported && "{}*?[]".contains(next));
        let (value, rest) =
            self.rest.split_at(self.rest.find(|next| !is_plain(next)).unwrap_or(self.rest.len()));
        self.rest = rest;
        if self.end_of_line() {
            Ok(value.into())
        } else {
            self.fault("the value needs quotes: a shell reads it in another way")
        }
    }

    fn single_quoted(&mut self) -> Result<SecretText, BundleError> {
        let Some(length) = self.rest[1..].find('\'') else {
            return self.fault("the quote is never closed");
        };
        let value = &self.rest[1..=length];
        if value.contains('\0') {
            return self.fault("the value has a NUL, which no environment can hold");
        }
        self.quoted(value.into(), length + 2)
    }

    fn double_quoted(&mut self) -> Result<SecretText, BundleError> {
        let mut value = Zeroizing::new(String::with_capacity(self.closing_quote()));
        let mut characters = self.rest.char_indices().skip(1);
        let length = loop {
            let Some((at, character)) = characters.next() else {
                return self.fault("the quote is never closed");
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
        // A copy of just the right length: cutting a text off may leave the rest behind.
        self.quoted(value.as_str().into(), length)
    }

    /// At most so long is the value that begins here.
    fn closing_quote(&self) -> usize {
        let mut escaped = true; // The opening quote closes nothing.
        let end = self.rest.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        end.unwrap_or(self.rest.len())
    }

    /// Goes on after a quoted value.
    fn quoted(&mut self, value: SecretText, length: usize) -> Result<SecretText, BundleError> {
        self.advance(length);
        if self.end_of_line() {
            Ok(value)
        } else {
            self.fault("a quoted value must end the line: put all of it into one pair of quotes")
        }
    }

    /// Skips blanks, a comment after them, and the end of the line. Whether nothing else is
    /// there.
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

    fn fault<T>(&self, reason: &'static str) -> Result<T, BundleError> {
        let reason = if self.rest.starts_with('\r') {
            "it ends with a carriage return, which a shell takes for a part of the value: save the file with Unix line ends"
        } else if self.line == 1 && self.rest.starts_with('\u{feff}') {
            "the file begins with a byte order mark: save it without"
        } else {
            reason
        };
        Err(BundleError::Line { line: self.line, reason })
    }

    fn fault_at<T>(&self, at: usize, reason: &'static str) -> Result<T, BundleError> {
        Err(BundleError::Line { line: self.line + self.rest[..at].matches('\n').count(), reason })
    }
}
