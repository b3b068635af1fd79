//! The typed credentials for the values that a vector's hooks return.
//!
//! A vector has placeholders for keys, such as `KEYDATA`. A real key of the named type replaces each of them.

use std::time::Duration;

use keyway_credentials::core::Timestamp;
use keyway_credentials::{
    CredentialError, FetchOutcome, Found, LaunchInformation, Password, Passwords, PrivateKey, PrivateKeys,
    RemoteAppCredentials, TotpCode, TotpCodes,
};
use serde_json::Value;

const RSA: &str = include_str!("../../../../../crates/keyway-credentials/src/key/keys/rsa_pkcs1.pem");
const DSA: &str = include_str!("../../../../../crates/keyway-credentials/src/key/keys/dsa_traditional.pem");
const ED25519: &str = include_str!("../../../../../crates/keyway-credentials/src/key/keys/ed25519_pkcs8.pem");

/// A conversion of the value that a hook returns.
pub(super) type Convert<C> = fn(&Value) -> Result<Option<C>, CredentialError>;

/// Returns the outcome of a fetch. A value that upstream reads as nothing becomes `NotFound`.
pub(super) fn outcome<C>(returned: &Value, convert: Convert<C>) -> Result<FetchOutcome<C>, CredentialError> {
    Ok(convert(returned)?.map_or(FetchOutcome::NotFound, |credentials| Found::new(credentials).into()))
}

fn no_such_type() -> CredentialError {
    CredentialError::invalid("the result of the hook", "the typed interface has no such value")
}

/// Returns the non-empty list under a key of an object. Returns `None` for an empty list, and for any other value that
/// is false in Python.
fn list<'a>(returned: &'a Value, key: &str) -> Result<Option<&'a [Value]>, CredentialError> {
    match returned.get(key) {
        Some(Value::Array(items)) => Ok((!items.is_empty()).then_some(items)),
        Some(value) if is_truthy(value) => Err(no_such_type()),
        _ => Ok(None),
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}

pub(super) fn passwords(returned: &Value) -> Result<Option<Passwords>, CredentialError> {
    let Some(items) = list(returned, "passwords")? else { return Ok(None) };
    let password = |item: &Value| item.as_str().map(Password::new).ok_or_else(no_such_type);
    items.iter().map(password).collect::<Result<Vec<_>, _>>().map(Passwords::of)
}

pub(super) fn private_keys(returned: &Value) -> Result<Option<PrivateKeys>, CredentialError> {
    let Some(items) = list(returned, "private_keys")? else { return Ok(None) };
    let key = |item: &Value| {
        let pair =
            item.as_array().filter(|pair| pair.len() == 2 && pair[1].is_string()).ok_or_else(no_such_type)?;
        let pem = match pair[0].as_str() {
            Some("ssh-rsa") => RSA,
            Some("ssh-dss") => DSA,
            Some("ssh-ed25519") => ED25519,
            _ => return Err(no_such_type()),
        };
        Ok(PrivateKey::new(pem, None)?)
    };
    items.iter().map(key).collect::<Result<Vec<_>, CredentialError>>().map(PrivateKeys::of)
}

pub(super) fn remote_app(returned: &Value) -> Result<Option<RemoteAppCredentials>, CredentialError> {
    if !returned.is_object() && is_truthy(returned) {
        return Err(no_such_type());
    }
    let Some(passwords) = passwords(returned)? else { return Ok(None) };
    let mut credentials = RemoteAppCredentials::new(passwords);
    if let Some(text) = returned["launch_information"].as_str() {
        let mut launch = LaunchInformation::new(text);
        launch.host_app = returned["host_app"].as_str().map(str::to_owned);
        credentials = credentials.with_launch(launch);
    }
    credentials.additional_information = returned["additional_information"].as_str().map(str::to_owned);
    Ok(Some(credentials))
}

pub(super) fn totp_codes(returned: &Value) -> Result<Option<TotpCodes>, CredentialError> {
    if !is_truthy(returned) {
        return Ok(None);
    }
    let items = returned.as_array().ok_or_else(no_such_type)?;
    let code = |item: &Value| {
        let fields = item.as_object().ok_or_else(no_such_type)?;
        if fields.keys().any(|name| !["code", "period", "unix_time"].contains(&name.as_str())) {
            return Err(no_such_type());
        }
        let number = |name: &str, usual: u64| match fields.get(name) {
            None => Ok(usual),
            Some(number) => number.as_u64().ok_or_else(no_such_type),
        };
        let text = fields.get("code").map_or(Some(""), Value::as_str).ok_or_else(no_such_type)?;
        let from = Timestamp::from_milliseconds(number("unix_time", 0)?.saturating_mul(1000));
        Ok(TotpCode::new(text, from).with_period(Duration::from_secs(number("period", 30)?)))
    };
    items.iter().map(code).collect::<Result<Vec<_>, CredentialError>>().map(TotpCodes::of)
}
