//! The answer of a call, in a form that the answers of Keyway and of upstream have in common.
//!
//! Upstream's cookie has the account, the asset, and the host's own state. In Keyway, the account and the asset are
//! typed fields beside the cookie (decision S5), and the host's own state is not compared.

use keyway_credentials::{
    Password, Passwords, PrivateKey, PrivateKeys, RemoteAppCredentials, TotpCode, TotpCodes,
};
use keyway_host::sessions::{CredentialType, Fetched};
use serde_json::{Value, json};

/// The entries in which upstream keeps its own state.
const UPSTREAM: [&str; 5] =
    ["account", "asset", "remote_app_account", "remote_app_asset", "__plugin_sdk_private"];

/// Returns the plugin's own entries of a cookie.
pub(super) fn own_entries(cookie: &Value) -> Value {
    let mut own = cookie.clone();
    if let Some(entries) = own.as_object_mut() {
        entries.retain(|name, _| !UPSTREAM.contains(&name.as_str()));
    }
    own
}

/// Credentials in the form of vectors.
pub(super) trait Shown {
    /// Whether upstream counts a fetch that finds credentials of this type.
    const IS_COUNTED: bool;

    /// Returns the credentials. A private key is represented by the name of its type.
    fn shown(&self) -> Value;
}

impl Shown for Passwords {
    const IS_COUNTED: bool = true;

    fn shown(&self) -> Value {
        self.iter().map(Password::expose).collect()
    }
}

impl Shown for PrivateKeys {
    const IS_COUNTED: bool = true;

    fn shown(&self) -> Value {
        self.iter().map(|key: &PrivateKey| key.facts().ssh_name()).collect()
    }
}

impl Shown for TotpCodes {
    const IS_COUNTED: bool = false;

    fn shown(&self) -> Value {
        let code = |code: &TotpCode| {
            let (period, from) = (code.period.as_secs(), code.valid_from.as_milliseconds() / 1000);
            json!({ "code": code.code.expose(), "period": period, "unix_time": from })
        };
        self.iter().map(code).collect()
    }
}

impl Shown for RemoteAppCredentials {
    const IS_COUNTED: bool = false;

    fn shown(&self) -> Value {
        self.passwords.shown()
    }
}

/// Shows the answer to a fetch.
pub(super) fn fetched<C: CredentialType + Shown>(answer: Fetched<C>) -> Value {
    match answer {
        Fetched::Found(found) => {
            let candidate = [found.candidate.account.as_str(), found.candidate.asset.as_str()];
            json!({ "credentials": found.credentials.shown(), "candidate": candidate })
        }
        _ => json!({ "credentials": [], "candidate": null }),
    }
}

/// Returns upstream's answer in the common form, or null for a call that failed.
pub(super) fn of_upstream(step: &Value) -> Result<Value, String> {
    if step.get("raised").is_some() || step["constructor"].get("error").is_some() {
        return Ok(Value::Null);
    }
    let method = step["call"].as_str().ok_or("a step without a call")?;
    let returned = step.get("returned").ok_or("a step without an end")?;
    let listed = |name: &str| returned.get(name).cloned().unwrap_or_else(|| json!([]));
    let (credentials, fields) = match method {
        "get_password_list" => (listed("passwords"), &returned["cookie"]),
        "get_private_key_list" => {
            let types =
                listed("private_keys").as_array().map(|keys| keys.iter().map(|key| key[0].clone()).collect());
            (types.ok_or("keys that are no list")?, &returned["cookie"])
        }
        "get_remote_app_credentials" => (listed("passwords"), returned),
        "get_totp_codes" => (listed("totp_codes"), &Value::Null),
        "authentication_completed" => {
            return Ok(json!({
                "failed": false, "cookie": own_entries(&returned["cookie"]),
                "session_cookie": returned["session_cookie"],
            }));
        }
        _ => return Ok(json!({ "failed": false })),
    };
    let is_found = credentials.as_array().is_some_and(|all| !all.is_empty()) && !fields.is_null();
    let candidate = is_found.then(|| json!([fields["account"], fields["asset"]]));
    Ok(json!({
        "credentials": credentials, "candidate": candidate, "cookie": own_entries(&returned["cookie"]),
        "session_cookie": returned["session_cookie"],
    }))
}
