//! The names of an authority's operations in scripts and counts.

use serde::{Deserialize, Serialize};

/// An operation of a certificate authority, for scripts and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CaCall {
    /// `supports`.
    Supports,
    /// `issue`.
    Issue,
    /// `check`.
    Check,
    /// `modify`.
    Modify,
    /// `cancel`.
    Cancel,
    /// `ca_information`.
    CaInformation,
    /// `create_ca`.
    CreateCa,
    /// `delete_ca`.
    DeleteCa,
    /// `revoke`.
    Revoke,
    /// `renewal_information`.
    RenewalInformation,
    /// `maintain`.
    Maintain,
    /// `reconcile`.
    Reconcile,
}
