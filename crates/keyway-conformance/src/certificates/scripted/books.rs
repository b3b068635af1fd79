//! The books of an authority: its objects, the number of calls, and the effects of the calls.

use std::collections::{BTreeMap, BTreeSet};

use keyway_certificates::IntentId;
use serde::{Deserialize, Serialize};

use super::CaCall;

/// An effect that a call had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaEffect {
    /// The operation.
    pub call: CaCall,
    /// The id of the order or authority that was made or changed, or the word `certificate` for a revocation.
    pub object: String,
    /// The intent of the call.
    pub intent: String,
}

/// The state of an order at the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OrderState {
    /// The certificate is made after `looks` further checks.
    Open {
        looks: u32,
    },
    Issued,
    /// The order is canceled at the next check.
    Canceling,
    Canceled,
}

/// A subordinate authority.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SubCa {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Books {
    pub(super) calls: BTreeMap<CaCall, u64>,
    pub(super) effects: Vec<CaEffect>,
    /// The orders by their tickets.
    pub(super) orders: BTreeMap<String, OrderState>,
    pub(super) cas: Vec<SubCa>,
    pub(super) revoked: BTreeSet<String>,
    pub(super) numbers: u64,
}

impl Books {
    /// Records an effect.
    pub(super) fn enter(&mut self, call: CaCall, object: &str, intent: &IntentId) {
        let intent = intent.as_str().to_owned();
        self.effects.push(CaEffect { call, object: object.to_owned(), intent });
    }

    /// Returns the object that a call with this intent made or changed, if the call had an effect.
    pub(super) fn done(&self, call: CaCall, intent: &IntentId) -> Option<&str> {
        let is_it = |effect: &&CaEffect| effect.call == call && effect.intent == intent.as_str();
        self.effects.iter().find(is_it).map(|effect| effect.object.as_str())
    }
}
