//! What a service behind a store says when it fails: the older and the newer form of
//! Locker's errors, mapped to the rows of one table.
//!
//! A store that stands in front of a service gives a [`RemoteError`] as the cause of its
//! [`StoreError`](keyway_secrets::StoreError); [`Error`](crate::Error) takes it out again.

mod body;
mod class;
mod object;
mod rpc;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use keyway_core::{Effect, ErrorKind, PluginError};

pub use body::RedactedBody;
pub use class::RemoteClass;
pub use object::{Answer, ErrorObject, interpret, program_output};
pub use rpc::RpcError;

use crate::Row;

/// What a service said about a failure.
///
/// The service's own message is not kept: it may repeat what it was sent. The message is
/// one of our own for each class; the service's code word is kept when it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    class: RemoteClass,
    word: Option<String>,
    reported_status: Option<u16>,
    retryable: bool,
    retry_after: Option<Duration>,
    body: Option<RedactedBody>,
}

impl RemoteError {
    /// A failure of this class, with what the class implies.
    pub fn new(class: RemoteClass) -> Self {
        Self {
            class,
            word: None,
            reported_status: None,
            retryable: class.kind(None).is_retryable(),
            retry_after: None,
            body: None,
        }
    }

    /// Sets the service's code word; one that is none is left out, since it may be
    /// anything.
    #[must_use]
    pub fn with_word(mut self, word: Option<&str>) -> Self {
        self.word = word.filter(|word| is_word(word)).map(str::to_owned);
        self
    }

    /// Sets the status that the service reported.
    #[must_use]
    pub fn with_reported_status(mut self, status: Option<u16>) -> Self {
        self.reported_status = status;
        self
    }

    /// Sets whether the same request may succeed later, where the service says so.
    #[must_use]
    pub fn with_retry(mut self, retryable: bool, after: Option<Duration>) -> Self {
        self.retryable = retryable;
        self.retry_after = after;
        self
    }

    /// Keeps what the service answered, without its contents.
    #[must_use]
    pub fn with_body(mut self, body: RedactedBody) -> Self {
        self.body = Some(body);
        self
    }

    /// The class.
    pub fn class(&self) -> RemoteClass {
        self.class
    }

    /// The row of the error table.
    pub fn row(&self) -> Row {
        Row::of(self.kind())
    }

    /// The service's code word, for example `secret_not_found`.
    pub fn word(&self) -> Option<&str> {
        self.word.as_deref()
    }

    /// The HTTP status that the service reported, or that its own client would give. The
    /// row's may differ.
    pub fn reported_status(&self) -> Option<u16> {
        self.reported_status
    }

    /// Whether the same request, unchanged, may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// How long to wait before that, when the service said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the service answered, without its contents.
    pub fn body(&self) -> Option<&RedactedBody> {
        self.body.as_ref()
    }

    /// Whether it says that a secret is not there, and not that an environment is not: the
    /// only answer in whose place a default value is given (decisions L2, L5).
    pub fn is_secret_not_found(&self) -> bool {
        self.class == RemoteClass::NotFound && self.word() != Some("environment_not_found")
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.message())?;
        match self.word() {
            Some(word) => write!(f, " ({word})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RemoteError {}

impl PluginError for RemoteError {
    fn kind(&self) -> ErrorKind {
        self.class.kind(self.retry_after)
    }

    /// A service may have carried out a request whose answer was lost.
    fn effect(&self) -> Effect {
        match self.kind() {
            ErrorKind::Unavailable { .. }
            | ErrorKind::Internal
            | ErrorKind::Program
            | ErrorKind::DeadlineExceeded
            | ErrorKind::Other => Effect::Unknown,
            _ => Effect::None,
        }
    }
}

/// Whether it is a code word: what is shown to people and machines must not be anything.
fn is_word(text: &str) -> bool {
    const LONGEST: usize = 64;
    text.len() <= LONGEST
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
