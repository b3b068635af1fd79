//! Checks that errors do not show their input.

use std::error::Error;
use std::str;

use keyway_issuers::IssuerError;

/// Checks that an error shows nothing of `foreign` in its debugging text, its message, or the messages of its causes.
///
/// Searches only for long, mixed words, such as secrets are: other words also occur in the fixed text of messages.
pub(super) fn shows_nothing(error: &(dyn Error + 'static), foreign: &[u8]) {
    shows_nothing_but(error, foreign, &[]);
}

/// Does the same as [`shows_nothing`], but allows the error to show `names`.
pub(super) fn shows_nothing_but(error: &(dyn Error + 'static), foreign: &[u8], names: &[String]) {
    let mut said = format!("{error:?}\n");
    let mut cause = Some(error);
    while let Some(error) = cause {
        said.push_str(&error.to_string());
        cause = error.source();
    }
    // Foreign text may already be escaped, and messages escape it again.
    let is_name = |word: &&str| {
        names.iter().any(|name| name.contains(word) || name.escape_debug().to_string().contains(word))
    };
    for word in secret_words(foreign).filter(|word| !is_name(word)) {
        assert!(!said.contains(word), "the error shows {} bytes of its input", word.len());
    }
}

/// Checks an error about a plugin's output. Only a refusal may repeat the output, because a refusal has the plugin's
/// own words.
pub(super) fn issuer_shows_nothing(error: &IssuerError, printed: &[u8]) {
    if !matches!(error, IssuerError::Refused { .. }) {
        shows_nothing(error, printed);
    }
}

/// Returns the words of a text that could be secrets.
fn secret_words(text: &[u8]) -> impl Iterator<Item = &str> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte);
    let words = text.split(move |byte| !is_part(*byte)).filter(|word| {
        word.len() >= 12 && word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_digit)
    });
    words.filter_map(|word| str::from_utf8(word).ok())
}
