//! The rule for a password: its length, alphabet and required classes.

use zeroize::Zeroizing;

use crate::sampling::Sampler;
use crate::{Alphabet, CharacterClass, RandomnessError, RuleError};

/// The smallest length of a password.
///
/// See decision C11.
pub const MIN_LENGTH: u32 = 8;

/// The largest length of a password.
///
/// See decision C11.
pub const MAX_LENGTH: u32 = 1024;

/// The maximum number of passwords that are discarded because they lack a required class. The rule that is hardest to
/// satisfy (eight characters of `url_safe` with all four classes) succeeds about once in ten attempts. So with a fair
/// source the generator fails less than once in 2²⁰⁰ passwords.
const MOST_ATTEMPTS: usize = 2_000;

/// The length, alphabet and required classes of a password. Every rule can be satisfied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRule {
    length: u32,
    alphabet: Alphabet,
    required: Vec<CharacterClass>,
}

impl PasswordRule {
    /// Makes a rule for `length` characters of an alphabet, all equally likely.
    ///
    /// # Errors
    /// [`RuleError::Length`] unless the length is from [`MIN_LENGTH`] to [`MAX_LENGTH`] (decision C11).
    pub fn new(length: u32, alphabet: Alphabet) -> Result<Self, RuleError> {
        if (MIN_LENGTH..=MAX_LENGTH).contains(&length) {
            Ok(Self { length, alphabet, required: Vec::new() })
        } else {
            Err(RuleError::Length { length: i64::from(length) })
        }
    }

    /// Also requires at least one character of each of these classes. A class that is named twice counts once.
    ///
    /// # Errors
    /// [`RuleError::ClassNotInAlphabet`] if the alphabet has no character of one of the classes.
    pub fn requiring(mut self, classes: impl IntoIterator<Item = CharacterClass>) -> Result<Self, RuleError> {
        for class in classes {
            if class.count_in(self.alphabet) == 0 {
                return Err(RuleError::ClassNotInAlphabet { class, alphabet: self.alphabet });
            }
            self.required.push(class);
        }
        self.required.sort_unstable();
        self.required.dedup();
        Ok(self)
    }

    /// Returns the number of characters.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Returns the alphabet.
    pub fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    /// Returns the required classes, sorted.
    pub fn required(&self) -> &[CharacterClass] {
        &self.required
    }

    /// Returns the entropy of a password in bits. With n bits, an attacker who knows the rule needs 2ⁿ / 2 guesses on
    /// average.
    pub fn bits(&self) -> f64 {
        let characters = self.alphabet.characters().len();
        let all = f64::from(self.length) * number(characters).log2();
        // For a subset of the classes, the share of the passwords without any character of the subset is (characters
        // outside of the subset / all characters) to the power of the length. Inclusion and exclusion over all subsets
        // gives the share of the passwords with all classes.
        let share: f64 = (0_u32..1 << self.required.len())
            .map(|subset| {
                let chosen = self.required.iter().enumerate().filter(|(at, _)| subset & (1 << at) != 0);
                let lacking: usize = chosen.map(|(_, class)| class.count_in(self.alphabet)).sum();
                let sign = if subset.count_ones() % 2 == 0 { 1.0 } else { -1.0 };
                sign * (number(characters - lacking) / number(characters)).powf(f64::from(self.length))
            })
            .sum();
        all + share.log2()
    }

    /// Makes a password with randomness from the system.
    ///
    /// # Errors
    /// [`RandomnessError::System`] if the system gives no random bytes.
    pub fn generate(&self) -> Result<Zeroizing<String>, RandomnessError> {
        self.generate_from(|bytes| Ok(getrandom::fill(bytes)?))
    }

    /// Makes a password with random bytes. `fill` must overwrite its whole buffer with such bytes. Outside of tests,
    /// use [`generate`](Self::generate).
    ///
    /// # Errors
    /// The error of `fill`, or [`RandomnessError::Broken`] if its bytes cannot be random.
    pub fn generate_from(
        &self,
        fill: impl FnMut(&mut [u8]) -> Result<(), RandomnessError>,
    ) -> Result<Zeroizing<String>, RandomnessError> {
        let characters = self.alphabet.characters().as_bytes();
        let length = self.length as usize;
        let mut sampler = Sampler::new(fill);
        // The string never grows, so no copy of the password is left behind.
        let mut password = Zeroizing::new(String::with_capacity(length));
        for _ in 0..MOST_ATTEMPTS {
            password.clear();
            for _ in 0..length {
                password.push(char::from(sampler.draw(characters)?));
            }
            if self.required.iter().all(|class| password.bytes().any(|byte| class.contains(byte))) {
                return Ok(password);
            }
        }
        Err(RandomnessError::Broken)
    }
}

/// Converts a number of characters (at most 256) to a float.
fn number(characters: usize) -> f64 {
    u32::try_from(characters).map_or(f64::INFINITY, f64::from)
}
