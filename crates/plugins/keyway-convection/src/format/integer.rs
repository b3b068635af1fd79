//! Reads integers in all spellings of TOML.

use keyway_core::Integer;
use zeroize::Zeroizing;

use super::MAX_INTEGER_DIGITS;

/// The base of the limbs: each limb holds nine decimal digits.
const LIMB: u64 = 1_000_000_000;

/// Reads `digits` in base `radix`. Returns `None` if the integer is longer than [`MAX_INTEGER_DIGITS`].
pub(super) fn integer(digits: &str, radix: u32) -> Option<Integer> {
    // The binary spelling is the longest. It has less than four digits for each decimal digit.
    let length = digits.trim_start_matches(['-', '+']).trim_start_matches('0').len();
    if length > MAX_INTEGER_DIGITS * if radix == 10 { 1 } else { 4 } {
        return None;
    }
    let integer =
        if radix == 10 { Integer::parse(digits)? } else { Integer::parse(&decimal(digits, radix)?)? };
    (integer.decimal().trim_start_matches('-').len() <= MAX_INTEGER_DIGITS).then_some(integer)
}

/// Converts unsigned `digits` to decimal.
fn decimal(digits: &str, radix: u32) -> Option<Zeroizing<String>> {
    // The limbs are little-endian. The full capacity is allocated at the start, so that no copy is left behind.
    let mut limbs: Zeroizing<Vec<u64>> = Zeroizing::new(Vec::with_capacity(digits.len() / 2 + 2));
    for character in digits.chars() {
        let mut carry = u64::from(character.to_digit(radix)?);
        for limb in limbs.iter_mut() {
            let number = *limb * u64::from(radix) + carry;
            *limb = number % LIMB;
            carry = number / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut decimal = Zeroizing::new(String::with_capacity(limbs.len() * 9 + 1));
    decimal.push('0');
    for limb in limbs.iter().rev() {
        let mut power = LIMB / 10;
        while power > 0 {
            decimal.push(char::from_digit(u32::try_from(limb / power % 10).ok()?, 10)?);
            power /= 10;
        }
    }
    Some(decimal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_radix_says_the_same(number in any::<u128>()) {
            let expected = number.to_string();
            for (digits, radix) in [
                (format!("{number:x}"), 16),
                (format!("{number:X}"), 16),
                (format!("{number:o}"), 8),
                (format!("{number:b}"), 2),
                (expected.clone(), 10),
            ] {
                let read = integer(&digits, radix).unwrap();
                prop_assert_eq!(read.decimal(), expected.as_str());
            }
        }
    }

    #[test]
    fn length_is_bounded_in_every_radix() {
        for (digit, radix) in [("f", 16), ("7", 8), ("1", 2), ("9", 10)] {
            assert!(integer(&digit.repeat(1_000_000), radix).is_none(), "{radix}");
        }
        assert!(integer(&"9".repeat(MAX_INTEGER_DIGITS), 10).is_some());
        assert!(integer(&"9".repeat(MAX_INTEGER_DIGITS + 1), 10).is_none());
        assert!(integer(&format!("-{}", "9".repeat(MAX_INTEGER_DIGITS)), 10).is_some());
        assert!(integer(&"0".repeat(100_000), 16).unwrap().decimal() == "0");
    }
}
