//! What the texts of metadata must look like. `const`, because `register!` checks them.

/// The longest plugin name and author, in bytes.
const LONGEST: usize = 256;

/// What [`is_author`] wants.
pub(super) const AUTHOR: &str = "\"Name <address>\", where the address has an `@`";

/// What [`is_name`] wants.
pub(super) const NAME: &str = "a text of 1 to 256 bytes without control characters";

/// What [`is_id`] wants.
pub(crate) const ID: &str = "kebab case, such as `convection-generic`: 1 to 64 of `a-z 0-9` in words joined by `-`, \
                             beginning with a letter";

/// `Name <address>`: a name, one blank, an address with an `@` inside, nothing else
/// (decision C3).
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
    // A name without blanks around it, and something on both sides of the sign.
    open >= 2
        && bytes[0] != b' '
        && bytes[open - 1] == b' '
        && bytes[open - 2] != b' '
        && sign > open + 1
        && sign < bytes.len() - 2
}

/// A text for people: not empty, not endless, no control characters.
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

/// A registry id: kebab case (decision K2).
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
