//! Deliberate defects, which show that the torture detects errors.

use serde::{Deserialize, Serialize};

/// A deliberate defect of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Defect {
    /// The storage engine acknowledges a commit, and writes it a little later.
    AcknowledgesBeforeWriting,
    /// The authority claims to be idempotent, but places another order on each call.
    PlacesAnother,
    /// The connection makes the ACME server create each order a second time.
    FinalizesAnother,
    /// The listener accepts some notices, and forgets them.
    ForgetsNotices,
    /// The connection reports revocations as done, and the authority never hears of them.
    KeepsLateCertificates,
    /// The same, for the ACME server.
    KeepsLateAcmeCertificates,
}

impl Defect {
    /// All defects, by their names.
    pub const ALL: [(&str, Self); 6] = [
        ("acknowledges-before-writing", Self::AcknowledgesBeforeWriting),
        ("places-another", Self::PlacesAnother),
        ("finalizes-another", Self::FinalizesAnother),
        ("forgets-notices", Self::ForgetsNotices),
        ("keeps-late-certificates", Self::KeepsLateCertificates),
        ("keeps-late-acme-certificates", Self::KeepsLateAcmeCertificates),
    ];

    /// Returns the defect of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, defect)| *defect)
    }
}
