//! Keeps the end of a program's error output, and hides secrets in it.

use std::fmt;
use std::os::fd::AsFd;

use keyway_core::Wiped;
use rustix::io::Errno;
use zeroize::Zeroize as _;

use super::output::{Read, read_into};
use crate::redaction::{self, Redaction, SHORTEST};

/// The end of a program's error output, for a log: at most [`MAX_BYTES`](Self::MAX_BYTES).
///
/// Programs may print anything there, including secrets. [`for_log`](Self::for_log) hides the known
/// secrets, and `Debug` shows the length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ErrorOutput {
    /// The last bytes of the error output. The buffer holds up to twice [`KEPT`](Self::KEPT) bytes, so that the bytes
    /// to keep are seldom moved to its front.
    bytes: Wiped<Vec<u8>>,
    /// True for each kept byte that must not be shown. Empty if no byte is hidden yet.
    hidden: Vec<bool>,
    written: u64,
}

impl ErrorOutput {
    /// The maximum number of bytes that are shown, counted before secrets are replaced.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// The number of bytes kept. It includes the bytes before the first shown one, because redaction depends on them.
    const KEPT: usize = Self::MAX_BYTES + SHORTEST - 1;

    /// Returns the end of the error output. Bytes hidden by [`hide_output`](Self::hide_output) are zeros. All other
    /// bytes are unchanged and may hold secrets, so the result is not for a log.
    pub fn bytes(&self) -> Wiped<Vec<u8>> {
        let kept = self.kept();
        let from = kept.len().saturating_sub(Self::MAX_BYTES);
        let mut bytes = Wiped::new(kept[from..].to_vec());
        for (byte, hidden) in bytes.iter_mut().zip(self.hidden.iter().skip(from)) {
            if *hidden {
                *byte = 0;
            }
        }
        bytes
    }

    /// Returns the number of all written bytes.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Tells whether the program wrote nothing.
    pub const fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// From now on, hides every run of eight bytes or more that also occurs in `output`, the output of the program,
    /// either unchanged or after JSON escapes are decoded.
    ///
    /// Every part of a refused answer is treated as a secret, because the host cannot tell which parts are secret.
    pub fn hide_output(&mut self, output: &[u8]) {
        if self.is_empty() {
            return;
        }
        let mut redaction = Redaction::of(self.kept());
        redaction.hide_printed(output);
        self.hidden = self.hidden_by(&redaction);
    }

