//! The data that a plugin keeps with a session.

use keyway_core::json::SharedObject;

/// The data that a plugin keeps with a session: a handle to a JSON object (seed, `cookie` and
/// `session_cookie`).
///
/// A session has one cookie for each store, which only that store sees, and one *session cookie*, which all stores and
/// plugins of the session share. Both are empty at the first call. Later calls get the values that the previous call
/// left. All clones are handles to the same values. The host keeps a clone, and stores the values after every call,
/// even if the call failed, panicked, passed its deadline or was dropped (decision S5).
///
/// The account, the asset and the lease are not in the cookie: they are typed fields of each call, which a plugin
/// cannot damage. Values may be secret, so they are wiped, and `Debug` shows only names. A name must hold no secret.
///
/// ```
/// use keyway_credentials::{Cookie, JsonObject};
///
/// let cookie = Cookie::new(JsonObject::new());
/// let plugins = cookie.clone();
/// plugins.set("access_token", "t-7")?;
/// assert_eq!(cookie.text("access_token").unwrap().expose(), "t-7");
/// assert_eq!(format!("{cookie:?}"), r#"{"access_token"}"#);
/// # Ok::<(), keyway_credentials::ObjectLimit>(())
/// ```
pub type Cookie = SharedObject<{ 64 << 10 }>;
