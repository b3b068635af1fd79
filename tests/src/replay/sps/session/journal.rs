//! A record of the hook calls of a session, and the plugin's cookie between these calls.

use std::sync::{Mutex, MutexGuard, PoisonError};

use keyway_credentials::{Cookie, CredentialError, JsonObject};
use serde_json::Value;

/// A call of a hook, by upstream's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCall {
    /// The hook.
    pub hook: String,
    /// The account that the hook sees.
    pub account: Option<String>,
    /// The asset that the hook sees.
    pub asset: Option<String>,
}

/// The calls of a session's hooks, with their arguments.
#[derive(Debug, Default)]
pub struct Journal {
    calls: Mutex<Vec<(HookCall, Value)>>,
    cookie: Mutex<Seen>,
}

/// The plugin's cookie as the plugin's last call left it. If `is_planted`, `cookie` has planted entries instead: those
/// with which the next call begins.
#[derive(Debug, Default)]
struct Seen {
    cookie: Cookie,
    is_planted: bool,
}

impl Journal {
    /// Returns the calls since the last `take`. The trace of each call has the connection and the login, if the vector
    /// asks for them.
    pub fn take(&self) -> Vec<(HookCall, Value)> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the entries of the plugin's cookie.
    pub fn cookie(&self) -> JsonObject {
        self.seen().cookie.snapshot()
    }

    /// Plants entries for the plugin's cookie. Keyway's interface does not let a host replace the entries of a cookie,
    /// so the next call of the plugin replaces them.
    pub fn plant(&self, entries: JsonObject) {
        *self.seen() = Seen { cookie: Cookie::new(entries), is_planted: true };
    }

    pub(super) fn note(&self, call: HookCall, trace: Value) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((call, trace));
    }

    /// Remembers the cookie of a call. If entries were planted before, they replace the entries of this cookie first.
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
