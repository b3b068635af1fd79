//! Checks that no text of a host shows a secret.

use std::fmt;

use keyway_core::PluginError;

/// A text that is in every password, one-time code, cookie value and panic.
pub(super) const SECRET: &str = "n33dle-of-the-vault";

/// A private key.
pub(super) const KEY: &str =
    include_str!("../../../../crates/keyway-conformance/src/credentials/scripted/keys/ed25519.pem");

/// Checks that a text shows no secret.
pub(super) fn text_is_silent(text: &str) {
    let lines = KEY.lines().filter(|line| !line.starts_with("-----") && !line.is_empty());
    for secret in lines.chain([SECRET]) {
        assert!(!text.contains(secret), "a secret is shown: {text}");
    }
}

/// Checks that the `Debug` form of a value shows no secret.
pub(super) fn is_silent(value: &impl fmt::Debug) {
    text_is_silent(&format!("{value:?}"));
}

/// Checks that no text of an error, or of its causes, shows a secret.
pub(super) fn error_is_silent(error: &dyn PluginError) {
    text_is_silent(&format!("{error:?} {error} {}", error.detail()));
    let mut cause = error.source();
    while let Some(error) = cause {
        text_is_silent(&format!("{error:?} {error}"));
        cause = error.source();
    }
}