    /// Formats the end for a log. Bytes that are not UTF-8 are replaced, and control characters other than line feed
    /// and tab are escaped, such as `\u{1b}`.
    ///
    /// Every run of eight bytes or more that also occurs in one of `secrets` becomes `[REDACTED]`: a whole secret, and
    /// any piece of it. White space around a secret is ignored. The two alphabets of base64 count as one, and JSON
    /// escapes count as the characters that they stand for. The search also covers the bytes before the part that is
    /// shown, so a secret that the cut divides is hidden, too (H62).
    ///
    /// Does not find a shorter secret, a secret in any other form, or a secret that the program made itself: treat the
    /// log as confidential.
    pub fn for_log<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) -> Wiped<String> {
        if self.is_empty() {
            return Wiped::default();
        }
        let kept = self.kept();
        let mut redaction = Redaction::of(kept);
        secrets.into_iter().for_each(|secret| redaction.hide_text(secret));
        let hidden = self.hidden_by(&redaction);
        let from = kept.len().saturating_sub(Self::MAX_BYTES);
        let mut shown = redaction::show(&kept[from..], &hidden[from..]);
        let length = shown.trim_end().len();
        shown.truncate(length);
        shown
    }

    pub(super) fn read(&mut self, stream: impl AsFd) -> Result<Read, Errno> {
        if self.bytes.len() == self.bytes.capacity() && self.bytes.len() < 2 * Self::KEPT {
            let mut grown = Wiped::new(Vec::new());
            // The first buffer is small, because most programs write no error output.
            grown.reserve_exact(if self.bytes.is_empty() { 64 } else { 2 * Self::KEPT });
            grown.extend_from_slice(&self.bytes);
            self.bytes = grown;
        }
        if self.bytes.len() >= 2 * Self::KEPT {
            let from = self.bytes.len() - Self::KEPT;
            self.bytes.copy_within(from.., 0);
            self.bytes[Self::KEPT..].zeroize();
            self.bytes.truncate(Self::KEPT);
        }
        let before = self.bytes.len();
        let read = read_into(stream, &mut self.bytes)?;
        self.written += (self.bytes.len() - before) as u64;
        Ok(read)
    }

    /// Returns for each kept byte whether it must be hidden: because it was hidden earlier, or because `redaction`
    /// hides it now.
    fn hidden_by(&self, redaction: &Redaction) -> Vec<bool> {
        let mut hidden = self.hidden.clone();
        hidden.resize(self.kept().len(), false);
        redaction.mark(&mut hidden);
        hidden
    }

    fn kept(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(Self::KEPT)..]
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

    use super::{ErrorOutput, Read};

    fn written(bytes: impl AsRef<[u8]>) -> ErrorOutput {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes.as_ref()).unwrap();
        file.rewind().unwrap();
        let mut errors = ErrorOutput::default();
        while errors.read(&file).unwrap() == Read::Some {}
        errors
    }

    #[test]
    fn the_end_is_kept() {
        for length in [0, 1, 8191, 8192, 8193, 16_384, 16_385, 100_003] {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let errors = written(&text);
            assert_eq!(errors.written(), length as u64);
            assert_eq!(*errors.for_log([]), text[length.saturating_sub(ErrorOutput::MAX_BYTES)..]);
        }
    }

    #[test]
    fn secrets_and_control_characters_do_not_reach_the_log() {
        let errors = written(b"token sesame-sesame!\x1b[2J \xff\nline\n\n");
        let log = errors.for_log(["sesame-sesame", "line"]);
        assert_eq!(*log, "token [REDACTED]!\\u{1b}[2J \u{fffd}\nline");
        assert_eq!(format!("{errors:?}"), "ErrorOutput(33 bytes)");
    }

    #[test]
    fn a_secret_that_contains_another_is_hidden_as_a_whole() {
        let errors = written("sesame-open-the-door and open-the-door sesame-open");
        for secrets in [
            ["sesame-open", "sesame-open-the-door", "open-the-door"],
            ["open-the-door", "sesame-open-the-door", "sesame-open"],
            // Secrets that overlap are hidden, too.
            ["sesame-open-the", "open-the-door", ""],
            // White space around a secret is ignored, because programs often trim the texts that they get.
            [" sesame-open-the-door\n", "", ""],
        ] {
            assert_eq!(*errors.for_log(secrets), "[REDACTED] and [REDACTED] [REDACTED]");
        }
    }

    /// Checks that no part of the secret is shown, wherever the text is cut.
    #[test]
    fn a_secret_is_hidden_before_the_text_is_cut() {
        let secret = "AAAA-this-is-a-very-secret-access-token-0123456789";
        for cut in 0..=secret.len() {
            let after = ".".repeat(ErrorOutput::MAX_BYTES - cut);
            let log = written(format!("token: {secret}{after}")).for_log([secret]);
            let before = if cut > 0 { "[REDACTED]" } else { "" };
            assert_eq!(*log, format!("{before}{after}"), "{cut}");
        }
    }

    #[test]
    fn a_secret_longer_than_the_kept_end_is_hidden() {
        let secret = (0..20_000).map(|number: u32| number.to_string()).collect::<Vec<_>>().join(".");
        assert_eq!(*written(format!("cannot parse: {secret}")).for_log([&*secret]), "[REDACTED]");
        let middle = &secret[10_000..12_000];
        assert_eq!(*written(format!("bad: {middle}!")).for_log([&*secret]), "bad: [REDACTED]!");
    }

    #[test]
    fn printed_output_is_hidden_and_stays_hidden() {
        let mut errors = written("made the key 0123456789abcdef for joe");
        errors.hide_output(b"{\"value\":\"0123456789ab");
        assert_eq!(*errors.for_log([]), "made the key [REDACTED]cdef for joe");
        assert_eq!(**errors.bytes(), *b"made the key \0\0\0\0\0\0\0\0\0\0\0\0cdef for joe");
        errors.hide_output(b"something else");
        // Each piece is searched for in the original text, where it may overlap with hidden parts.
        assert_eq!(*errors.for_log(["89abcdef"]), "made the key [REDACTED] for joe");
        let mut silent = written("");
        silent.hide_output(b"something");
        assert_eq!(*silent.for_log([]), "");
    }
}
