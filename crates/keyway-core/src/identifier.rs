//! Checks the characters of the names that a host chooses.

/// Tells whether a text has only `A-Z a-z 0-9 . _ -` and does not begin with a dot.
///
/// Such a text is never a path (decision C9). An empty text is accepted, because each kind of name checks its own
/// length.
pub fn is_identifier(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.bytes().all(allowed) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::is_identifier;

    #[test]
    fn no_path_is_an_identifier() {
        for name in ["login.cluster-1", "a", "_", "0"] {
            assert!(is_identifier(name), "{name}");
        }
        for other in [".hidden", "..", "a/b", "a b", "a\\b", "a\0b", "\u{e4}"] {
            assert!(!is_identifier(other), "{other}");
        }
    }
}
