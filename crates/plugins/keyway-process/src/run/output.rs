//! What a program prints, and the end of what it complains.

use std::fmt;
use std::ops::Range;
use std::os::fd::AsFd;

use keyway_core::Wiped;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use zeroize::{Zeroize as _, Zeroizing};

/// What reading once brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// There may be more.
    Some,
    /// Nothing at the moment.
    NotNow,
    /// The other side is closed.
    End,
}

/// Reads once into what a buffer has room for, of which there must be some.
fn read_into(stream: impl AsFd, buffer: &mut Vec<u8>) -> Result<Read, Errno> {
    loop {
        return match rustix::io::read(&stream, spare_capacity(buffer)) {
            Ok(0) => Ok(Read::End),
            Ok(_) => Ok(Read::Some),
            Err(Errno::AGAIN) => Ok(Read::NotNow),
            Err(Errno::INTR) => continue,
            Err(error) => Err(error),
        };
    }
}

/// Standard output, whole and bounded. It may hold credentials, so that no copy is left
/// when it grows.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Zeroizing<Vec<u8>>,
    limit: usize,
}

impl Output {
    /// Wiping takes its time, so it is not more than most answers need; and of 1024 bytes and more the
    /// system's allocator makes much ado.
    const FIRST_CAPACITY: usize = 960;

    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Zeroizing::new(Vec::new()), limit }
    }

    pub(super) fn read(&mut self, stream: impl AsFd) -> Result<Read, Errno> {
        if self.bytes.len() == self.bytes.capacity() {
            // One byte more than the limit shows that there is more.
            let most = self.limit.saturating_add(1);
            let capacity = (self.bytes.capacity() * 2).max(Self::FIRST_CAPACITY).min(most);
            let mut grown = Zeroizing::new(Vec::with_capacity(capacity.max(self.bytes.len() + 1)));
            grown.extend_from_slice(&self.bytes);
            self.bytes = grown;
        }
        read_into(stream, &mut self.bytes)
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.bytes.len() > self.limit
    }

    pub(super) fn take(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.bytes)
    }
}

/// The end of what a program wrote to its error output: at most
/// [`MAX_BYTES`](Self::MAX_BYTES). Programs print there what they want, secrets among it,
/// so `Debug` shows the length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ErrorOutput {
    /// Up to twice what is kept, so that moving it to the front happens seldom.
    bytes: Wiped<Vec<u8>>,
    written: u64,
}

impl ErrorOutput {
    /// How much is kept.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// The end of what was written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(Self::MAX_BYTES)..]
    }

    /// How much was written in all, in bytes.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Whether nothing was written.
    pub const fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// The end as text for a log: what is not UTF-8 is replaced, control characters other
    /// than the line feed are shown as `\x1b` is, and every occurrence of one of `secrets`
    /// that is at least eight bytes long, white space around it not counted, becomes `[REDACTED]`.
    ///
    /// A secret that the program wrote in another form (encoded, cut, one that it made by
    /// itself) is not found: treat the log as what it is.
    pub fn for_log<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) -> Zeroizing<String> {
        let text = Zeroizing::new(String::from_utf8_lossy(self.bytes()).into_owned());
        let text = text.trim_end();
        let mut secret_places =
            places_of(text, secrets.into_iter().map(str::trim).filter(|secret| secret.len() >= 8));
        secret_places.sort_unstable_by_key(|place| place.start);
        let mut shown = Zeroizing::new(String::with_capacity(text.len() + 16));
        let mut from = 0;
        for place in secret_places {
            // One that begins within an earlier one is a part of what is left out, or goes on with it.
            if place.start >= from {
                show(&text[from..place.start], &mut shown);
                shown.push_str("[REDACTED]");
            }
            from = from.max(place.end);
        }
        show(&text[from..], &mut shown);
        shown
    }

    pub(super) fn read(&mut self, stream: impl AsFd) -> Result<Read, Errno> {
        if self.bytes.len() == self.bytes.capacity() && self.bytes.len() < 2 * Self::MAX_BYTES {
            let mut grown = Wiped::new(Vec::new());
            // Most write nothing here, which needs room to be seen.
            grown.reserve_exact(if self.bytes.is_empty() { 64 } else { 2 * Self::MAX_BYTES });
            grown.extend_from_slice(&self.bytes);
            self.bytes = grown;
        }
        if self.bytes.len() >= 2 * Self::MAX_BYTES {
            let from = self.bytes.len() - Self::MAX_BYTES;
            self.bytes.copy_within(from.., 0);
            self.bytes[Self::MAX_BYTES..].zeroize();
            self.bytes.truncate(Self::MAX_BYTES);
        }
        let before = self.bytes.len();
        let read = read_into(stream, &mut self.bytes)?;
        self.written += (self.bytes.len() - before) as u64;
        Ok(read)
    }
}

