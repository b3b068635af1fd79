//! Signed requests: flattened JSON web signatures (RFC 8555, section 6.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use crate::account_key::{AccountKey, AccountKeyError};
use crate::external_account::ExternalAccount;

/// The way in which a request identifies its signer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signer<'a> {
    /// The public key itself. It is used for a new account, and within a change of keys.
    Key,
    /// The URL of the account.
    Account(&'a str),
}

/// Signs a request. Without a payload, the request is a read.
///
/// The inner request of a change of keys has no nonce (RFC 8555, section 7.3.5).
pub(crate) fn sign(
    key: &AccountKey,
    signer: Signer<'_>,
    nonce: Option<&str>,
    url: &str,
    payload: Option<&Value>,
) -> Result<Value, AccountKeyError> {
    let mut protected = json!({ "alg": "ES256", "url": url });
    if let Some(nonce) = nonce {
        protected["nonce"] = nonce.into();
    }
    match signer {
        Signer::Key => protected["jwk"] = key.jwk(),
        Signer::Account(account) => protected["kid"] = account.into(),
    }
    let payload = payload.map(Value::to_string).unwrap_or_default();
    signed(&protected, &payload, |message| key.sign(message))
}

/// Signs the public key of a new account with the key of an external account (RFC 8555, section 7.3.4).
pub(crate) fn bind(external: &ExternalAccount, key: &AccountKey, url: &str) -> Value {
    let protected = json!({ "alg": "HS256", "kid": external.key_id(), "url": url });
    let mac = hmac::Key::new(hmac::HMAC_SHA256, external.mac_key());
    let signature = |message: &[u8]| Ok(hmac::sign(&mac, message).as_ref().to_vec());
    match signed::<std::convert::Infallible>(&protected, &key.jwk().to_string(), signature) {
        Ok(bound) => bound,
    }
}

fn signed<E>(
    protected: &Value,
    payload: &str,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Value, E> {
    let protected = URL_SAFE_NO_PAD.encode(protected.to_string());
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = sign(format!("{protected}.{payload}").as_bytes())?;
    Ok(json!({ "protected": protected, "payload": payload, "signature": URL_SAFE_NO_PAD.encode(signature) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    const URL: &str = "https://ca.example.com/order";

    fn part(request: &Value, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(request[name].as_str().unwrap()).unwrap()
    }

    fn verified(request: &Value, jwk: &Value) -> bool {
        let mut point = vec![4];
        point.extend(part(jwk, "x"));
        point.extend(part(jwk, "y"));
        let message =
            format!("{}.{}", request["protected"].as_str().unwrap(), request["payload"].as_str().unwrap());
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(message.as_bytes(), &part(request, "signature"))
            .is_ok()
    }

    #[test]
    fn a_read_has_an_empty_payload_and_the_account() {
        let key = AccountKey::from_pkcs8(&AccountKey::generate().unwrap()).unwrap();
        let request = sign(&key, Signer::Account("https://ca.example.com/7"), Some("n"), URL, None).unwrap();
        assert_eq!(request["payload"], "");
        let protected: Value = serde_json::from_slice(&part(&request, "protected")).unwrap();
        let expected = json!({ "alg": "ES256", "kid": "https://ca.example.com/7", "nonce": "n", "url": URL });
        assert_eq!(protected, expected);
        assert!(verified(&request, &key.jwk()));
    }

    #[test]
    fn a_binding_is_the_one_of_the_external_key() {
        let key = AccountKey::from_pkcs8(&AccountKey::generate().unwrap()).unwrap();
        let external = ExternalAccount::new("kid-1", "c2VjcmV0LXNlY3JldC1zZWNyZXQ").unwrap();
        let bound = bind(&external, &key, URL);
        assert_eq!(part(&bound, "payload"), key.jwk().to_string().as_bytes());
        let message =
            format!("{}.{}", bound["protected"].as_str().unwrap(), bound["payload"].as_str().unwrap());
        let mac = hmac::Key::new(hmac::HMAC_SHA256, b"secret-secret-secret");
        hmac::verify(&mac, message.as_bytes(), &part(&bound, "signature")).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_payload_is_signed_as_it_is(text in ".*", nonce in "[A-Za-z0-9_-]{1,40}") {
            let key = AccountKey::from_pkcs8(&AccountKey::generate().unwrap()).unwrap();
            let payload = json!({ "text": text });
            let request = sign(&key, Signer::Key, Some(&nonce), URL, Some(&payload)).unwrap();
            let read: Value = serde_json::from_slice(&part(&request, "payload")).unwrap();
            prop_assert_eq!(read, payload);
            let protected: Value = serde_json::from_slice(&part(&request, "protected")).unwrap();
            prop_assert!(verified(&request, &protected["jwk"]));
            prop_assert_eq!(protected["nonce"].as_str(), Some(&*nonce));
            prop_assert!(protected.get("kid").is_none());
        }
    }
}
