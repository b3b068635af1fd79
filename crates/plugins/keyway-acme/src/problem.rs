//! Problem documents: the errors of an ACME server (RFC 7807; RFC 8555, section 6.7).

use std::fmt::{self, Write as _};

use keyway_certificates::ClientMessage;
use keyway_core::json::shown_name;
use serde::Deserialize;

use crate::documents::Identifier;

/// The prefix of the types that RFC 8555 names.
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// An error that an ACME server returned. Its texts are those of the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server answered {status}, {kind}: {}", ClientMessage::new(detail))]
pub(crate) struct Problem {
    /// The kind of the error.
    pub kind: ProblemKind,
    /// The status code of HTTP.
    pub status: u16,
    /// The server's explanation for people.
    pub detail: String,
    /// The page where the user has to act.
    pub instance: Option<String>,
}

/// The kinds of errors that this client distinguishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// The account does not exist.
    AccountDoesNotExist,
    /// The certificate was revoked before.
    AlreadyRevoked,
    /// The request for the certificate is not acceptable.
    BadCsr,
    /// The nonce was used before, or is too old.
    BadNonce,
    /// An external account is needed.
    ExternalAccountRequired,
    /// The request cannot be read. Some servers also give this answer to a signature with another key.
    Malformed,
    /// The order is not ready for its finalization.
    OrderNotReady,
    /// The account has asked too often.
    RateLimited,
    /// The server had an error.
    ServerInternal,
    /// The account is not allowed to make this request.
    Unauthorized,
    /// The user has to act at the server, for example to agree to new terms.
    UserActionRequired,
    /// A kind that this client does not distinguish: its name without the ACME prefix, or the whole name. It is shown
    /// to the operator.
    Other(String),
}

impl ProblemKind {
    /// Tells whether the reason of a refusal is the account or its user, whatever was requested.
    pub(crate) const fn is_of_account(&self) -> bool {
        matches!(
            self,
            Self::AccountDoesNotExist
                | Self::ExternalAccountRequired
                | Self::Unauthorized
                | Self::UserActionRequired
        )
    }

    fn from_type(name: &str) -> Self {
        match name.strip_prefix(PREFIX) {
            Some("accountDoesNotExist") => Self::AccountDoesNotExist,
            Some("alreadyRevoked") => Self::AlreadyRevoked,
            Some("badCSR") => Self::BadCsr,
            Some("badNonce") => Self::BadNonce,
            Some("externalAccountRequired") => Self::ExternalAccountRequired,
            Some("malformed") => Self::Malformed,
            Some("orderNotReady") => Self::OrderNotReady,
            Some("rateLimited") => Self::RateLimited,
            Some("serverInternal") => Self::ServerInternal,
            Some("unauthorized") => Self::Unauthorized,
            Some("userActionRequired") => Self::UserActionRequired,
            Some(other) => Self::Other(other.to_owned()),
            None => Self::Other(name.to_owned()),
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::AccountDoesNotExist => "accountDoesNotExist",
            Self::AlreadyRevoked => "alreadyRevoked",
            Self::BadCsr => "badCSR",
            Self::BadNonce => "badNonce",
            Self::ExternalAccountRequired => "externalAccountRequired",
            Self::Malformed => "malformed",
            Self::OrderNotReady => "orderNotReady",
            Self::RateLimited => "rateLimited",
            Self::ServerInternal => "serverInternal",
            Self::Unauthorized => "unauthorized",
            Self::UserActionRequired => "userActionRequired",
            Self::Other(name) => return f.write_str(&shown_name(name)),
        };
        f.write_str(name)
    }
}

/// A problem document, as the server sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProblemDocument {
    r#type: String,
    detail: String,
    instance: Option<String>,
    subproblems: Vec<Subproblem>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Subproblem {
    detail: String,
    identifier: Option<Identifier>,
}

impl ProblemDocument {
    /// Returns the explanation of the problem, followed by those of its subproblems.
    pub(crate) fn explanation(&self) -> String {
        let mut text = self.detail.clone();
        for part in &self.subproblems {
            let name = part.identifier.as_ref().map_or("", |identifier| &identifier.value);
            // Writing to a `String` cannot fail.
            let _ = write!(text, " {name}: {}", part.detail);
        }
        text.trim().to_owned()
    }
}

impl Problem {
    /// Reads the answer to a request that failed.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        let document: ProblemDocument = serde_json::from_slice(body).unwrap_or_default();
        let detail = document.explanation();
        Self { kind: ProblemKind::from_type(&document.r#type), status, detail, instance: document.instance }
    }

    /// Tells whether the error has a type, as every error of an ACME server has (RFC 8555, section 6.7). An error
    /// without one comes from another server, such as a gateway.
    pub(crate) fn has_type(&self) -> bool {
        !matches!(&self.kind, ProblemKind::Other(name) if matches!(name.as_str(), "" | "about:blank"))
    }

    /// Returns the sentence for the client of an order.
    pub(crate) fn client_message(&self) -> String {
        let mut text = "The certificate authority refused".to_owned();
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        if let Some(page) = &self.instance {
            text.push_str(" See ");
            text.push_str(page);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_problem_has_its_parts() {
        let body = br#"{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Two names are refused.",
            "subproblems": [{"type": "x", "detail": "on a list", "identifier": {"type": "dns", "value": "a.example"}}]}"#;
        let problem = Problem::read(403, body);
        assert_eq!(problem.kind, ProblemKind::Other("rejectedIdentifier".into()));
        assert_eq!(problem.detail, "Two names are refused. a.example: on a list");
        assert_eq!(
            problem.to_string(),
            "the server answered 403, rejectedIdentifier: Two names are refused. a.example: on a list"
        );
        let empty = Problem::read(502, b"<html>Bad Gateway</html>");
        assert_eq!((empty.status, empty.detail.as_str()), (502, ""));
    }

    #[test]
    fn a_problem_is_one_short_line() {
        let long = "\nforged line".repeat(200);
        let body = serde_json::json!({ "type": long, "detail": long });
        let shown = Problem::read(403, body.to_string().as_bytes()).to_string();
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(shown.len() < 1500, "{}", shown.len());
    }

    #[test]
    fn every_kind_is_read_by_its_name() {
        for name in [
            "accountDoesNotExist",
            "alreadyRevoked",
            "badCSR",
            "badNonce",
            "externalAccountRequired",
            "malformed",
            "orderNotReady",
            "rateLimited",
            "serverInternal",
            "unauthorized",
            "userActionRequired",
        ] {
            let kind = ProblemKind::from_type(&format!("{PREFIX}{name}"));
            assert_eq!(kind.to_string(), name);
            assert!(!matches!(kind, ProblemKind::Other(_)), "{name}");
        }
        assert_eq!(ProblemKind::from_type("about:blank"), ProblemKind::Other("about:blank".into()));
    }

    proptest! {
        #[test]
        fn no_answer_causes_a_panic(status: u16, body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Problem::read(status, &body).client_message();
        }
    }
}