/// Where the secrets are, those too that lie in each other or overlap.
fn places_of<'a>(text: &str, secrets: impl Iterator<Item = &'a str>) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for secret in secrets {
        let first = secret.chars().next().map_or(1, char::len_utf8);
        let mut from = 0;
        while let Some(at) = text[from..].find(secret) {
            let start = from + at;
            places.push(start..start + secret.len());
            from = start + first;
        }
    }
    places
}

/// Adds a text, with its control characters escaped.
fn show(text: &str, shown: &mut String) {
    for character in text.chars() {
        if character.is_control() && character != '\n' && character != '\t' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
}

impl fmt::Debug for ErrorOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorOutput({} bytes)", self.written)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::{ErrorOutput, Output, Read};

    fn file(bytes: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn output_is_whole_up_to_its_limit() {
        for (length, limit) in
            [(0, 0), (0, 5), (5, 5), (10_000, 10_000), (10_000, 1 << 20), (100_000, 200_000)]
        {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let file = file(&bytes);
            let mut output = Output::new(limit);
            while output.read(&file).unwrap() == Read::Some {}
            assert!(!output.is_too_large(), "{length} of {limit}");
            assert_eq!(*output.take(), bytes);
        }
    }

    #[test]
    fn one_byte_beyond_the_limit_is_too_much() {
        for limit in [0, 1, 4095, 4096, 10_000] {
            let file = file(&vec![7; limit + 1]);
            let mut output = Output::new(limit);
            while !output.is_too_large() {
                assert_eq!(output.read(&file).unwrap(), Read::Some);
            }
        }
    }

    #[test]
    fn the_end_of_the_error_output_is_kept() {
        for length in [0, 1, 8191, 8192, 8193, 16_384, 16_385, 100_003] {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let file = file(&bytes);
            let mut errors = ErrorOutput::default();
            while errors.read(&file).unwrap() == Read::Some {}
            assert_eq!(errors.written(), length as u64);
            assert_eq!(errors.bytes(), &bytes[length.saturating_sub(ErrorOutput::MAX_BYTES)..]);
        }
    }

    #[test]
    fn secrets_and_control_characters_do_not_reach_the_log() {
        let mut errors = ErrorOutput::default();
        let file = file(b"token sesame-sesame!\x1b[2J \xff\nline\n\n");
        while errors.read(&file).unwrap() == Read::Some {}
        let log = errors.for_log(["sesame-sesame", "line"]);
        assert_eq!(*log, "token [REDACTED]!\\u{1b}[2J \u{fffd}\nline");
        assert_eq!(format!("{errors:?}"), "ErrorOutput(33 bytes)");
    }

    #[test]
    fn nothing_is_left_of_a_secret_that_holds_another_one() {
        let mut errors = ErrorOutput::default();
        let file = file(b"sesame-open-the-door and open-the-door sesame-open");
        while errors.read(&file).unwrap() == Read::Some {}
        for secrets in [
            ["sesame-open", "sesame-open-the-door", "open-the-door"],
            ["open-the-door", "sesame-open-the-door", "sesame-open"],
        ] {
            assert_eq!(*errors.for_log(secrets), "[REDACTED] and [REDACTED] [REDACTED]");
        }
        // What users enter often ends with a line break, and programs cut that off.
        assert_eq!(*errors.for_log([" sesame-open-the-door\n"]), "[REDACTED] and open-the-door sesame-open");
        // Nor of two that overlap, or of one that overlaps itself.
        assert_eq!(
            *errors.for_log(["sesame-open-the", "open-the-door"]),
            "[REDACTED] and [REDACTED] sesame-open"
        );
        let mut errors = ErrorOutput::default();
        let file = self::file("\u{e9}ab\u{e9}ab\u{e9}ab\u{e9}ab!".as_bytes());
        while errors.read(&file).unwrap() == Read::Some {}
        assert_eq!(*errors.for_log(["\u{e9}ab\u{e9}ab\u{e9}ab"]), "[REDACTED]!");
    }
}
