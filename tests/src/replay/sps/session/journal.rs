//! The calls of hooks, and the plugin's cookie between them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keyway_credentials::{Cookie, CredentialError, JsonObject};
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

/// The calls of a session's hooks, with their arguments.
#[derive(Debug, Default)]
pub struct Journal {
    calls: Mutex<Vec<(HookCall, Value)>>,
    cookie: Mutex<Seen>,
}

/// The plugin's cookie: of its last call, or one that the next call begins with.
#[derive(Debug, Default)]
struct Seen {
    cookie: Cookie,
    is_planted: bool,
}

impl Journal {
    /// Returns the calls since the last time, each with its trace: the connection and the login, if the vector asks for
    /// them.
    pub fn take(&self) -> Vec<(HookCall, Value)> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the entries of the plugin's cookie.
    pub fn cookie(&self) -> JsonObject {
        self.seen().cookie.snapshot()
    }

    /// Puts other entries into the plugin's cookie. No host can do that here, so the next call does.
    pub fn plant(&self, entries: JsonObject) {
        *self.seen() = Seen { cookie: Cookie::new(entries), is_planted: true };
    }

    pub(super) fn note(&self, call: HookCall, trace: Value) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((call, trace));
    }

    /// Takes over the cookie of a call.
    pub(super) fn see(&self, cookie: &Cookie) -> Result<(), CredentialError> {
        let mut seen = self.seen();
        if seen.is_planted {
            replace(cookie, seen.cookie.snapshot())?;
        }
        *seen = Seen { cookie: cookie.clone(), is_planted: false };
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.cookie.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replaces all entries of a cookie.
pub(super) fn replace(cookie: &Cookie, entries: JsonObject) -> Result<(), CredentialError> {
    cookie.snapshot().keys().for_each(|name| drop(cookie.remove(name)));
    Ok(cookie.merge(entries)?)
}
