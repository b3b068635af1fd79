//! Dispatches requests, and performs the operations that do not concern an order.

use serde_json::{Value, json};

use super::exchange::{Reply, Request};
use super::signed::Signed;
use super::state::AccountEntry;
use super::{Shared, locked};
use crate::account_key::AccountKey;

impl Shared {
    /// Answers a request. Also returns the name of the requested operation.
    pub(super) fn answered(&self, request: &Request) -> (String, Reply) {
        let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
        let number =
            |at: usize| parts.get(at).and_then(|part| part.parse::<usize>().ok()).unwrap_or(usize::MAX);
        let operation = match &parts[..] {
            ["account", _, "orders"] => "orders",
            ["order", _, "finalize"] => "finalize",
            [name, ..] => name,
            [] => "",
        };
        if request.method != "POST" {
            self.counted(operation);
            if let Some(page) = self.page_of_gateway(operation) {
                return (operation.to_owned(), page);
            }
            return (operation.to_owned(), self.unsigned(operation, &parts));
        }
        let signed = match self.verified(&request.path, &request.body) {
            Ok(signed) => signed,
            Err(reply) => return ("refused".to_owned(), reply),
        };
        let is_deactivation = operation == "authorization" && !signed.payload.is_null();
        let operation = if is_deactivation { "deactivate" } else { operation };
        self.counted(operation);
        if let Some(page) = self.page_of_gateway(operation) {
            return (operation.to_owned(), page);
        }
        if locked(&self.settings).unheard.as_deref() == Some(operation) {
            return (operation.to_owned(), Reply::text(500, String::new()));
        }
        if locked(&self.settings).refused.take_if(|refused| refused == operation).is_some() {
            let reply = Reply::problem(404, "malformed", "It is not found here.");
            return (operation.to_owned(), reply);
        }
        let Some(account) = signed.account else {
            let reply = match operation {
                "newAccount" => self.new_account(&signed),
                _ => Reply::problem(400, "malformed", "A request of an account is expected."),
            };
            return (operation.to_owned(), reply);
        };
        let reply = match operation {
            "account" => self.account(account),
            "orders" => self.order_list(account, &request.path),
            "newOrder" => self.new_order(account, &signed.payload),
            "order" => self.order(account, number(1)),
            "finalize" => self.finalize(account, number(1), &signed.payload),
            "authorization" => self.authorization(number(1)),
            "deactivate" => self.deactivate(number(1)),
            "challenge" => self.challenge(number(1), parts.get(2).unwrap_or(&""), &signed.payload),
            "certificate" => self.certificate(account, number(1)),
            "revokeCert" => self.revoke(&signed.payload),
            "keyChange" => self.key_change(account, &signed.payload),
            _ => Reply::problem(404, "malformed", "No such page."),
        };
        let is_replaced = locked(&self.settings).replaced.take_if(|replaced| replaced == operation).is_some();
        (operation.to_owned(), if is_replaced { page(200) } else { reply })
    }

    fn page_of_gateway(&self, operation: &str) -> Option<Reply> {
        let settings = locked(&self.settings);
        let (_, status) = settings.gateway.as_ref().filter(|(answered, _)| answered == operation)?;
        Some(page(*status))
    }

    fn counted(&self, operation: &str) {
        *locked(&self.counts).entry(operation.to_owned()).or_default() += 1;
    }

    fn unsigned(&self, operation: &str, parts: &[&str]) -> Reply {
        match operation {
            "directory" => {
                let operations = ["newNonce", "newAccount", "newOrder", "revokeCert", "keyChange"];
                let mut directory: Value =
                    operations.iter().map(|name| (*name, format!("{}/{name}", self.base))).collect();
                if locked(&self.settings).has_renewal_information {
                    directory["renewalInfo"] = format!("{}/renewalInfo", self.base).into();
                }
                Reply::json(200, &directory)
            }
            "newNonce" => Reply::text(200, String::new()),
            "renewalInfo" if parts.get(1).is_some_and(|id| id.contains('.')) => {
                let window = json!({ "start": "2027-01-02T04:00:00Z", "end": "2027-01-03T04:00:00+00:00" });
                let page = "https://ca.example.com/why";
                let body = json!({ "suggestedWindow": window, "explanationURL": page });
                Reply::json(200, &body).retried()
            }
            _ => Reply::problem(404, "malformed", "No such page."),
        }
    }

    fn new_account(&self, signed: &Signed) -> Reply {
        let mut state = locked(&self.state);
        let known = state.accounts.iter().position(|account| account.key == signed.key);
        if let Some(number) = known {
            return Reply::json(200, &json!({})).at(format!("{}/account/{number}", self.base));
        }
        if signed.payload["onlyReturnExisting"] == true {
            return Reply::problem(400, "accountDoesNotExist", "No account has this key.");
        }
        if let Some(external) = &locked(&self.settings).external_account {
            let binding = &signed.payload["externalAccountBinding"];
            if binding.is_null() {
                return Reply::problem(403, "externalAccountRequired", "An external account is needed.");
            }
            if !is_bound(binding, external.mac_key(), &signed.key) {
                return Reply::problem(
                    403,
                    "unauthorized",
                    "The binding is not that of the external account.",
                );
            }
        }
        state.accounts.push(AccountEntry { key: signed.key.clone() });
        let number = state.accounts.len() - 1;
        Reply::json(201, &json!({ "status": "valid" })).at(format!("{}/account/{number}", self.base))
    }

    fn account(&self, number: usize) -> Reply {
        let mut account = json!({ "status": "valid" });
        if locked(&self.settings).lists_orders {
            account["orders"] = format!("{}/account/{number}/orders", self.base).into();
        }
        Reply::json(200, &account)
    }

    fn revoke(&self, payload: &Value) -> Reply {
        let certificate = payload["certificate"].as_str().unwrap_or_default().to_owned();
        if locked(&self.state).revoked.insert(certificate) {
            Reply::text(200, String::new())
        } else {
            Reply::problem(400, "alreadyRevoked", "The certificate was revoked before.")
        }
    }
}

/// Returns the page of a gateway.
fn page(status: u16) -> Reply {
    let page = Reply::text(status, "<html>This page is not here.</html>".to_owned());
    Reply { has_nonce: false, ..page }
}

/// Tells whether `binding` is signed with the key of an external account, and binds `key` to that account.
fn is_bound(binding: &Value, mac_key: &[u8], key: &Value) -> bool {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::hmac;

    let text = |name: &str| binding[name].as_str().unwrap_or_default();
    let decoded = |name: &str| URL_SAFE_NO_PAD.decode(text(name)).unwrap_or_default();
    let message = format!("{}.{}", text("protected"), text("payload"));
    let mac = hmac::Key::new(hmac::HMAC_SHA256, mac_key);
    hmac::verify(&mac, message.as_bytes(), &decoded("signature")).is_ok()
        && serde_json::from_slice::<Value>(&decoded("payload")).is_ok_and(|bound| bound == *key)
}

/// Returns the thumbprint of a client's public key.
pub(super) fn thumbprint(key: &Value) -> String {
    let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
    AccountKey::thumbprint_of(&text("x"), &text("y"))
}
