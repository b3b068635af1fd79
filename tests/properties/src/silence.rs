//! Errors that must not show what they are about.

use std::error::Error;
use std::str;

use keyway_issuers::IssuerError;

/// An error shows nothing of `foreign`, in its own words, in its debugging text, and in those of its causes.
/// Only words that are long and mixed are looked for, as secrets are: other ones are in our own messages.
pub(super) fn shows_nothing(error: &(dyn Error + 'static), foreign: &[u8]) {
    shows_nothing_but(error, foreign, &[]);
}

/// As [`shows_nothing`], but for words that may be shown: names.
pub(super) fn shows_nothing_but(error: &(dyn Error + 'static), foreign: &[u8], names: &[String]) {
    let mut said = format!("{error:?}\n");
    let mut cause = Some(error);
    while let Some(error) = cause {
        said.push_str(&error.to_string());
        cause = error.source();
    }
    // Foreign text may have been escaped, and messages escape it again.
    let is_name = |word: &&str| {
        names.iter().any(|name| name.contains(word) || name.escape_debug().to_string().contains(word))
    };
    for word in secret_words(foreign).filter(|word| !is_name(word)) {
        assert!(!said.contains(word), "the error shows {} bytes of what it is about", word.len());
    }
}

/// An error about what a plugin printed. A refusal is in the plugin's own words.
pub(super) fn issuer_shows_nothing(error: &IssuerError, printed: &[u8]) {
    if !matches!(error, IssuerError::Refused { .. }) {
        shows_nothing(error, printed);
    }
}

/// The words of a text that could be secrets.
fn secret_words(text: &[u8]) -> impl Iterator<Item = &str> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte);
    let words = text.split(move |byte| !is_part(*byte)).filter(|word| {
        word.len() >= 12 && word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_digit)
    });
    words.filter_map(|word| str::from_utf8(word).ok())
}
