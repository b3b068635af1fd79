//! Rewrites the text of a private key in the layout that `ssh-key` reads, because programs lay it out differently.

use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";
/// The only width of lines that `ssh-key` reads.
const WIDTH: usize = 70;

/// Lays out a private key of OpenSSH as `ssh-keygen` does. Returns `None` if the text does not have the markers of such
/// a key.
///
/// OpenSSH ignores white space in the key, the width of its lines, and all text after the last marker.
/// Terraform writes lines of 64 characters, other programs of 76.
pub(super) fn with_usual_layout(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let inside = text.trim_ascii_start().strip_prefix(BEGIN)?;
    // Base64 has no dash, so the first dash begins the marker after the key.
    let (body, behind) = inside.split_at(inside.iter().position(|byte| *byte == b'-')?);
    behind.starts_with(END).then_some(())?;

    // Reserves the whole capacity first, because a growing buffer leaves copies behind.
    let mut usual = Zeroizing::new(Vec::with_capacity(BEGIN.len() + END.len() + 3 + 2 * body.len()));
    usual.extend_from_slice(BEGIN);
    for (at, byte) in body.iter().filter(|byte| !byte.is_ascii_whitespace()).enumerate() {
        if at % WIDTH == 0 {
            usual.push(b'\n');
        }
        usual.push(*byte);
    }
    usual.push(b'\n');
    usual.extend_from_slice(END);
    usual.push(b'\n');
    Some(usual)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ssh_key::private::{Ed25519Keypair, KeypairData};
    use ssh_key::{LineEnding, PrivateKey};

    use super::*;

    fn written() -> Zeroizing<String> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[7; 32]));
        PrivateKey::new(pair, "ca").unwrap().to_openssh(LineEnding::LF).unwrap()
    }

    #[test]
    fn a_usual_layout_is_unchanged() {
        assert_eq!(*with_usual_layout(written().as_bytes()).unwrap(), written().as_bytes());
    }

    #[test]
    fn texts_without_both_markers_are_no_keys() {
        let text = written();
        for text in ["", "ssh-ed25519 AAAA", text.trim_start_matches('-'), &text[..text.len() - 4]] {
            assert!(with_usual_layout(text.as_bytes()).is_none(), "{text:?}");
        }
        let other = text.replace("OPENSSH ", "");
        assert!(with_usual_layout(other.as_bytes()).is_none());
        let dashed = text.replace("b3Bl", "b3-l");
        assert!(with_usual_layout(dashed.as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn white_space_and_text_after_the_end_are_ignored(
            spaces in prop::collection::vec((any::<prop::sample::Index>(), "[ \\t\\r\\n]{1,3}"), 0..20),
            end in "\\PC{0,20}",
        ) {
            let text = written();
            let body = &text.as_bytes()[BEGIN.len()..text.len() - END.len() - 1];
            let mut body = body.to_vec();
            for (at, space) in spaces {
                let at = at.index(body.len() + 1);
                body.splice(at..at, space.bytes());
            }
            let changed = [b"\r\n", BEGIN, &body, END, end.as_bytes()].concat();
            let usual = with_usual_layout(&changed).unwrap();
            prop_assert_eq!(usual.as_slice(), text.as_bytes());
        }
    }
}
