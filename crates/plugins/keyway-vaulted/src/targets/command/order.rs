//! The order to an executable: one JSON object.

use keyway_core::{Integer, Json, JsonObject, Wiped};
use keyway_credentials::{Candidate, CredentialError, TargetCredential};

/// The version of the order's form.
const VERSION: &str = "1";

/// An order as it is sent, and the secret texts in it.
pub(super) struct Order<'a> {
    entries: JsonObject,
    secrets: Vec<&'a str>,
}

impl<'a> Order<'a> {
    /// Begins an order: `change` or `probe`.
    pub(super) fn new(
        action: &str,
        candidate: &Candidate,
        kind: &TargetCredential,
    ) -> Result<Self, CredentialError> {
        let kind = match kind {
            TargetCredential::Password(_) => "password",
            TargetCredential::PrivateKey(_) => "private_key",
            _ => return Err(CredentialError::Unsupported { what: "such a credential by a command" }),
        };
        let mut order = Self { entries: JsonObject::new(), secrets: Vec::new() };
        order.set("version", Json::Integer(Integer::parse(VERSION).expect("a digit is a number")));
        for (name, text) in [
            ("action", action),
            ("account", candidate.account.as_str()),
            ("asset", candidate.asset.as_str()),
            ("kind", kind),
        ] {
            order.set(name, Json::text(text));
        }
        Ok(order)
    }

    pub(super) fn set(&mut self, name: &str, value: Json) {
        self.entries.insert(name.to_owned(), value);
    }

    /// Adds a credential.
    pub(super) fn set_credential(
        &mut self,
        name: &str,
        credential: &'a TargetCredential,
    ) -> Result<(), CredentialError> {
        let texts = match credential {
            TargetCredential::Password(password) => [("password", Some(password.expose())), ("", None)],
            TargetCredential::PrivateKey(key) => {
                [("private_key", Some(key.expose_pem())), ("passphrase", key.expose_passphrase())]
            }
            _ => return Err(CredentialError::Unsupported { what: "such a credential by a command" }),
        };
        let mut entries = JsonObject::new();
        for (name, text) in texts {
            if let Some(text) = text {
                entries.insert(name.to_owned(), Json::text(text));
                self.secrets.push(text);
            }
        }
        self.set(name, Json::Object(entries));
        Ok(())
    }

    /// Returns the object, as one line.
    pub(super) fn to_input(&self) -> Wiped<Vec<u8>> {
        let text = keyway_core::json::object_to_ascii(&self.entries);
        // A reallocation would leave an unwiped copy of the secrets.
        let mut line = Wiped::new(Vec::with_capacity(text.len() + 1));
        line.extend_from_slice(text.as_bytes());
        line.push(b'\n');
        line
    }

    pub(super) fn secrets(&self) -> &[&'a str] {
        &self.secrets
    }
}
