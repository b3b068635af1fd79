//! The compile errors by which `register!` refuses bad metadata.

use crate::version::grammar::ParseError;

/// The text of a compile error. It is composed in a constant, because `panic!` in a constant cannot format arguments.
pub(crate) struct Message {
    bytes: [u8; 1024],
    length: usize,
}

impl Message {
    /// The maximum length of a text that is quoted from a plugin's declaration, in bytes.
    const LONGEST_QUOTE: usize = 200;

    pub(crate) const fn new(text: &str) -> Self {
        Self { bytes: [0; 1024], length: 0 }.text(text)
    }

    /// Composes "WHAT "TEXT": at byte N expected ...".
    pub(crate) const fn malformed(what: &str, text: &str, error: ParseError) -> Self {
        Self::new(what)
            .text(" ")
            .quote(text)
            .text(": at byte ")
            .number(error.at as u64)
            .text(" expected ")
            .text(error.expected.as_str())
    }

    pub(crate) const fn text(self, text: &str) -> Self {
        self.push(text.as_bytes(), text.len())
    }

    /// Appends the text in quotation marks. Cuts a text longer than [`LONGEST_QUOTE`](Self::LONGEST_QUOTE).
    pub(crate) const fn quote(self, text: &str) -> Self {
        if text.len() <= Self::LONGEST_QUOTE {
            return self.text("\"").text(text).text("\"");
        }
        let mut end = Self::LONGEST_QUOTE;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.text("\"").push(text.as_bytes(), end).text("...\"")
    }

    pub(crate) const fn number(self, number: u64) -> Self {
        let message = if number >= 10 { self.number(number / 10) } else { self };
        // The remainder of a division by ten is one digit.
        #[allow(clippy::cast_possible_truncation)]
        let digit = [b'0' + (number % 10) as u8];
        message.push(&digit, 1)
    }

    pub(crate) const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "the metadata is malformed",
        }
    }

    const fn push(mut self, bytes: &[u8], length: usize) -> Self {
        let mut index = 0;
        while index < length && self.length < self.bytes.len() {
            self.bytes[self.length] = bytes[index];
            self.length += 1;
            index += 1;
        }
        self
    }
}
