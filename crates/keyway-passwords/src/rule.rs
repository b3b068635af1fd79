//! The rule for a password: how long, of which alphabet, containing what.

use zeroize::Zeroizing;

use crate::sampling::Sampler;
use crate::{Alphabet, CharacterClass, RandomnessError, RuleError};

/// The fewest characters of a password (decision C11).
pub const MIN_LENGTH: u32 = 8;

/// The most characters of a password (decision C11).
pub const MAX_LENGTH: u32 = 1024;

/// How many whole passwords may be thrown away because they lack a required class. The rarest
/// case that a rule can ask for (eight characters of `url_safe` with all four classes) comes out
/// about every tenth time, so of 2²⁰⁰ passwords from a fair source not one fails.
const MOST_ATTEMPTS: usize = 2_000;

/// How long a password is, of which alphabet, and what it has to contain. A rule that exists
/// can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRule {
    length: u32,
    alphabet: Alphabet,
    required: Vec<CharacterClass>,
}

impl PasswordRule {
    /// So many characters of this alphabet, all of them equally likely.
    ///
    /// # Errors
    /// [`RuleError::Length`] unless it is from [`MIN_LENGTH`] to [`MAX_LENGTH`] (decision C11).
    pub fn new(length: u32, alphabet: Alphabet) -> Result<Self, RuleError> {
        if (MIN_LENGTH..=MAX_LENGTH).contains(&length) {
            Ok(Self { length, alphabet, required: Vec::new() })
        } else {
            Err(RuleError::Length { length: i64::from(length) })
        }
    }

    /// At least one character of each of these classes too. Classes that are named twice count
    /// once.
    ///
    /// # Errors
    /// [`RuleError::ClassNotInAlphabet`] for one that the alphabet has no characters of.
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

    /// The number of characters.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// The alphabet.
    pub fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    /// The classes of which a password contains at least one character, sorted.
    pub fn required(&self) -> &[CharacterClass] {
        &self.required
    }

    /// How many bits of randomness a password of this rule has: whoever knows the rule has
    /// to try half of 2 to this power to guess it.
    pub fn bits(&self) -> f64 {
        let characters = self.alphabet.characters().len();
        let all = f64::from(self.length) * number(characters).log2();
        // Of all passwords without the classes of a subset there are (characters left / all)
        // to the power of the length; those with all classes by inclusion and exclusion.
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

    /// A password, with randomness from the system.
    ///
    /// # Errors
    /// [`RandomnessError::System`] when the system gives none.
    pub fn generate(&self) -> Result<Zeroizing<String>, RandomnessError> {
        self.generate_from(|bytes| Ok(getrandom::fill(bytes)?))
    }

    /// A password, with random bytes from `fill`, which fills what it is given. It is as good
    /// as they are: outside of tests, use [`generate`](Self::generate).
    ///
    /// # Errors
    /// Those of `fill`, and [`RandomnessError::Broken`] when what it gives cannot be random.
    pub fn generate_from(
        &self,
        fill: impl FnMut(&mut [u8]) -> Result<(), RandomnessError>,
    ) -> Result<Zeroizing<String>, RandomnessError> {
        let characters = self.alphabet.characters().as_bytes();
        let length = self.length as usize;
        let mut sampler = Sampler::new(fill);
        // It never grows, and so leaves no copies behind.
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

/// A number of characters, which is at most 256.
fn number(characters: usize) -> f64 {
    u32::try_from(characters).map_or(f64::INFINITY, f64::from)
}
