//! The check of signed requests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use super::exchange::Reply;
use super::{Shared, locked};

/// A request whose signature was verified.
#[derive(Debug)]
pub(super) struct Signed {
    /// The public key that signed the request.
    pub(super) key: Value,
    /// The number of the account, if the request names one.
    pub(super) account: Option<usize>,
    /// The payload. `null` for a read.
    pub(super) payload: Value,
}

/// The parts of a flattened JSON web signature.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) protected: Value,
    pub(super) payload: Value,
    message: String,
    signature: Vec<u8>,
}

impl Parts {
    pub(super) fn read(request: &Value) -> Option<Self> {
        let text = |name: &str| request.get(name)?.as_str();
        let decoded = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let payload = decoded("payload")?;
        Some(Self {
            protected: serde_json::from_slice(&decoded("protected")?).ok()?,
            payload: if payload.is_empty() { Value::Null } else { serde_json::from_slice(&payload).ok()? },
            message: format!("{}.{}", text("protected")?, text("payload")?),
            signature: decoded("signature")?,
        })
    }

    pub(super) fn is_signed_by(&self, key: &Value) -> bool {
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else { return false };
        let point = [vec![4], x, y].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        self.protected["alg"] == "ES256" && key.verify(self.message.as_bytes(), &self.signature).is_ok()
    }
}

impl Shared {
    /// Checks the rate limit, the nonce, the URL and the signature of a request. Returns the answer to a refused
    /// request as the error.
    pub(super) fn verified(&self, path: &str, body: &[u8]) -> Result<Signed, Reply> {
        let malformed = |detail| Reply::problem(400, "malformed", detail);
        let request: Value = serde_json::from_slice(body).map_err(|_| malformed("no JSON"))?;
        let parts = Parts::read(&request).ok_or_else(|| malformed("no JWS"))?;
        let bad_nonce_every = {
            let mut settings = locked(&self.settings);
            if settings.limited > 0 {
                settings.limited -= 1;
                return Err(Reply::problem(429, "rateLimited", "Too many requests.").retried());
            }
            settings.bad_nonce_every
        };
        let mut state = locked(&self.state);
        state.signed_requests += 1;
        let is_known = state.nonces.remove(parts.protected["nonce"].as_str().unwrap_or_default());
        let is_refused = bad_nonce_every > 0 && state.signed_requests.is_multiple_of(bad_nonce_every);
        if !is_known || is_refused {
            return Err(Reply::problem(400, "badNonce", "The nonce is not good."));
        }
        if parts.protected["url"] != format!("{}{path}", self.base) {
            return Err(malformed("signed for another URL"));
        }
        let account = parts.protected["kid"].as_str().map(|kid| {
            let number = kid.strip_prefix(&format!("{}/account/", self.base))?.parse::<usize>().ok()?;
            state.accounts.get(number).map(|_| number)
        });
        let (account, key) = match account {
            None => (None, parts.protected["jwk"].clone()),
            Some(Some(number)) => (Some(number), state.accounts[number].key.clone()),
            Some(None) => return Err(Reply::problem(400, "accountDoesNotExist", "No such account.")),
        };
        if !parts.is_signed_by(&key) {
            // Pebble, the test server of Let's Encrypt, gives the same answer.
            return Err(malformed("The signature is not that of the account."));
        }
        Ok(Signed { key, account, payload: parts.payload })
    }
}
