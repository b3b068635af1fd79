//! The failures of requests, and their meaning for an operation of the store.

use std::time::Duration;

use keyway_client::{ErrorObject, RedactedBody, RemoteClass, RemoteError};
use keyway_secrets::StoreError;

use crate::answer::{Malformed, json, text};
use crate::retry::Passing;

const SERVICE: &str = "the service Locker";

/// The failure of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The request did not reach the service, so it had no effect.
    #[error("{SERVICE} was not reached: {reason}")]
    Unreached { reason: String },
    /// There was no answer, so the request may have had its effect.
    #[error("{SERVICE} gave no answer: {reason}")]
    NoAnswer { reason: String },
    /// The answer is larger than allowed.
    #[error("the answer of {SERVICE} is larger than allowed")]
    TooLarge,
    /// The service answered with a status other than success.
    #[error("{SERVICE} answered with status {}", .0.status)]
    Refused(Refusal),
    /// The answer does not have the expected form.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// An answer with a status other than success.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    retry_after: Option<Duration>,
    word: Option<String>,
    is_duplicate: bool,
    body: Option<RedactedBody>,
}

impl Refusal {
    /// Reads the JSON error `{code, message}` of the service from a body, if the body has it.
    pub(crate) fn new(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        /// The end of the message that refuses a second item with the same name.
        const DUPLICATE: &str = "hash already exists";
        let json = json(body).ok();
        let message = json.as_ref().and_then(|json| text(json, "message")).unwrap_or_default();
        Self {
            status,
            retry_after,
            is_duplicate: status == 409 || status == 400 && message.contains(DUPLICATE),
            word: json.as_ref().and_then(|json| text(json, "code")).map(str::to_owned),
            body: json.as_ref().map(|json| RedactedBody::of(&json.to_serde())),
        }
    }

    fn into_remote(self) -> RemoteError {
        // The status decides the class of the error, except that a message can mark a duplicate. The service's `code`
        // must not change the class.
        let class = match self.status {
            _ if self.is_duplicate => RemoteClass::AlreadyExists,
            401 | 403 | 404 | 409 | 422 | 429 | 500.. => {
                ErrorObject { status: Some(self.status.into()), word: None }.class()
            }
            400..=499 => RemoteClass::RequestRejected,
            _ => RemoteClass::Protocol,
        };
        let is_passing = is_passing(self.status);
        let error = RemoteError::new(class)
            .with_word(self.word.as_deref())
            .with_reported_status(Some(self.status))
            .with_retry(is_passing, self.retry_after);
        self.body.into_iter().fold(error, RemoteError::with_body)
    }
}

/// Tells whether a failure with this status is temporary. A status of 500 is not: the same request would fail again.
const fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 502..=504)
}

impl Failure {
    /// Returns the failure as a temporary one, with the delay that the service asks for. Returns `None` if the failure
    /// is permanent.
    pub(crate) fn passing(&self) -> Option<Passing> {
        match self {
            Self::Unreached { .. } | Self::NoAnswer { .. } => Some(Passing { retry_after: None }),
            Self::Refused(refusal) if is_passing(refusal.status) => {
                Some(Passing { retry_after: refusal.retry_after })
            }
            _ => None,
        }
    }

    /// Tells whether the service refused to make an item because an item of the same name exists.
    pub(crate) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_duplicate)
    }

    /// Tells whether the service answered with this status.
    pub(crate) fn has_status(&self, status: u16) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == status)
    }

    /// Returns the error of an operation that only reads. The operation had no effect.
    pub(crate) fn of_read(self, what: &'static str) -> StoreError {
        match self {
            Self::Unreached { .. } | Self::NoAnswer { .. } => {
                unavailable(RemoteError::new(RemoteClass::Connection))
            }
            Self::TooLarge => StoreError::system(what, RemoteError::new(RemoteClass::ResponseTooLarge)),
            Self::Malformed(malformed) => StoreError::system(what, malformed),
            Self::Refused(refusal) if refusal.status >= 500 => unavailable(refusal.into_remote()),
            Self::Refused(refusal) => refused(refusal, what),
        }
    }

    /// Returns the error of an operation that writes. The effect is unknown if the request may have reached the service
    /// but there is no usable answer, and after a status of 500 or more. Then the same call must not be repeated,
    /// because it could overwrite a value that another writer has stored since.
    pub(crate) fn of_write(self, what: &'static str) -> StoreError {
        match self {
            Self::Unreached { .. } => unavailable(RemoteError::new(RemoteClass::Connection)),
            Self::Refused(refusal) if refusal.status >= 500 => {
                StoreError::system(what, refusal.into_remote().with_retry(false, None))
            }
            Self::Refused(refusal) => refused(refusal, what),
            unknown => StoreError::Indeterminate { what, source: Box::new(unknown) },
        }
    }
}

