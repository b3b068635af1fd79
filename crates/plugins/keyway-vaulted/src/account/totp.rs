//! One-time codes of a stored seed (RFC 6238).

use std::fmt;
use std::time::Duration;

use keyway_core::{SecretText, Timestamp, Wiped};
use keyway_credentials::TotpCode;
use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::AccountError;

/// The seed of one-time codes, with the parameters that the issuer of the seed chose. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSeed {
    pub(super) seed: SecretText,
    pub(super) algorithm: Algorithm,
    pub(super) digits: u8,
    pub(super) period: u64,
}

impl TotpSeed {
    /// Reads a seed in Base32, at least 128 bits long, for codes of six digits by SHA-1 with a period of 30 seconds, as
    /// most issuers use them. White space and letter case do not matter.
    ///
    /// # Errors
    /// [`AccountError::Seed`].
    pub fn new(base32: &str) -> Result<Self, AccountError> {
        let mut seed = Wiped::from(String::with_capacity(base32.len()));
        seed.extend(base32.chars().filter(|character| !character.is_whitespace()));
        seed.make_ascii_uppercase();
        Self { seed: seed.into(), algorithm: Algorithm::SHA1, digits: 6, period: 30 }.checked()
    }

    /// Sets the algorithm: `SHA1`, `SHA256` or `SHA512`.
    ///
    /// # Errors
    /// [`AccountError::Seed`].
    pub fn with_algorithm(mut self, name: &str) -> Result<Self, AccountError> {
        let all = [Algorithm::SHA1, Algorithm::SHA256, Algorithm::SHA512];
        let named = all.into_iter().find(|algorithm| algorithm.as_str() == name);
        self.algorithm =
            named.ok_or(AccountError::Seed { expected: "its algorithm is SHA1, SHA256 or SHA512" })?;
        Ok(self)
    }

    /// Sets the number of digits, 6 to 8.
    ///
    /// # Errors
    /// [`AccountError::Seed`].
    pub fn with_digits(mut self, digits: u8) -> Result<Self, AccountError> {
        self.digits = digits;
        self.checked()
    }

    /// Sets the period in seconds, 1 to 3,600.
    ///
    /// # Errors
    /// [`AccountError::Seed`].
    pub fn with_period(mut self, seconds: u64) -> Result<Self, AccountError> {
        self.period = seconds;
        self.checked()
    }

    /// Makes the code of the period that `now` lies in.
    pub(crate) fn code(&self, now: Timestamp) -> Result<TotpCode, AccountError> {
        let code = self.totp()?.generate(now.as_seconds()).to_string();
        Ok(TotpCode::new(code, self.begin(now)).with_period(self.period()))
    }

    /// Returns the start of the period that `now` lies in.
    pub(crate) const fn begin(&self, now: Timestamp) -> Timestamp {
        let seconds = now.as_seconds();
        Timestamp::from_milliseconds((seconds - seconds % self.period) * 1000)
    }

    /// Returns the length of a period.
    pub(crate) const fn period(&self) -> Duration {
        Duration::from_secs(self.period)
    }

    fn checked(self) -> Result<Self, AccountError> {
        if !(1..=3600).contains(&self.period) {
            return Err(AccountError::Seed { expected: "its period is 1 to 3600 seconds" });
        }
        self.totp()?;
        Ok(self)
    }

    fn totp(&self) -> Result<Totp, AccountError> {
        let secret = Secret::try_from_base32(self.seed.expose());
        let secret = secret.map_err(|_| AccountError::Seed { expected: "it is a text in Base32" })?;
        let builder = Builder::new().with_algorithm(self.algorithm).with_digits(self.digits);
        let built = builder.with_secret(secret).with_step_duration(self.period).build();
        built.map_err(|_| AccountError::Seed {
            expected: "it has 128 bits or more, and its codes 6 to 8 digits",
        })
    }
}

impl fmt::Debug for TotpSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TotpSeed({} digits, {} s)", self.digits, self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "12345678901234567890", the seed of RFC 6238, Appendix B.
    const SEED: &str = "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ";

    #[test]
    fn codes_are_those_of_the_rfc() {
        let seed = TotpSeed::new(SEED).unwrap().with_digits(8).unwrap();
        for (seconds, code) in [(59, "94287082"), (1_111_111_109, "07081804"), (20_000_000_000, "65353130")] {
            let made = seed.code(Timestamp::from_milliseconds(seconds * 1000 + 7)).unwrap();
            assert_eq!(made.code.expose(), code);
            assert_eq!(made.valid_from.as_milliseconds(), (seconds - seconds % 30) * 1000);
        }
    }

    #[test]
    fn other_seeds_are_refused() {
        for seed in ["", "GEZDGNBV", "not base32!", "GEZDGNBVGY3TQOJQGEZDGNBV0"] {
            assert!(matches!(TotpSeed::new(seed), Err(AccountError::Seed { .. })), "{seed}");
        }
        let seed = || TotpSeed::new(SEED).unwrap();
        assert!(seed().with_digits(5).is_err() && seed().with_digits(9).is_err());
        assert!(seed().with_period(0).is_err() && seed().with_period(3601).is_err());
        assert!(seed().with_algorithm("MD5").is_err());
        assert_eq!(format!("{:?}", seed()), "TotpSeed(6 digits, 30 s)");
    }
}
