//! Holds the caller's part of a session at a store: data that is not in the record, or is newer than the data in the
//! record.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use keyway_core::Wiped;
use keyway_credentials::{Connection, Cookie, SessionContext};

use super::connection_record::read_object;
use super::refusals::Refusals;
use super::state::Data;

/// The caller's part of a session at a store.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    /// The facts about the connection, with the user's login.
    pub(super) connection: Arc<Connection>,
    pub(super) session_cookie: Cookie,
    /// How many calls the session has made, at all stores together.
    pub(super) calls: Arc<AtomicU64>,
    cookie: Arc<Mutex<Seen>>,
    /// Decides which candidates the host does not ask for; present for a fetch.
    pub(super) refusals: Option<Arc<Refusals>>,
}

/// The store's cookie, and the number of the call that wrote it.
#[derive(Debug, Default)]
struct Seen {
    cookie: Cookie,
    call: u64,
}

impl Live {
    pub(super) fn new(connection: Arc<Connection>, session_cookie: Cookie, calls: Arc<AtomicU64>) -> Self {
        Self { connection, session_cookie, calls, cookie: Arc::default(), refusals: None }
    }

    /// Makes the context of a call. If a worker has stored newer data since the caller's last call, this data is used.
    pub(super) fn context(&self, connection: Arc<Connection>, stored: &Data) -> SessionContext {
        let mut seen = self.cookie.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.calls > seen.call {
            *seen = Seen { cookie: cookie_of(stored.cookie.as_ref()), call: stored.calls };
            // Other plugins may have added entries to the session cookie since the record was written. If the entries
            // of the record do not fit into the cookie any more, they stay only in the record.
            if let Some(stored) = &stored.session_cookie {
                let _ = self.session_cookie.merge(read_object(stored).unwrap_or_default());
            }
        }
        context(connection, seen.cookie.clone(), self.session_cookie.clone())
    }

    /// Reads the plugin's data from the context after a call.
    pub(super) fn data(&self, context: &SessionContext, stored: &Data) -> Data {
        let counted = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let data = data(context, counted.max(stored.calls + 1));
        self.cookie.lock().unwrap_or_else(PoisonError::into_inner).call = data.calls;
        data
    }
}

/// Makes the context of a call whose caller is gone.
pub(super) fn stored_context(connection: Arc<Connection>, stored: &Data) -> SessionContext {
    context(connection, cookie_of(stored.cookie.as_ref()), cookie_of(stored.session_cookie.as_ref()))
}

/// Reads the plugin's data from the context after a call.
pub(super) fn data(context: &SessionContext, calls: u64) -> Data {
    let [cookie, session_cookie] = [&context.cookie, &context.session_cookie]
        .map(|it| (!it.is_empty()).then(|| Arc::new(it.to_ascii())));
    Data { cookie, session_cookie, calls }
}

fn context(connection: Arc<Connection>, cookie: Cookie, session_cookie: Cookie) -> SessionContext {
    SessionContext::with_cookies(connection, cookie, session_cookie)
}

/// Reads a cookie that [`data`] has written.
fn cookie_of(json: Option<&Arc<Wiped<String>>>) -> Cookie {
    json.map_or_else(Cookie::default, |json| Cookie::new(read_object(json).unwrap_or_default()))
}
