//! Tests the properties of every password, and the distribution of characters.

use std::collections::BTreeSet;

use keyway_passwords::{
    Alphabet, CharacterClass, MAX_LENGTH, MIN_LENGTH, PasswordRule, RandomnessError, RuleError,
};
use proptest::prelude::*;

/// Returns a source of pseudo-random bytes (`SplitMix64`). The same seed gives the same bytes.
fn seeded(seed: u64) -> impl FnMut(&mut [u8]) -> Result<(), RandomnessError> {
    let mut state = seed;
    move |bytes| {
        for chunk in bytes.chunks_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

fn alphabets() -> impl Strategy<Value = Alphabet> {
    prop::sample::select(Alphabet::ALL.to_vec())
}

fn classes() -> impl Strategy<Value = Vec<CharacterClass>> {
    prop::collection::vec(prop::sample::select(CharacterClass::ALL.to_vec()), 0..6)
}

proptest! {
    #[test]
    fn a_password_keeps_its_rule(
        length in MIN_LENGTH..=MAX_LENGTH, alphabet in alphabets(), classes in classes(), seed: u64,
    ) {
        let rule = PasswordRule::new(length, alphabet).unwrap();
        let missing = |class: &&CharacterClass| !alphabet.characters().bytes().any(|byte| class.contains(byte));
        let rule = match (rule.requiring(classes.clone()), classes.iter().find(missing)) {
            (Ok(rule), None) => rule,
            (Err(RuleError::ClassNotInAlphabet { class, .. }), Some(_)) => {
                prop_assert!(missing(&&class));
                return Ok(());
            }
            (answer, missing) => return Err(TestCaseError::fail(format!("{answer:?} where {missing:?} is missing"))),
        };
        let password = rule.generate_from(seeded(seed)).unwrap();
        prop_assert_eq!(password.chars().count(), length as usize);
        prop_assert!(password.chars().all(|character| alphabet.characters().contains(character)));
        for class in classes {
            prop_assert!(password.bytes().any(|byte| class.contains(byte)), "{} is missing", class);
        }
        prop_assert!(!rule.bits().is_nan());
    }

    #[test]
    fn other_lengths_are_refused(length in prop_oneof![0..MIN_LENGTH, MAX_LENGTH + 1..=u32::MAX], alphabet in alphabets()) {
        let refused = PasswordRule::new(length, alphabet);
        prop_assert_eq!(refused, Err(RuleError::Length { length: i64::from(length) }));
    }
}

/// Measures how far the counts are from equal counts. For a fair source, the result is normally distributed around 0
/// (Wilson and Hilferty's approximation of chi-square).
fn surprise(counts: &[u32]) -> f64 {
    let freedom = f64::from(u32::try_from(counts.len() - 1).unwrap());
    let expected = f64::from(counts.iter().sum::<u32>()) / (freedom + 1.0);
    let square: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    let spread = 2.0 / (9.0 * freedom);
    ((square / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

#[test]
fn every_character_is_about_equally_frequent() {
    for alphabet in Alphabet::ALL {
        let characters = alphabet.characters();
        let mut counts = vec![0; characters.len()];
        let rule = PasswordRule::new(MAX_LENGTH, alphabet).unwrap();
        for seed in 0..200 {
            for character in rule.generate_from(seeded(seed)).unwrap().chars() {
                counts[characters.find(character).unwrap()] += 1;
            }
        }
        assert!(surprise(&counts).abs() < 4.5, "{alphabet}: {} {counts:?}", surprise(&counts));
        // The measure detects a biased source: bytes taken modulo the number of characters.
        let mut folded = vec![0_u32; characters.len()];
        let mut bytes = vec![0; 1024 * 200];
        seeded(1)(&mut bytes).unwrap();
        for byte in bytes {
            folded[usize::from(byte) % characters.len()] += 1;
        }
        assert_eq!(surprise(&folded) < 4.5, 256 % characters.len() == 0, "{alphabet}: {}", surprise(&folded));
    }
}

#[test]
fn every_character_is_about_equally_frequent_at_every_position() {
    let rule = PasswordRule::new(8, Alphabet::OctalDigits).unwrap();
    let mut counts = vec![vec![0; 8]; 8];
    for seed in 0..20_000 {
        for (place, byte) in rule.generate_from(seeded(seed)).unwrap().bytes().enumerate() {
            counts[place][usize::from(byte - b'0')] += 1;
        }
    }
    for (place, counts) in counts.iter().enumerate() {
        assert!(surprise(counts).abs() < 4.5, "position {place}: {counts:?}");
    }
}

#[test]
fn required_classes_favour_no_position() {
    let rule = PasswordRule::new(8, Alphabet::Printable).unwrap().requiring([CharacterClass::Digit]).unwrap();
    let mut counts = vec![0; 8];
    for seed in 0..20_000 {
        for (place, byte) in rule.generate_from(seeded(seed)).unwrap().bytes().enumerate() {
            counts[place] += u32::from(byte.is_ascii_digit());
        }
    }
    assert!(surprise(&counts).abs() < 4.5, "{counts:?}");
}

#[test]
fn the_rarest_rule_succeeds_often_enough() {
    let rule = PasswordRule::new(8, Alphabet::UrlSafe).unwrap().requiring(CharacterClass::ALL).unwrap();
    let all = 8.0 * 64_f64.log2();
    let share = (rule.bits() - all).exp2();
    assert!((0.05..0.2).contains(&share), "{share}");
    for _ in 0..200 {
        rule.generate().unwrap();
    }
}

#[test]
fn bits_count_all_passwords_that_the_rule_allows() {
    let bits = |rule: &PasswordRule| rule.bits();
    assert!((bits(&PasswordRule::new(16, Alphabet::Hex).unwrap()) - 64.0).abs() < 1e-9);
    // The number of strings of 8 out of 64 characters that have at least one of the two punctuation characters.
    let rule = PasswordRule::new(8, Alphabet::UrlSafe).unwrap();
    let rule = rule.requiring([CharacterClass::Punctuation]).unwrap();
    let counted = (64_f64.powi(8) - 62_f64.powi(8)).log2();
    assert!((bits(&rule) - counted).abs() < 1e-6, "{} {counted}", bits(&rule));
}

#[test]
fn two_passwords_differ() {
    let rule = PasswordRule::new(MIN_LENGTH, Alphabet::Printable).unwrap();
    let passwords: BTreeSet<String> = (0..1000).map(|_| rule.generate().unwrap().to_string()).collect();
    assert_eq!(passwords.len(), 1000);
}

#[test]
fn a_broken_source_is_an_error_not_a_weak_password() {
    let rule = PasswordRule::new(8, Alphabet::Printable).unwrap().requiring([CharacterClass::Digit]).unwrap();
    // This source always gives the same letter, and never a digit.
    let stuck = |bytes: &mut [u8]| {
        bytes.fill(20);
        Ok(())
    };
    assert!(matches!(rule.generate_from(stuck), Err(RandomnessError::Broken)));
}

#[test]
fn errors_say_what_to_do() {
    let rule = PasswordRule::new(8, Alphabet::Digits).unwrap();
    let error = rule.requiring([CharacterClass::Uppercase]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the class uppercase is required, but the alphabet digits has none of it: choose another alphabet"
    );
    let error = PasswordRule::new(3, Alphabet::Digits).unwrap_err().to_string();
    assert_eq!(error, "a password of 3 characters is asked for: give a length from 8 to 1024");
    let error = "symbol".parse::<CharacterClass>().unwrap_err().to_string();
    assert!(error.contains("lowercase, uppercase, digit, punctuation"), "{error}");
}
