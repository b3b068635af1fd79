//! Deliberate defects, which show that the torture detects errors.

use serde::{Deserialize, Serialize};

/// A deliberate defect of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Defect {
    /// The storage engine acknowledges a commit, and writes it a little later.
    AcknowledgesBeforeWriting,
    /// The vaults claim to be idempotent, but give another lease on each call.
    GivesAnother,
    /// The vaults say that they took a lease back, but sometimes keep it.
    KeepsLeases,
    /// The vaults accept some notices of a session's end, and forget them.
    ForgetsEnds,
    /// The vaults accept some notices of an authentication, and forget them.
    ForgetsAuthentications,
    /// The rotating vault assumes that a new key opens the target, and does not test the key by a login.
    PromotesUnverified,
    /// The rotating vault changes the key at the target before it stores the new key.
    ChangesBeforeStoring,
}

impl Defect {
    /// All defects, by their names.
    pub const ALL: [(&str, Self); 7] = [
        ("acknowledges-before-writing", Self::AcknowledgesBeforeWriting),
        ("gives-another", Self::GivesAnother),
        ("keeps-leases", Self::KeepsLeases),
        ("forgets-ends", Self::ForgetsEnds),
        ("forgets-authentications", Self::ForgetsAuthentications),
        ("promotes-unverified", Self::PromotesUnverified),
        ("changes-before-storing", Self::ChangesBeforeStoring),
    ];

    /// Returns the defect of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, defect)| *defect)
    }
}
