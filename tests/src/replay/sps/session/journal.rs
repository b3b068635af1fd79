//! The calls of hooks.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// A call of a hook, by upstream's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCall {
    /// The hook.
    pub hook: String,
    /// The account that it sees.
    pub account: Option<String>,
    /// The asset that it sees.
    pub asset: Option<String>,
}

/// What the hooks of a session were called with.
#[derive(Debug, Default)]
pub struct Journal {
    calls: Mutex<Vec<(HookCall, Value)>>,
}

impl Journal {
    /// Returns the calls since the last time, each with its trace: the connection and the login, if the vector asks for
    /// them.
    pub fn take(&self) -> Vec<(HookCall, Value)> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn note(&self, call: HookCall, trace: Value) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((call, trace));
    }
}
