//! The meaning of a byte as the answer of a vault.

use std::time::Duration;

use keyway_credentials::CredentialError;

use super::silence::SECRET;

/// How a call of a vault ends. `effect` is whether it has its effect all the same.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// It works, or answers as this number says.
    Answer(u8),
    /// It works after a while.
    Slow(Duration),
    /// Its answer breaks the contract: credentials of which the lease is missing, or is there without being declared.
    Violation,
    /// It refuses: there is no effect.
    Refused,
    /// It asks for patience: there is no effect.
    Unavailable(Duration),
    /// It fails, and does not know of an effect.
    Failed { effect: bool },
    /// It panics.
    Panic { effect: bool },
    /// It does not end until the deadline.
    Hang { effect: bool },
}

/// The answer of a vault to one call: the lower half of a byte is the ending, the upper half its details. 0 works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer(pub(super) u8);

impl Answer {
    /// Returns the details, less than 16.
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

    /// Returns in time if the call works, and else fails, panics, or never returns.
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
            // A fuzzer's hook would end the process at a panic that is raised in the usual way.
            Self::Panic { .. } => std::panic::resume_unwind(Box::new(SECRET.to_owned())),
            Self::Hang { .. } => std::future::pending().await,
        }
    }
}
