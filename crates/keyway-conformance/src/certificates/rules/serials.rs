//! Rules about the serial numbers of issued certificates.

use std::collections::BTreeSet;

use super::issued::{certified, facts, new_request};
use super::{CertificateFixture, Checked, ISSUES, ensure, rules};

rules! {
    in CertificateFixture;
    "CER-125" Must needs ISSUES from ["B15"]
        "Serial numbers have 8 to 20 bytes, and cannot be predicted."
        serials;
    "CER-126" Must needs ISSUES from ["B15"]
        "Two orders with the same request get two certificates with two serial numbers."
        two_certificates;
}

/// The number of serial numbers that are compared.
const SERIALS: usize = 8;
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

async fn serials(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let mut serials = Vec::new();
    for _ in 0..SERIALS {
        let serial = facts(&certified(&handle, &new_request()?, None).await?)?.serial_bytes();
        ensure(
            (8..=20).contains(&serial.len()),
            "a serial number of 8 to 20 bytes",
            serial.len().to_string(),
        )?;
        serials.push(serial);
    }
    let varying = varying_bits(&serials);
    let expected = format!("at least {RANDOM_BITS} bits that differ among {SERIALS} serial numbers");
    ensure(varying >= RANDOM_BITS, expected, varying.to_string())
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
    use super::varying_bits;

    #[test]
    fn bits_that_never_change_are_not_counted() {
        assert_eq!(varying_bits(&[vec![0xff; 16], vec![0xff; 16]]), 0);
        assert_eq!(varying_bits(&[vec![9, 0], vec![9, 1], vec![9, 2]]), 2);
        // The first bytes of a shorter number count as zero.
        assert_eq!(varying_bits(&[vec![1, 0], vec![0]]), 1);
    }
}
