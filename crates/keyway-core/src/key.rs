//! Suggestions for misspelled keys, and the display of keys.

use std::borrow::Cow;

/// Returns the candidate whose spelling is closest to `name`, or `None` if no candidate is similar.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// The minimum similarity. A suggestion that is less similar confuses more than it helps.
    const LIKE: f64 = 0.7;
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Formats a key, or the name of an entry, for a message.
///
/// Keys come from outside. So a long key is cut, and characters that would disturb a terminal or a log are escaped.
pub fn shown(key: &str) -> Cow<'_, str> {
    const LONGEST: usize = 64;
    if key.len() <= LONGEST && !key.contains(char::is_control) {
        return Cow::Borrowed(key);
    }
    let mut text: String = key.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if key.chars().nth(LONGEST).is_some() {
        text.push_str("...");
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_like_it_is_suggested() {
        assert_eq!(nearest("page_sise", ["path", "page_size"]), Some("page_size"));
        assert_eq!(nearest("zzzz", ["path", "page_size"]), None);
        assert_eq!(nearest("path", []), None);
    }

    #[test]
    fn long_and_disturbing_keys_are_made_harmless() {
        assert_eq!(shown("b\u{e4}r.a-1"), "b\u{e4}r.a-1");
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(shown(&"\u{e4}".repeat(1000)), format!("{}...", "\u{e4}".repeat(64)));
    }
}
