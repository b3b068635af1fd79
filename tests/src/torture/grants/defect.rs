//! Deliberate defects, which show that the torture detects errors.

use serde::{Deserialize, Serialize};

/// A deliberate defect of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Defect {
    /// The storage engine acknowledges a commit, and writes it a little later.
    AcknowledgesBeforeWriting,
    /// The issuers claim to be idempotent, but make another credential on each call.
    MakesAnother,
    /// The issuers report that nothing happened although they made a credential.
    DeniesWhatItMade,
    /// The issuers sometimes report that they destroyed a credential, although they did not.
    KeepsWhatIsRevoked,
}

impl Defect {
    /// All defects, by their names.
    pub const ALL: [(&str, Self); 4] = [
        ("acknowledges-before-writing", Self::AcknowledgesBeforeWriting),
        ("makes-another", Self::MakesAnother),
        ("denies-what-it-made", Self::DeniesWhatItMade),
        ("keeps-what-is-revoked", Self::KeepsWhatIsRevoked),
    ];

    /// Returns the defect of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, defect)| *defect)
    }
}
