//! Collects all texts of an error.

use std::error::Error;
use std::fmt::Write as _;

use keyway_core::PluginError;

/// Collects all texts of an error and of its causes, and its message for the user.
pub(crate) fn all_words<E: Error + PluginError>(error: &E, message: &str) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n{message}\n{}", error.detail());
    let mut source = error.source();
    while let Some(inner) = source {
        let _ = write!(text, "\n{inner}\n{inner:?}");
        source = inner.source();
    }
    text
}
