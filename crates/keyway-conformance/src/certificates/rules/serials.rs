//! Rules about the serial numbers of issued certificates.

use std::collections::BTreeSet;

use super::issued::{certified, facts, new_request};
use super::{CertificateFixture, Checked, ISSUES, ensure, rules};

rules! {
    in CertificateFixture;
    "CER-125" Must needs ISSUES from ["B15"]
        "Serial numbers are positive, have at most 20 bytes, and cannot be predicted."
        serials;
    "CER-126" Must needs ISSUES from ["B15"]
        "Two orders with the same request get two certificates with two serial numbers."
        two_certificates;
}

/// The number of serial numbers that are compared.
const SERIALS: usize = 8;
/// The largest number of bytes (RFC 5280, section 4.1.2.2).
const MOST_BYTES: usize = 20;
/// The number of bytes that the longest of [`SERIALS`] numbers must have. A number with 64 random bits is shorter once
/// in 256 times, so all of them are shorter once in 10^19 runs (decision H368).
const LONGEST_BYTES: usize = 8;
/// The number of bits that must differ among [`SERIALS`] numbers. If each number has 64 random bits, the probability
/// that fewer than 56 bits differ is below 10^-8.
const RANDOM_BITS: u32 = 56;

/// Counts the bits that differ between any of the numbers. The numbers are aligned at their ends.
fn varying_bits(serials: &[Vec<u8>]) -> u32 {
    let byte = |serial: &Vec<u8>, index: usize| serial.iter().rev().nth(index).copied().unwrap_or_default();
    let longest = serials.iter().map(Vec::len).max().unwrap_or_default();
    (0..longest)
        .map(|index| {
            let differing = serials
                .iter()
                .fold(0, |bits, serial| bits | (byte(serial, index) ^ byte(&serials[0], index)));
            differing.count_ones()
        })
        .sum()
}

/// Judges serial numbers, each as the content of an INTEGER of DER.
fn judged(serials: &[Vec<u8>]) -> Checked {
    let mut longest = 0;
    for serial in serials {
        let is_positive =
            serial.first().is_some_and(|first| *first < 0x80) && serial.iter().any(|byte| *byte > 0);
        ensure(is_positive, "a positive serial number", "zero, or a negative one")?;
        // A zero byte comes before a number whose first bit is set.
        let length = serial.iter().skip_while(|byte| **byte == 0).count();
        ensure(
            length <= MOST_BYTES,
            format!("a serial number of {MOST_BYTES} bytes at most"),
            length.to_string(),
        )?;
        longest = longest.max(length);
    }
    let expected = format!("at least {LONGEST_BYTES} bytes in the longest of {SERIALS} serial numbers");
    ensure(longest >= LONGEST_BYTES, expected, longest.to_string())?;
    let varying = varying_bits(serials);
    let expected = format!("at least {RANDOM_BITS} bits that differ among {SERIALS} serial numbers");
    ensure(varying >= RANDOM_BITS, expected, varying.to_string())
}

async fn serials(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let mut serials = Vec::new();
    for _ in 0..SERIALS {
        serials.push(facts(&certified(&handle, &new_request()?, None).await?)?.serial_der);
    }
    judged(&serials)
}

async fn two_certificates(fixture: &CertificateFixture<'_>) -> Checked {
    let request = new_request()?;
    let mut serials = BTreeSet::new();
    for handle in [fixture.handle()?, fixture.handle()?] {
        for _ in 0..2 {
            let serial = facts(&certified(&handle, &request, None).await?)?.serial;
            ensure(serials.insert(serial), "a serial number for each order", "the same one twice")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{judged, varying_bits};

    #[test]
    fn each_number_is_positive_and_short_and_one_of_them_is_long() {
        // Every bit below the sign differs between the first two.
        let numbers = |serial: &[u8]| judged(&[vec![0x55; 8], vec![0x2a; 8], serial.to_vec()]);
        assert_eq!(numbers(&[1]), Ok(()));
        assert_eq!(numbers(&[0x7f; 20]), Ok(()));
        assert_eq!(numbers(&[&[0][..], &[0xff; 20]].concat()), Ok(()));
        assert!(numbers(&[0]).is_err());
        assert!(numbers(&[0x80, 1]).is_err());
        assert!(numbers(&[0x7f; 21]).is_err());
        assert!(judged(&[vec![0x55; 7], vec![0x2a; 7]]).is_err());
    }

    #[test]
    fn bits_that_never_change_are_not_counted() {
        assert_eq!(varying_bits(&[vec![0xff; 16], vec![0xff; 16]]), 0);
        assert_eq!(varying_bits(&[vec![9, 0], vec![9, 1], vec![9, 2]]), 2);
        // The first bytes of a shorter number count as zero.
        assert_eq!(varying_bits(&[vec![1, 0], vec![0]]), 1);
    }
}
