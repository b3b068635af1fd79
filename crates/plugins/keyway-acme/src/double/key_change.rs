//! The change of an account's key.

use serde_json::{Value, json};

use super::exchange::Reply;
use super::signed::Parts;
use super::{Shared, locked};

impl Shared {
    pub(super) fn key_change(&self, account: usize, payload: &Value) -> Reply {
        let malformed = |detail| Reply::problem(400, "malformed", detail);
        let Some(inner) = Parts::read(payload) else { return malformed("no inner JWS") };
        let next = inner.protected["jwk"].clone();
        let mut state = locked(&self.state);
        let expected = json!({
            "account": format!("{}/account/{account}", self.base),
            "oldKey": state.accounts[account].key,
        });
        if !inner.is_signed_by(&next)
            || inner.payload != expected
            || inner.protected["url"] != format!("{}/keyChange", self.base)
            || inner.protected.get("nonce").is_some()
        {
            return malformed("the inner JWS is not that of a change of keys");
        }
        if state.accounts.iter().any(|other| other.key == next) {
            return Reply::problem(409, "conflict", "Another account has the key.");
        }
        state.accounts[account].key = next;
        Reply::json(200, &json!({}))
    }
}
