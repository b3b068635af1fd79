//! The lines of an `authorized_keys` file. Foreign lines stay byte for byte.

/// Returns the content with `line` as the only line of this state. `line` takes the place of the first line of the
/// state. If the state has no line yet, `line` is added at the end. `line` has no line break.
pub(super) fn with(content: &[u8], state: &str, line: &str) -> Vec<u8> {
    let mut changed = Vec::with_capacity(content.len() + line.len() + 2);
    let mut placed = false;
    for found in lines(content) {
        if !is_of(found, state) {
            changed.extend_from_slice(found);
        } else if !placed {
            put(&mut changed, line);
            placed = true;
        }
    }
    if !placed {
        end_line(&mut changed);
        put(&mut changed, line);
    }
    changed
}

/// Returns the content without the lines of this state, or `None` if the state has no line. Removes every copy of a
/// line, since each copy would let the user in.
pub(super) fn without(content: &[u8], state: &str) -> Option<Vec<u8>> {
    has(content, state)
        .then(|| lines(content).filter(|line| !is_of(line, state)).collect::<Vec<_>>().concat())
}

/// A comment about a state, because of which a late request for the state is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// The host was told that the state is not issued.
    NeverIssued,
    /// The state was revoked.
    Revoked,
}

impl Note {
    /// The maximum number of notes of each kind in a file. If more are added, the oldest one is dropped, and a late
    /// request for its state is no longer refused.
    const MOST: usize = 64;
    const BEGINS: &[u8] = b"# keyway: ";

    const fn ends(self) -> &'static [u8] {
        match self {
            Self::NeverIssued => b" was never issued",
            Self::Revoked => b" was revoked",
        }
    }

    /// Returns the state in a line, if the line is a note of this kind.
    fn state_of(self, line: &[u8]) -> Option<&[u8]> {
        line.trim_ascii_end().strip_prefix(Self::BEGINS)?.strip_suffix(self.ends())
    }
}

/// Returns the content with a note about this state. Removes the oldest notes of the same kind if there are too many.
pub(super) fn with_note(content: &[u8], state: &str, note: Note) -> Vec<u8> {
    let noted = lines(content).filter(|line| note.state_of(line).is_some()).count();
    let mut surplus = (noted + 1).saturating_sub(Note::MOST);
    let kept = lines(content).filter(|line| {
        let goes = surplus > 0 && note.state_of(line).is_some();
        surplus -= usize::from(goes);
        !goes
    });
    let mut changed = kept.collect::<Vec<_>>().concat();
    end_line(&mut changed);
    for part in [Note::BEGINS, state.as_bytes(), note.ends(), b"\n"] {
        changed.extend_from_slice(part);
    }
    changed
}

/// Returns the first note about this state.
pub(super) fn note_of(content: &[u8], state: &str) -> Option<Note> {
    let is_of = |note: Note, line| note.state_of(line) == Some(state.as_bytes());
    lines(content)
        .find_map(|line| [Note::NeverIssued, Note::Revoked].into_iter().find(|note| is_of(*note, line)))
}

/// Ends the last line, because it would otherwise merge with a new line.
fn end_line(content: &mut Vec<u8>) {
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
}

/// Tells whether there is a line of this state.
pub(super) fn has(content: &[u8], state: &str) -> bool {
    lines(content).any(|line| is_of(line, state))
}

fn put(content: &mut Vec<u8>, line: &str) {
    content.extend_from_slice(line.as_bytes());
    content.push(b'\n');
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split_inclusive(|byte| *byte == b'\n')
}

/// Tells whether the comment of a line holds the state as a word. A user may have added words.
fn is_of(line: &[u8], state: &str) -> bool {
    KeyLine::read(line).is_some_and(|read| words(read.behind).any(|word| word == state.as_bytes()))
}

/// Returns the content with `new` in place of `old` in each line that has the key `old`. `old` and `new` each consist
/// of a type, a space and a key. The options and the comment of a line stay. Returns `None` if no line has the old key.
pub(super) fn with_key_replaced(content: &[u8], old: &str, new: &str) -> Option<Vec<u8>> {
    let mut changed = Vec::with_capacity(content.len() + new.len());
    let mut is_found = false;
    for line in lines(content) {
        match KeyLine::read(line).filter(|read| read.has(old)) {
            Some(KeyLine { before, behind, .. }) => {
                for part in [before, new.as_bytes(), behind] {
                    changed.extend_from_slice(part);
                }
                is_found = true;
            }
            None => changed.extend_from_slice(line),
        }
    }
    is_found.then_some(changed)
}

/// Tells whether there is a line of this key: a type, a space and the key.
pub(super) fn has_key(content: &[u8], key: &str) -> bool {
    lines(content).filter_map(KeyLine::read).any(|line| line.has(key))
}

