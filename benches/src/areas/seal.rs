//! Measures the sealing and opening of Fernet tokens, including the wiping of buffers, against the bare `fernet` crate.

use keyway_seal::{Key, KeyRing, SealError};

use super::BenchError;
use crate::{
    measure::{Plan, compare},
    peers::primitives::Primitives,
    row::{Row, Target},
};

/// Lengths of plaintexts, and the permitted ratio to the bare crate's time.
const SIZES: &[(&str, usize, f64)] =
    &[("64 B", 64, 1.15), ("4 KiB", 4 << 10, 1.15), ("1 MiB", 1 << 20, 1.25)];

/// The longest permitted time, in nanoseconds, that drawing the initialization vector adds to a seal.
///
/// See decision H60.
const VECTOR_NANOSECONDS: f64 = 250.0;

/// The same key on both sides, a plaintext and its token.
#[derive(Debug)]
pub struct Setup {
    /// Keyway's key.
    pub ring: KeyRing,
    /// The peer.
    pub fernet: Fernet,
    /// The plaintext to seal.
    pub plaintext: Vec<u8>,
    /// The token to open.
    pub token: String,
}

/// The peer. Its `Debug` output does not show the key.
pub struct Fernet(pub fernet::Fernet);

impl std::fmt::Debug for Fernet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fernet(..)")
    }
}

impl Setup {
    /// Creates a new key, and a plaintext of the given size in bytes.
    ///
    /// # Errors
    /// When the system has no random bytes, or the two sides do not open each other's tokens.
    pub fn new(size: usize) -> Result<Self, BenchError> {
        let key = Key::generate()?;
        let fernet = fernet::Fernet::new(key.expose_text().expose()).ok_or("the peer refuses our key")?;
        let ring = KeyRing::new([key])?;
        let plaintext: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
        let token = ring.seal(&plaintext)?;
        if fernet.decrypt(&token)? != plaintext
            || **ring.open(fernet.encrypt(&plaintext).as_bytes())? != *plaintext
        {
            return Err("the two sides disagree about a token".into());
        }
        Ok(Self { ring, fernet: Fernet(fernet), plaintext, token })
    }
}

/// Measures the time that drawing the initialization vector adds to a seal.
///
/// The time is the difference between a seal that draws a vector and a seal with a given vector. The plaintext is the
/// shortest, because the difference is then most exact. The vector costs the same for any length.
fn vector_row(area: &'static str) -> Result<Row, BenchError> {
    let (size_name, size, _) = SIZES[0];
    let Setup { ring, plaintext, .. } = Setup::new(size)?;
    let drawn = compare(
        Plan::COMPUTATION,
        || ring.seal_at(1, &plaintext),
        || Ok::<_, SealError>(ring.seal_with_iv(1, [7; 16], &plaintext)),
    );
    let row = Row::alone(area, format!("draw the vector of {size_name}"), drawn.ours - drawn.peer, "ns");
    Ok(row.must(Target::ValueAtMost(VECTOR_NANOSECONDS)))
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = vec![vector_row(area)?];
    for (size_name, size, limit) in SIZES {
        let Setup { ring, fernet, plaintext, token } = Setup::new(*size)?;
        let sealing = compare(Plan::COMPUTATION, || ring.seal(&plaintext), || fernet.0.encrypt(&plaintext));
        rows.push(
            Row::compared(area, format!("seal {size_name}, peer fernet"), sealing)
                .must(Target::RatioAtMost(*limit)),
        );
        let opening = compare(Plan::COMPUTATION, || ring.open(token.as_bytes()), || fernet.0.decrypt(&token));
        rows.push(
            Row::compared(area, format!("open {size_name}, peer fernet"), opening)
                .must(Target::RatioAtMost(*limit)),
        );
        let mut primitives = Primitives::new(*size)?;
        let sealing = compare(Plan::COMPUTATION, || ring.seal(&plaintext), || primitives.seal());
        rows.push(Row::compared(area, format!("seal {size_name}, peer the primitives"), sealing));
        let opening = compare(Plan::COMPUTATION, || ring.open(token.as_bytes()), || primitives.open());
        rows.push(Row::compared(area, format!("open {size_name}, peer the primitives"), opening));
    }
    Ok(rows)
}
