//! Names the characters that passwords are made of.

use std::fmt;
use std::str::FromStr;

use crate::RuleError;

/// The characters that a password is made of.
///
/// All characters are printable ASCII, and none is white space (decision C11). No character occurs twice in an
/// alphabet, so all characters of the alphabet are equally likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alphabet {
    /// `printable`: letters, digits and punctuation, 94 characters.
    Printable,
    /// `ascii_letters`: `a-z` and `A-Z`.
    AsciiLetters,
    /// `ascii_lowercase`: `a-z`.
    AsciiLowercase,
    /// `ascii_uppercase`: `A-Z`.
    AsciiUppercase,
    /// `digits`: `0-9`.
    Digits,
    /// `alphanumeric`: letters and digits, 62 characters.
    Alphanumeric,
    /// `punctuation`: the 32 printable characters that are neither letters nor digits.
    Punctuation,
    /// `hex`: `0-9` and `a-f`, for programs that read the password as a number.
    Hex,
    /// `hexdigits`: `0-9`, `a-f` and `A-F`, like Python's `string.hexdigits`. Each letter is there in both cases, so
    /// letters are more frequent than with [`Hex`](Self::Hex).
    HexDigits,
    /// `octdigits`: `0-7`.
    OctalDigits,
    /// `url_safe`: letters, digits, `-` and `_`, which need no escape in URLs, file names and most
    /// configuration files.
    UrlSafe,
    /// `unambiguous`: letters and digits without `0 O o`, `1 I l`, `5 S`, `8 B`, `2 Z`, which people confuse.
    Unambiguous,
}

impl Alphabet {
    /// All alphabets.
    pub const ALL: [Self; 12] = [
        Self::Printable,
        Self::AsciiLetters,
        Self::AsciiLowercase,
        Self::AsciiUppercase,
        Self::Digits,
        Self::Alphanumeric,
        Self::Punctuation,
        Self::Hex,
        Self::HexDigits,
        Self::OctalDigits,
        Self::UrlSafe,
        Self::Unambiguous,
    ];

    /// Returns the name that settings use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Printable => "printable",
            Self::AsciiLetters => "ascii_letters",
            Self::AsciiLowercase => "ascii_lowercase",
            Self::AsciiUppercase => "ascii_uppercase",
            Self::Digits => "digits",
            Self::Alphanumeric => "alphanumeric",
            Self::Punctuation => "punctuation",
            Self::Hex => "hex",
            Self::HexDigits => "hexdigits",
            Self::OctalDigits => "octdigits",
            Self::UrlSafe => "url_safe",
            Self::Unambiguous => "unambiguous",
        }
    }

    /// Returns the characters.
    pub const fn characters(self) -> &'static str {
        match self {
            Self::Printable => {
                "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\
                 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
            }
            Self::AsciiLetters => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::AsciiLowercase => "abcdefghijklmnopqrstuvwxyz",
            Self::AsciiUppercase => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::Digits => "0123456789",
            Self::Alphanumeric => "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::Punctuation => "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
            Self::Hex => "0123456789abcdef",
            Self::HexDigits => "0123456789abcdefABCDEF",
            Self::OctalDigits => "01234567",
            Self::UrlSafe => "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_",
            Self::Unambiguous => "34679abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY",
        }
    }

    /// Finds an alphabet by its name, which is case-sensitive.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alphabet| alphabet.name() == name)
    }
}

impl fmt::Display for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Alphabet {
    type Err = RuleError;

    /// # Errors
    /// [`RuleError::UnknownAlphabet`] lists the alphabets.
    fn from_str(name: &str) -> Result<Self, RuleError> {
        Self::from_name(name)
            .ok_or_else(|| RuleError::UnknownAlphabet { name: name.chars().take(40).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(accept: impl Fn(u8) -> bool) -> Vec<u8> {
        (0..128).filter(|byte| accept(*byte)).collect()
    }

    /// Builds the character sets independently of the code under test.
    fn set(alphabet: Alphabet) -> Vec<u8> {
        match alphabet {
            Alphabet::Printable => all(|byte| byte.is_ascii_graphic()),
            Alphabet::AsciiLetters => all(|byte| byte.is_ascii_alphabetic()),
            Alphabet::AsciiLowercase => all(|byte| byte.is_ascii_lowercase()),
            Alphabet::AsciiUppercase => all(|byte| byte.is_ascii_uppercase()),
            Alphabet::Digits => all(|byte| byte.is_ascii_digit()),
            Alphabet::Alphanumeric => all(|byte| byte.is_ascii_alphanumeric()),
            Alphabet::Punctuation => all(|byte| byte.is_ascii_punctuation()),
            Alphabet::Hex => all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()),
            Alphabet::HexDigits => all(|byte| byte.is_ascii_hexdigit()),
            Alphabet::OctalDigits => all(|byte| (b'0'..=b'7').contains(&byte)),
            Alphabet::UrlSafe => all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
            Alphabet::Unambiguous => {
                all(|byte| byte.is_ascii_alphanumeric() && !b"0Oo1Il5S8B2Z".contains(&byte))
            }
        }
    }

    #[test]
    fn an_alphabet_has_the_characters_of_its_name_once() {
        for alphabet in Alphabet::ALL {
            let mut characters = alphabet.characters().as_bytes().to_vec();
            characters.sort_unstable();
            assert_eq!(characters, set(alphabet), "{alphabet}");
        }
    }

    #[test]
    fn no_alphabet_has_white_space_or_control_characters() {
        for alphabet in Alphabet::ALL {
            assert!(alphabet.characters().bytes().all(|byte| byte.is_ascii_graphic()), "{alphabet}");
        }
    }

    #[test]
    fn an_alphabet_is_found_by_its_name() {
        for alphabet in Alphabet::ALL {
            assert_eq!(Alphabet::from_name(alphabet.name()), Some(alphabet));
        }
        for wrong in ["", "Printable", "whitespace", "__name__", "printable "] {
            let error = wrong.parse::<Alphabet>().unwrap_err().to_string();
            assert!(error.contains("ascii_letters"), "{error}");
        }
    }
}
