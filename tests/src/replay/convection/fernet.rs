//! Replays the vectors `fernet_key`, `fernet_encrypt`, `fernet_decrypt` and `multifernet`: keys, tokens, and rings of
//! keys.
//!
//! Decision C8 requires strict forms. The forms can be checked without cryptography, so the rulings read only Base64
//! and lengths. The plaintext of a well-formed token is the plaintext that upstream found.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyway_core::PluginError as _;
use keyway_seal::{KeyRing, OpenError, ResealError};
use serde_json::{Value, json};

use super::upstream_error;
use crate::replay::oracle::base64;
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

/// The permitted classes for the refusal of a token. Upstream reports the same error for a wrong key, a damaged token
/// and an old token.
const INVALID_TOKEN: &[Class] = &[Class::WrongKey, Class::Corrupt, Class::Expired, Class::Invalid];

/// The length of a token's fixed parts before the first block: version, time, IV.
const HEADER: usize = 1 + 8 + 16;
const SIGNATURE: usize = 32;

/// Returns a refusal by decision C8 if the key is not strict Base64 of 32 bytes.
fn ruling_of_key(key: &str) -> Option<Ruling> {
    (!base64::is_key(key)).then(|| Ruling::refused("C8", &[Class::Invalid]))
}

/// Returns a refusal by decision C8 if the token does not have the form of the specification.
fn ruling_of_token(token: &str) -> Option<Ruling> {
    let well_formed = base64::decode_strictly(token.as_bytes()).is_some_and(|bytes| {
        let blocks = bytes.len().checked_sub(HEADER + SIGNATURE);
        bytes.first() == Some(&0x80) && blocks.is_some_and(|bytes| bytes > 0 && bytes % 16 == 0)
    });
    (!well_formed).then(|| Ruling::refused("C8", &[Class::Corrupt]))
}

fn class_of(error: &OpenError) -> Class {
    match error {
        OpenError::Expired { .. } | OpenError::TooNew { .. } => Class::Expired,
        other => Class::of_kind(other.kind()),
    }
}

fn outcome<T>(answer: Result<T, OpenError>, value: impl FnOnce(T) -> Value) -> StepOutcome {
    answer
        .map_or_else(|error| StepOutcome::Refused(class_of(&error)), |answer| StepOutcome::Ok(value(answer)))
}

fn texts(input: &Input, key: &str) -> Vec<String> {
    let list = input.get(key).as_array().into_iter().flatten();
    list.map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}

fn ring<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<KeyRing, StepOutcome> {
    KeyRing::parse(keys).map_err(|error| StepOutcome::Refused(Class::of_kind(error.kind())))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()
        })
        .collect()
}

pub(super) struct FernetKey;

impl Adapter for FernetKey {
    fn run(&self, input: &Input) -> Observed {
        let ring = ring([input.text("key_latin1")]);
        Observed::one("key", ring.map_or_else(|refused| refused, |_| StepOutcome::Ok("accepted".into())))
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        vec![ruling_of_key(input.text("key_latin1"))]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        demand_of(expected.value(), Demand::AnyRefusal).map(|demand| vec![demand.into()])
    }
}

/// Returns the demand for the value under `ok`, or `refusal` if upstream reports an error.
fn demand_of(expected: &Value, refusal: Demand) -> Result<Demand, String> {
    match (expected.get("ok"), upstream_error(expected)) {
        (Some(value), None) => Ok(Demand::Exactly(value.clone())),
        (None, Some(_)) => Ok(refusal),
        _ => Err("neither `ok` nor `error`".to_owned()),
    }
}

pub(super) struct Encrypt;

impl Adapter for Encrypt {
    fn run(&self, input: &Input) -> Observed {
        let token = || -> Result<(KeyRing, String), StepOutcome> {
            let ring = ring([input.text("key")])?;
            // A time is a number of seconds since 1970, and an IV has 16 bytes. The interface cannot express other
            // values.
            let no_type = StepOutcome::Refused(Class::Invalid);
            let iv = unhex(input.text("iv_hex")).and_then(|iv| iv.try_into().ok()).ok_or(no_type.clone())?;
            let plaintext = unhex(input.text("plaintext_hex")).ok_or(no_type.clone())?;
            let time = input.get("time").as_u64().ok_or(no_type)?;
            let token = ring.seal_with_iv(time, iv, &plaintext);
            Ok((ring, token))
        };
        let (token, time) = match token() {
            Ok((ring, token)) => {
                let time = outcome(ring.timestamp(token.as_bytes()), Value::from);
                (StepOutcome::Ok(token.into()), time)
            }
            Err(refused) => (refused.clone(), refused),
        };
        Observed::steps([("token", token), ("extract_timestamp", time)])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let ruling = || ruling_of_key(input.text("key"));
        vec![ruling(), ruling()]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        if upstream_error(expected.value()).is_some() {
            return Ok(vec![Demand::AnyRefusal.into(), Demand::AnyRefusal.into()]);
        }
        let token = expected.get("token");
        let time = match expected.get("extract_timestamp") {
            Value::Null => Demand::Nothing,
            time => Demand::Exactly(time.clone()),
        };
        if !token.is_string() {
            return Err("no `token`".to_owned());
        }
        Ok(vec![Demand::Exactly(token.clone()).into(), time.into()])
    }
}

