//! The calls that scripts and counts of an authority name.

use serde::{Deserialize, Serialize};

/// An operation of a certificate authority, as scripts and counts name it.
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