fn refused(refusal: Refusal, what: &'static str) -> StoreError {
    match refusal.status {
        // The status 404 says nothing about a secret, and must not be mistaken for "there is no secret" (decision L5).
        404 => {
            StoreError::not_ready(SERVICE, "it answered with status 404: check `api_base`, and the project")
        }
        429 => unavailable(refusal.into_remote()),
        _ => StoreError::system(what, refusal.into_remote()),
    }
}

fn unavailable(remote: RemoteError) -> StoreError {
    StoreError::Unavailable {
        what: SERVICE,
        retry_after: remote.retry_after(),
        source: Some(Box::new(remote)),
    }
}

#[cfg(test)]
mod tests {
    use keyway_client::Error;
    use keyway_core::{Effect, ErrorKind, PluginError as _};

    use super::*;
    use crate::vectors;

    fn refusal(status: u16) -> Failure {
        Failure::Refused(Refusal::new(status, None, br#"{"code": "c", "message": "pa55word"}"#))
    }

    #[test]
    fn statuses_are_told_apart_where_the_go_client_gives_one_error() {
        for (status, code, remote) in [
            (400, "invalid", true),
            (401, "unauthorized", true),
            (403, "permission_denied", true),
            (409, "conflict", true),
            (418, "invalid", true),
            (422, "invalid", true),
            (429, "rate_limit", true),
            (500, "server_error", true),
            (503, "server_error", true),
            (302, "cli_error", true),
        ] {
            for error in [refusal(status).of_read("read"), refusal(status).of_write("write")] {
                let error = Error::from(error);
                assert_eq!((error.code(), matches!(error, Error::Remote(_))), (code, remote), "{status}");
                assert!(!error.is_secret_not_found());
                assert!(!format!("{error:?} {error}").contains("pa55word"), "{error:?}");
            }
        }
        let vectors = vectors::of("go.status.");
        assert!(vectors.len() >= 2);
        for vector in vectors {
            let (input, status) = (&vector["input"], vector["input"]["status"].as_u64().unwrap());
            let body = input["body"].to_string();
            let failure = Failure::Refused(Refusal::new(status.try_into().unwrap(), None, body.as_bytes()));
            let error = Error::from(failure.of_read("read"));
            assert!(!error.is_secret_not_found(), "{status}");
        }
    }

    #[test]
    fn a_route_that_is_missing_is_not_a_missing_secret() {
        let error = Error::from(refusal(404).of_read("read"));
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.to_string().contains("api_base"), "{error}");
    }

    #[test]
    fn a_lost_answer_leaves_the_effect_of_a_write_unknown_and_of_a_read_none() {
        let lost = || Failure::NoAnswer { reason: "reset".into() };
        assert_eq!(lost().of_write("write").effect(), Effect::Unknown);
        assert!(!Error::from(lost().of_write("write")).is_retryable());
        assert_eq!(lost().of_read("read").effect(), Effect::None);
        assert_eq!(Error::from(lost().of_read("read")).code(), "http_error");
        assert_eq!(Failure::Unreached { reason: "refused".into() }.of_write("write").effect(), Effect::None);
        assert_eq!(refusal(500).of_write("write").effect(), Effect::Unknown);
        assert_eq!(Failure::from(Malformed("`id`")).of_write("write").effect(), Effect::Unknown);
    }

    #[test]
    fn only_failures_that_may_pass_are_tried_again() {
        let statuses: Vec<u16> = (100..600).filter(|status| refusal(*status).passing().is_some()).collect();
        assert_eq!(statuses, [429, 502, 503, 504]);
        let wait = Some(Duration::from_secs(3));
        let limited = Failure::Refused(Refusal::new(429, wait, b"slow down"));
        assert_eq!(limited.passing(), Some(Passing { retry_after: wait }));
        let error = limited.of_read("read");
        assert_eq!(error.kind(), ErrorKind::Unavailable { retry_after: wait });
        let error = Error::from(error);
        assert_eq!((error.code(), error.retry_after(), error.is_retryable()), ("rate_limit", wait, true));
    }

    #[test]
    fn a_duplicate_is_known_by_its_message_or_its_status() {
        let message = br#"{"code": "x", "message": "This environment hash already exists"}"#;
        for (status, body, duplicate) in
            [(400, &message[..], true), (409, b"", true), (400, b"{}", false), (500, message, false)]
        {
            assert_eq!(
                Failure::Refused(Refusal::new(status, None, body)).is_duplicate(),
                duplicate,
                "{status}"
            );
        }
    }
}
