//! Values that show whether they are intact, and which write made them.

use keyway_core::SecretValue;

use crate::torture::draw::Draw;

const FILLER: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Returns the value of a token: the token, a bar, and a text that is computed from the token.
pub(super) fn of(token: &str) -> SecretValue {
    let text = text_of(token);
    // The store on records also takes bytes. The store on a file takes only texts; the tokens of its secrets begin with
    // an f.
    if !token.starts_with('f') && hash(token).is_multiple_of(3) {
        SecretValue::bytes(text.into_bytes())
    } else {
        SecretValue::text(text)
    }
}

/// Returns the token of an intact value made by [`of`].
pub(super) fn token(value: &SecretValue) -> Option<String> {
    let text = std::str::from_utf8(value.expose_bytes()?).ok()?;
    let (token, _) = text.split_once('|')?;
    of(token).same_as(value).then(|| token.to_owned())
}

fn text_of(token: &str) -> String {
    let mut draw = Draw::new(hash(token));
    let large = if token.starts_with('f') { 2_000 } else { 40_000 };
    let length = match draw.below(20) {
        0 => large,
        1..=3 => 1_500,
        _ => 20 + draw.below(200),
    };
    let mut text = format!("{token}|");
    text.extend((0..length).map(|_| char::from(draw.one_of(FILLER))));
    text
}

fn hash(token: &str) -> u64 {
    // FNV-1a is short, and gives the same result on every machine.
    token
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{of, text_of, token};
    use keyway_core::SecretValue;

    #[test]
    fn a_value_tells_its_token_only_when_it_is_whole() {
        for written in ["r1.0.1.0", "r1.0.1.1", "f2.0.0.7", "r3.1.4.1"] {
            assert_eq!(token(&of(written)).as_deref(), Some(written));
            let text = text_of(written);
            for torn in [&text[..text.len() - 1], &text[1..], ""] {
                assert_eq!(token(&SecretValue::text(torn)), None);
            }
        }
        assert_eq!(token(&SecretValue::text("no token")), None);
    }
}
