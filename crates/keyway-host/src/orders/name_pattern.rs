//! Patterns of host names.

use std::fmt;

/// A pattern of names. It is a name, but its first label may be `*`, which stands for any one label of a host name.
///
/// Case does not matter, as in host names. A client may request a wildcard such as `*.example.org`. Only the pattern
/// `*.example.org` matches it, because the certificate is valid for exactly the names that this pattern allows.
/// Addresses and other names are compared as texts.
///
/// ```
/// use keyway_host::orders::NamePattern;
///
/// let pattern = NamePattern::new("*.example.org")?;
/// assert!(pattern.matches("WWW.example.org") && pattern.matches("*.example.org"));
/// for other in ["example.org", "a.b.example.org", ".example.org", "www.example.org.evil.net"] {
///     assert!(!pattern.matches(other), "{other}");
/// }
/// assert!(NamePattern::new("www.*.org").is_err());
/// # Ok::<(), keyway_host::orders::InvalidPattern>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    /// The text after the `*`, with its dot, if the first label is `*`.
    rest: Option<String>,
    /// The whole pattern, in lower case.
    text: String,
}

/// The error for a text that is not a pattern of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a pattern of names: use a name, or `*.` and a name, without empty labels")]
pub struct InvalidPattern;

impl NamePattern {
    /// Creates a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] when the pattern is empty, has an empty label or a control character, or has a `*` in a wrong
    /// place: a `*` must be the whole first label, and more labels must follow.
    pub fn new(pattern: &str) -> Result<Self, InvalidPattern> {
        let text = pattern.to_ascii_lowercase();
        let name = text.strip_prefix("*.").unwrap_or(&text);
        let bad = |label: &str| label.is_empty() || label.contains(|c: char| c == '*' || c.is_control());
        if name.split('.').any(bad) {
            return Err(InvalidPattern);
        }
        let rest = text.strip_prefix('*').map(str::to_owned);
        Ok(Self { rest, text })
    }

    /// Tells whether the pattern matches a name.
    pub fn matches(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let Some(rest) = &self.rest else { return name == self.text };
        match name.strip_suffix(rest.as_str()) {
            Some("*") => true,
            // Only the first label of a host name. An e-mail address, a URI or a free text needs a pattern of its own.
            Some(label) => !label.is_empty() && label.bytes().all(is_of_host),
            None => false,
        }
    }
}

/// Tells whether a label of a host name may have this byte.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wildcard_is_the_whole_first_label() {
        for bad in ["", "*", "*.", ".", "a..b", "a.*.b", "w*.example.org", "*.*.org", "a\n.org", "**"] {
            assert_eq!(NamePattern::new(bad), Err(InvalidPattern), "{bad}");
        }
        let exact = NamePattern::new("Example.org").unwrap();
        assert!(exact.matches("example.ORG") && !exact.matches("*.org") && !exact.matches("www.example.org"));
    }

    #[test]
    fn a_wildcard_matches_host_names_only() {
        let hosts = NamePattern::new("*.example.org").unwrap();
        assert!(hosts.matches("mail.example.org") && hosts.matches("_acme-1.example.org"));
        for other in [
            "ceo@mail.example.org",
            "https://localhost/x.example.org",
            "local host.example.org",
            "a\0.example.org",
        ] {
            assert!(!hosts.matches(other), "{other}");
        }
        assert!(NamePattern::new("ceo@example.org").unwrap().matches("CEO@example.org"));
    }

    proptest! {
        #[test]
        fn a_pattern_matches_names_with_as_many_labels(
            pattern in r"(\*\.)?[a-c]{1,2}(\.[a-c]{1,2}){0,2}", name in r"(\*\.)?[a-c]{1,2}(\.[a-c]{1,2}){0,2}",
        ) {
            let matches = NamePattern::new(&pattern).unwrap().matches(&name);
            let (patterns, names): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), name.split('.').collect());
            let same = |(pattern, name): (&&str, &&str)| pattern == name || *pattern == "*";
            prop_assert_eq!(matches, patterns.len() == names.len() && patterns.iter().zip(&names).all(same));
        }
    }
}
