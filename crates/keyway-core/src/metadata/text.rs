//! Checks the form of the texts in metadata. The functions are `const`, so that `register!` can call them.

/// The maximum length of a plugin's name and of its author, in bytes.
const LONGEST: usize = 256;

/// The form that [`is_author`] requires.
pub(super) const AUTHOR: &str = "\"Name <address>\", where the address has an `@`";

/// The form that [`is_name`] requires.
pub(super) const NAME: &str = "a text of 1 to 256 bytes without control characters";

/// The form that [`is_id`] requires.
pub(crate) const ID: &str = "kebab case, such as `convection-generic`: 1 to 64 of `a-z 0-9` in words joined by `-`, \
                             beginning with a letter";

/// Tells whether a text is `Name <address>`: a name, one space, and an address with an `@` between other characters.
///
/// See decision C3.
pub(super) const fn is_author(author: &str) -> bool {
    let bytes = author.as_bytes();
    if !is_name(author) || bytes[bytes.len() - 1] != b'>' {
        return false;
    }
    let (mut open, mut sign, mut index) = (0, 0, 0);
    while index < bytes.len() - 1 {
        match bytes[index] {
            b'<' if open == 0 => open = index,
            b'<' | b'>' => return false,
            b' ' if open > 0 => return false,
            b'@' if open > 0 => sign = index,
            _ => {}
        }
        index += 1;
    }
    // Exactly one space follows the name, none precedes it, and the `@` has characters on both sides.
    open >= 2
        && bytes[0] != b' '
        && bytes[open - 1] == b' '
        && bytes[open - 2] != b' '
        && sign > open + 1
        && sign < bytes.len() - 2
}

/// Tells whether a text can be a name for people: not empty, not too long, and without control characters.
pub(super) const fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index].is_ascii_control() {
            return false;
        }
        index += 1;
    }
    !bytes.is_empty() && bytes.len() <= LONGEST
}

/// Tells whether a text is a registry id: kebab case.
///
/// See decision K2.
pub(crate) const fn is_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    if bytes.is_empty() || bytes.len() > 64 || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut index = 1;
    while index < bytes.len() {
        let fits = match bytes[index] {
            b'a'..=b'z' | b'0'..=b'9' => true,
            b'-' => bytes[index - 1] != b'-' && index + 1 < bytes.len(),
            _ => false,
        };
        if !fits {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors() {
        for author in ["A <a@example.org>", "\u{dc}n\u{ef} <\u{fc}@x>", "The Keyway authors <k@w>"] {
            assert!(is_author(author), "{author}");
        }
        for author in [
            "",
            "someone",
            "<a@b>",
            " <a@b>",
            "A<a@b>",
            "A  <a@b>",
            " A <a@b>",
            "A <ab>",
            "A <@b>",
            "A <a@>",
            "A <a@b> ",
            "A <a@b>x",
            "A <a@b",
            "A <a @b>",
            "A <<a@b>",
            "A <a@b>>",
            "A\n <a@b>",
            "A >x <a@b>",
        ] {
            assert!(!is_author(author), "{author:?}");
        }
        assert!(!is_author(&format!("{} <a@b>", "x".repeat(300))));
    }

    #[test]
    fn ids() {
        for id in ["generic", "convection-generic", "a", "x509", "a-1-b"] {
            assert!(is_id(id), "{id}");
        }
        for id in ["", "-a", "a-", "a--b", "A", "a_b", "a.b", "1a", "a b", "\u{e4}", &"a".repeat(65)] {
            assert!(!is_id(id), "{id:?}");
        }
    }
}