pub(super) struct Decrypt;

impl Adapter for Decrypt {
    fn run(&self, input: &Input) -> Observed {
        let token = input.text("token").as_bytes();
        let (plaintext, time) = match ring([input.text("key")]) {
            Err(refused) => (refused.clone(), refused),
            Ok(ring) => {
                let plaintext = match input.get("ttl") {
                    Value::Null => Some(ring.open(token)),
                    // The interface takes the time to live as a duration, and the current time as a time since 1970. It
                    // cannot express other values.
                    ttl => ttl
                        .as_u64()
                        .zip(now(input))
                        .map(|(ttl, now)| ring.open_within(token, Duration::from_secs(ttl), now)),
                };
                let plaintext = match plaintext {
                    Some(answer) => outcome(answer, |bytes| json!({ "bytes_hex": hex(&bytes) })),
                    None => StepOutcome::Refused(Class::Invalid),
                };
                (plaintext, outcome(ring.timestamp(token), Value::from))
            }
        };
        Observed::steps([("plaintext", plaintext), ("extract_timestamp", time)])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let ruling = || ruling_of_key(input.text("key")).or_else(|| ruling_of_token(input.text("token")));
        // A value that the interface cannot express is refused before the token is read.
        let has_no_type = |value: &Value| !value.is_null() && value.as_u64().is_none();
        let typed =
            !has_no_type(input.get("ttl")) && (input.get("ttl").is_null() || !has_no_type(input.get("now")));
        vec![ruling().filter(|_| typed), ruling()]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let plaintext = demand_of(expected.value(), Demand::Refused(INVALID_TOKEN))?;
        let time = demand_of(expected.get("extract_timestamp"), Demand::Refused(INVALID_TOKEN))?;
        Ok(vec![plaintext.into(), time.into()])
    }
}

fn now(input: &Input) -> Option<u64> {
    match input.get("now") {
        Value::Null => SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs()),
        now => now.as_u64(),
    }
}

/// A ring of several keys.
///
/// A vector does not name its operation: upstream's answer is either the plaintext or the token sealed again. So the
/// adapter runs each of the two operations.
pub(super) struct Ring;

impl Adapter for Ring {
    fn run(&self, input: &Input) -> Observed {
        let keys = texts(input, "keys");
        let token = input.text("token").as_bytes();
        let (opened, resealed) = match ring(keys.iter().map(String::as_str)) {
            Err(refused) => (refused.clone(), refused),
            Ok(ring) => {
                let opened = outcome(ring.open(token), |bytes| json!({ "bytes_hex": hex(&bytes) }));
                let resealed = match ring.reseal(token) {
                    Ok(new) => outcome(ring.only_primary().open(new.as_bytes()), |bytes| {
                        json!({
                            "timestamp_kept": ring.timestamp(token) == ring.timestamp(new.as_bytes()),
                            "plaintext_hex": hex(&bytes),
                            "token_changed": new.as_bytes() != token,
                        })
                    }),
                    Err(ResealError::Open(error)) => StepOutcome::Refused(class_of(&error)),
                    Err(_) => StepOutcome::Refused(Class::Internal),
                };
                (opened, resealed)
            }
        };
        Observed::steps([("decrypt", opened), ("rotate", resealed)])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let keys = texts(input, "keys");
        let ruling = || {
            let key = keys.iter().find_map(|key| ruling_of_key(key));
            key.or_else(|| if keys.is_empty() { None } else { ruling_of_token(input.text("token")) })
        };
        vec![ruling(), ruling()]
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let refusal = || match upstream_error(expected.value()) {
            Some("InvalidToken") => Demand::Refused(INVALID_TOKEN),
            _ => Demand::Refused(&[Class::Invalid]),
        };
        let demand = demand_of(expected.value(), refusal())?;
        let ok = expected.get("ok");
        Ok(if ok.get("bytes_hex").is_some() {
            vec![demand.into(), Demand::Nothing.into()]
        } else if ok.get("timestamp_kept").is_some() {
            vec![Demand::Nothing.into(), demand.into()]
        } else if ok.is_null() {
            vec![demand.into(), refusal().into()]
        } else {
            return Err(format!("{ok} is neither a plaintext nor a rotation"));
        })
    }
}
