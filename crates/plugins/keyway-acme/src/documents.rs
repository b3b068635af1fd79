//! The objects of an ACME server (RFC 8555, section 7.1).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::problem::ProblemDocument;

/// The directory of a server: the addresses of its operations.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Directory {
    pub(crate) new_nonce: String,
    pub(crate) new_account: String,
    pub(crate) new_order: String,
    pub(crate) revoke_cert: String,
    pub(crate) key_change: Option<String>,
    pub(crate) renewal_info: Option<String>,
}

/// A name that a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Identifier {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) value: String,
}

impl Identifier {
    /// Tells whether an authorization for `proved` is for this name. The authorization of a wildcard has the name
    /// without `*.`.
    pub(crate) fn is_proved_by(&self, proved: &Self) -> bool {
        let plain = self.value.strip_prefix("*.").unwrap_or(&self.value);
        let is_same = match (plain.parse::<IpAddr>(), proved.value.parse::<IpAddr>()) {
            (Ok(one), Ok(other)) => one == other,
            _ => plain.eq_ignore_ascii_case(&proved.value),
        };
        is_same && self.kind == proved.kind
    }
}

/// An account. The list of its orders is optional.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AccountState {
    pub(crate) orders: Option<String>,
}

/// A page of the list of an account's orders.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OrderList {
    pub(crate) orders: Vec<String>,
}

/// The status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OrderStatus {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}

/// An order.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OrderState {
    pub(crate) status: OrderStatus,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) authorizations: Vec<String>,
    pub(crate) finalize: String,
    pub(crate) certificate: Option<String>,
    pub(crate) error: Option<ProblemDocument>,
}

impl OrderState {
    /// Tells whether the order is for exactly these names, in any order.
    pub(crate) fn is_for(&self, names: &[Identifier]) -> bool {
        let sorted = |names: &[Identifier]| {
            let mut names: Vec<_> =
                names.iter().map(|name| (name.kind.clone(), name.value.to_ascii_lowercase())).collect();
            names.sort();
            names
        };
        sorted(&self.identifiers) == sorted(names)
    }
}

/// The status of an authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AuthorizationStatus {
    Pending,
    Valid,
    Invalid,
    Deactivated,
    Expired,
    Revoked,
}

/// The permission of an account to get certificates for a name. The authorization of a wildcard has the name without
/// `*.`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) status: AuthorizationStatus,
    pub(crate) identifier: Identifier,
    #[serde(default)]
    pub(crate) challenges: Vec<Challenge>,
}

impl Authorization {
    /// Returns the name and the reason why the name was not proved. Returns `None` if no challenge has an error.
    pub(crate) fn fault(&self) -> Option<String> {
        let reason = self.challenges.iter().find_map(|challenge| challenge.error.as_ref())?.explanation();
        Some(format!("{}: {reason}", self.identifier.value))
    }
}

/// The status of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ChallengeStatus {
    Pending,
    Processing,
    Valid,
    Invalid,
}

/// A challenge of ACME: one way to prove control of a name. `token` is empty if the server sent none, which is an error
/// only for a type that this client uses.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Challenge {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) status: ChallengeStatus,
    #[serde(default)]
    pub(crate) token: String,
    pub(crate) error: Option<ProblemDocument>,
}

/// The server's answer to the question when to renew (RFC 9773).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RenewalAnswer {
    pub(crate) suggested_window: SuggestedWindow,
    #[serde(rename = "explanationURL")]
    pub(crate) explanation_url: Option<String>,
}

/// The window of time in which to renew. Times have the form of RFC 3339.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SuggestedWindow {
    pub(crate) start: String,
    pub(crate) end: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> Identifier {
        Identifier { kind: "dns".into(), value: value.into() }
    }

    #[test]
    fn an_authorization_is_for_a_name_of_its_order() {
        let ip = |value: &str| Identifier { kind: "ip".into(), value: value.into() };
        assert!(name("Door.example").is_proved_by(&name("door.EXAMPLE")));
        assert!(name("*.door.example").is_proved_by(&name("door.example")));
        assert!(ip("2001:db8::1").is_proved_by(&ip("2001:0DB8:0::1")));
        for (asked, proved) in [
            (name("door.example"), name("example")),
            (name("door.example"), name("door.example/../x")),
            (name("door.example"), name("*.door.example")),
            (ip("192.0.2.1"), name("192.0.2.1")),
        ] {
            assert!(!asked.is_proved_by(&proved), "{asked:?} {proved:?}");
        }
    }

    #[test]
    fn an_order_is_for_its_names_in_any_order() {
        let order: OrderState = serde_json::from_str(
            r#"{"status": "ready", "identifiers": [{"type": "dns", "value": "B.example"},
                {"type": "dns", "value": "a.example"}], "authorizations": [], "finalize": "f"}"#,
        )
        .unwrap();
        assert_eq!(order.status, OrderStatus::Ready);
        assert!(order.is_for(&[name("a.example"), name("b.example")]));
        assert!(!order.is_for(&[name("a.example")]));
        assert!(!order.is_for(&[name("a.example"), name("b.example"), name("c.example")]));
    }
}
