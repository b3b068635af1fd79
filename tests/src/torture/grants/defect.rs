//! What is wrong on purpose, so that the torture can be seen to notice.

use serde::{Deserialize, Serialize};

/// What a process does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Defect {
    /// Its storage engine acknowledges a commit, and writes it a little later.
    AcknowledgesBeforeWriting,
    /// Its issuers say that they are idempotent, and make another credential each time they are asked.
    MakesAnother,
    /// Its issuers say of what they made that nothing happened.
    DeniesWhatItMade,
    /// Its issuers say now and then that they destroyed a credential, and did not.
    KeepsWhatIsRevoked,
}

impl Defect {
    /// All of them, by their names.
    pub const ALL: [(&str, Self); 4] = [
        ("acknowledges-before-writing", Self::AcknowledgesBeforeWriting),
        ("makes-another", Self::MakesAnother),
        ("denies-what-it-made", Self::DeniesWhatItMade),
        ("keeps-what-is-revoked", Self::KeepsWhatIsRevoked),
    ];

    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, defect)| *defect)
    }
}