/// The parts of a line that has a key.
struct KeyLine<'a> {
    /// The leading white space, and the options. They may hold quoted white space: a command in an option is not a
    /// comment.
    before: &'a [u8],
    kind: &'a [u8],
    key: &'a [u8],
    /// The comment and the end of the line.
    behind: &'a [u8],
}

impl<'a> KeyLine<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        const TYPES_BEGIN: [&[u8]; 3] = [b"ssh-", b"ecdsa-", b"sk-"];
        let text = line.trim_ascii_start();
        if text.starts_with(b"#") {
            return None;
        }
        // No option begins like a type of key.
        let keyed = if TYPES_BEGIN.iter().any(|begin| text.starts_with(begin)) {
            text
        } else {
            text[options_length(text)..].trim_ascii_start()
        };
        let before = &line[..line.len() - keyed.len()];
        let (kind, behind_kind) = split_word(keyed);
        let (key, behind) = split_word(behind_kind.trim_ascii_start());
        (!key.is_empty()).then_some(Self { before, kind, key, behind })
    }

    fn has(&self, key: &str) -> bool {
        key.as_bytes().strip_prefix(self.kind).and_then(|rest| rest.strip_prefix(b" ")) == Some(self.key)
    }
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len()))
}

/// Returns the length of the options at the beginning of a text. As in `sshd`, they end at the first white
/// space outside of quotes, and a quote after a backslash does not count, whatever is before the backslash.
fn options_length(text: &[u8]) -> usize {
    let mut quoted = false;
    let mut before = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'"' if before != b'\\' => quoted = !quoted,
            byte if byte.is_ascii_whitespace() && !quoted => return at,
            _ => {}
        }
        before = *byte;
    }
    text.len()
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "ssh-ed25519 AAAA K_1";

    #[test]
    fn a_line_is_put_at_the_end_and_found_by_its_state() {
        assert_eq!(with(b"", "K_1", LINE), b"ssh-ed25519 AAAA K_1\n");
        assert_eq!(with(b"a b c", "K_1", LINE), b"a b c\nssh-ed25519 AAAA K_1\n");
        assert_eq!(with(b"\n", "K_1", LINE), b"\nssh-ed25519 AAAA K_1\n");
        let content = b"# K_1\nssh-ed25519 BBBB K_1 at home\r\nssh-rsa CCCC K_12\n";
        assert!(has(content, "K_1"));
        assert_eq!(with(content, "K_1", LINE), b"# K_1\nssh-ed25519 AAAA K_1\nssh-rsa CCCC K_12\n");
        assert_eq!(without(content, "K_1").unwrap(), b"# K_1\nssh-rsa CCCC K_12\n");
    }

    #[test]
    fn notes_are_comments_and_the_oldest_of_a_kind_go() {
        let once = with_note(b"ssh-rsa CCCC K_12", "K_1", Note::NeverIssued);
        assert_eq!(once, b"ssh-rsa CCCC K_12\n# keyway: K_1 was never issued\n");
        assert_eq!(note_of(&once, "K_1"), Some(Note::NeverIssued));
        assert!(note_of(&once, "K_12").is_none() && !has(&once, "K_1"));
        let many = (0..=Note::MOST)
            .fold(once, |content, number| with_note(&content, &format!("R_{number}"), Note::Revoked));
        assert_eq!(lines(&many).count(), 2 + Note::MOST);
        assert!(
            many.starts_with(
                b"ssh-rsa CCCC K_12\n# keyway: K_1 was never issued\n# keyway: R_1 was revoked\n"
            )
        );
        assert_eq!(note_of(&many, &format!("R_{}", Note::MOST)), Some(Note::Revoked));
        assert_eq!(note_of(&many, "R_0"), None);
    }

    #[test]
    fn similar_lines_are_not_matched() {
        for foreign in [
            "# ssh-ed25519 AAAA K_1\n",
            "  # a b c K_1\n",
            "ssh-ed25519 AAAA K_12\n",
            "ssh-ed25519 AAAA XK_1\n",
            "ssh-ed25519 AAAA k_1\n",
            "K_1 AAAA joe\n",
            "ssh-ed25519 K_1 joe\n",
            "ssh-ed25519 K_1",
            "K_1",
            // Words within options are no comment.
            "command=\"notify joe about K_1 now\" ssh-ed25519 AAAA joe\n",
            "from=\"a\",command=\"say \\\"a b K_1 c\\\" d K_1 e\" ssh-ed25519 AAAA joe\n",
            "command=\"echo a b c K_1 d\"\tssh-ed25519\tAAAA\n",
        ] {
            assert_eq!(without(foreign.as_bytes(), "K_1"), None, "{foreign:?}");
        }
        for own in [
            "restrict,command=\"echo a b\" ssh-ed25519 AAAA K_1\n",
            "  command=\"a\\\\\" b\"\tsk-ssh-ed25519@openssh.com \t AAAA at home K_1\n",
            "restrict ecdsa-sha2-nistp256 AAAA K_1",
            "ssh-rsa AAAA \"K_1 K_1",
        ] {
            assert_eq!(without(own.as_bytes(), "K_1").unwrap(), b"", "{own:?}");
        }
    }

    /// Generates foreign lines, with all that a text editor can leave behind.
    fn foreign() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let line = prop_oneof![
            Just(b"".to_vec()),
            prop::collection::vec(any::<u8>().prop_filter("one line", |byte| *byte != b'\n'), 0..20),
            "(restrict )?ssh-rsa AAAA[A-Za-z]{0,9} [a-zK_]{0,6}[02-9]?\r?".prop_map(String::into_bytes),
        ];
        prop::collection::vec(line, 0..6)
    }

    const OLD: &str = "ssh-ed25519 AAAAold=";
    const NEW: &str = "ecdsa-sha2-nistp256 AAAAnew";

    #[test]
    fn a_key_is_replaced_between_its_options_and_its_comment() {
        let replaced = |content: &str| {
            with_key_replaced(content.as_bytes(), OLD, NEW).map(|changed| String::from_utf8(changed).unwrap())
        };
        for (content, changed) in [
            ("ssh-ed25519 AAAAold=", "ecdsa-sha2-nistp256 AAAAnew"),
            (
                "from=\"a b\",restrict\tssh-ed25519 \t AAAAold=\tjoe, at home\r\n",
                "from=\"a b\",restrict\tecdsa-sha2-nistp256 AAAAnew\tjoe, at home\r\n",
            ),
            (
                "# mine\n\n  ssh-ed25519 AAAAold= joe\nssh-rsa BBBB ada\nno-pty ssh-ed25519 AAAAold=\n",
                "# mine\n\n  ecdsa-sha2-nistp256 AAAAnew joe\nssh-rsa BBBB ada\nno-pty ecdsa-sha2-nistp256 AAAAnew\n",
            ),
        ] {
            assert_eq!(replaced(content).as_deref(), Some(changed), "{content:?}");
            assert!(has_key(changed.as_bytes(), NEW) && !has_key(changed.as_bytes(), OLD), "{content:?}");
        }
        for other in [
            "",
            "# ssh-ed25519 AAAAold=\n",
            "ssh-ed25519 AAAAold\n",
            "ssh-ed25519 AAAAold==\n",
            "ssh-rsa AAAAold=\n",
            "command=\"x ssh-ed25519 AAAAold= y\" ssh-rsa BBBB ssh-ed25519 AAAAold=\n",
        ] {
            assert_eq!(replaced(other), None, "{other:?}");
            assert!(!has_key(other.as_bytes(), OLD), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn replacing_a_key_leaves_other_lines(before in foreign(), after in foreign()) {
            let join = |lines: &[Vec<u8>]| {
                lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect::<Vec<u8>>()
            };
            let (before, after) = (join(&before), join(&after));
            let with = |key: &str| [&before, format!("restrict {key} joe\n").as_bytes(), &after].concat();
            prop_assert_eq!(with_key_replaced(&with(OLD), OLD, NEW), Some(with(NEW)));
            prop_assert_eq!(with_key_replaced(&with(NEW), OLD, NEW), None);
        }

        #[test]
        fn adding_and_removing_leaves_other_lines(before in foreign(), after in foreign()) {
            let join = |lines: &[Vec<u8>]| {
                lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect::<Vec<u8>>()
            };
            let (before, after) = (join(&before), join(&after));
            let put = with(&before, "K_1", LINE);
            prop_assert!(has(&put, "K_1"));
            let grown = [put, after.clone()].concat();
            prop_assert_eq!(without(&grown, "K_1").unwrap(), [before.clone(), after.clone()].concat());
            // Adding the same line again changes nothing. A different line of the same state takes the place of the
            // first line.
            prop_assert_eq!(&with(&grown, "K_1", LINE), &grown);
            let other = "ssh-rsa BBBB K_1";
            let expected = [before, format!("{other}\n").into_bytes(), after].concat();
            prop_assert_eq!(with(&grown, "K_1", other), expected);
        }

        #[test]
        fn any_content_keeps_its_lines(content in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(without(&content, "K_1"), None);
            let put = with(&content, "K_1", LINE);
            prop_assert!(put.starts_with(&content));
            let left = without(&put, "K_1").unwrap();
            prop_assert!(left == content || left == [content, b"\n".to_vec()].concat());
        }
    }
}
