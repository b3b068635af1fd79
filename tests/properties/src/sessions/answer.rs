//! Reads a byte of an input as the answer of a vault to one call.

use std::time::Duration;

use keyway_credentials::CredentialError;

use super::silence::SECRET;

/// How a call of a vault ends. `effect` tells whether a call that fails still has its effect.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// With the number 0, the call succeeds. Another number chooses a different answer, if the call has one: for
    /// example, a fetch answers that it found no credentials, and a check-in that the lease is unknown.
    Answer(u8),
    /// The call succeeds after a while.
    Slow(Duration),
    /// The answer to a fetch breaks the contract: it has credentials without a lease, although the vault declares
    /// leases, or with a lease, although the vault does not declare leases.
    Violation,
    /// The vault refuses, without an effect.
    Refused,
    /// The vault asks the host to wait, without an effect.
    Unavailable(Duration),
    /// The call fails, and the error does not tell whether there is an effect.
    Failed { effect: bool },
    /// The call panics.
    Panic { effect: bool },
    /// The call does not end before the deadline.
    Hang { effect: bool },
}

/// The answer of a vault to one call. The lower half of the byte is the ending, the upper half its details. With 0 the
/// call succeeds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer(pub(super) u8);

impl Answer {
    /// Returns the details, a number below 16.
    pub(super) const fn details(self) -> u8 {
        self.0 / 16
    }

    pub(super) fn ending(self) -> Ending {
        let wait = Duration::from_secs(u64::from(self.details()) * 5);
        match self.0 % 16 {
            answer @ 0..=4 => Ending::Answer(answer),
            5 => Ending::Refused,
            6 => Ending::Unavailable(wait),
            7 => Ending::Failed { effect: false },
            8 => Ending::Failed { effect: true },
            9 => Ending::Panic { effect: false },
            10 => Ending::Panic { effect: true },
            11 => Ending::Hang { effect: false },
            12 => Ending::Hang { effect: true },
            13 => Ending::Violation,
            _ => Ending::Slow(wait),
        }
    }
}

impl Ending {
    /// Tells whether the call has its effect.
    pub(super) const fn has_effect(self) -> bool {
        match self {
            Self::Answer(_) | Self::Slow(_) => true,
            Self::Violation | Self::Refused | Self::Unavailable(_) => false,
            Self::Failed { effect } | Self::Panic { effect } | Self::Hang { effect } => effect,
        }
    }

    /// Returns `Ok` if the call succeeds. Otherwise fails, panics, or never returns.
    pub(super) async fn carry_out(self) -> Result<(), CredentialError> {
        match self {
            Self::Answer(_) | Self::Violation => Ok(()),
            Self::Slow(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Self::Refused => Err(CredentialError::refused("no\nline", "no")),
            Self::Unavailable(wait) => {
                Err(CredentialError::Unavailable { what: "the input", retry_after: Some(wait), source: None })
            }
            Self::Failed { .. } => Err(CredentialError::system("answer", "the input ends it")),
            // A usual panic would call the fuzzer's hook, which ends the process.
            Self::Panic { .. } => std::panic::resume_unwind(Box::new(SECRET.to_owned())),
            Self::Hang { .. } => std::future::pending().await,
        }
    }
}
