//! The errors of a service behind a store: the older and the newer form of Locker's errors, mapped
//! to the rows of one table.
//!
//! A store in front of a service gives a [`RemoteError`] as the cause of its
//! [`StoreError`](keyway_secrets::StoreError); [`Error`](crate::Error) unwraps it.

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

/// A failure that a service reported.
///
/// The service's own message is not kept, because it may repeat the request. Each class has a
/// message of its own; the service's code word is kept if it looks like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    class: RemoteClass,
    word: Option<String>,
    reported_status: Option<u16>,
    retryable: bool,
    retry_after: Option<Duration>,
    body: Option<RedactedBody>,
    had_no_effect: bool,
}

impl RemoteError {
    /// Creates a failure of this class, with the properties of the class.
    pub fn new(class: RemoteClass) -> Self {
        Self {
            class,
            word: None,
            reported_status: None,
            retryable: class.kind(None).is_retryable(),
            retry_after: None,
            body: None,
            had_no_effect: false,
        }
    }

    /// Sets the service's code word. A text that does not look like a code word is omitted, since
    /// it may be anything.
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

    /// Sets whether the same request may succeed later, if the service says so.
    #[must_use]
    pub fn with_retry(mut self, retryable: bool, after: Option<Duration>) -> Self {
        self.retryable = retryable;
        self.retry_after = after;
        self
    }

    /// Sets the redacted answer of the service.
    #[must_use]
    pub fn with_body(mut self, body: RedactedBody) -> Self {
        self.body = Some(body);
        self
    }

    /// Returns the class.
    pub fn class(&self) -> RemoteClass {
        self.class
    }

    /// Returns the row of the error table.
    pub fn row(&self) -> Row {
        Row::of(self.kind())
    }

    /// Returns the service's code word, for example `secret_not_found`, or `None` if the service sent no text that
    /// looks like a code word.
    pub fn word(&self) -> Option<&str> {
        self.word.as_deref()
    }

    /// Returns the HTTP status that the service reported, or that Locker's own client would give the error, if there is
    /// one.
    ///
    /// The status of the [`row`](Self::row) may differ.
    pub fn reported_status(&self) -> Option<u16> {
        self.reported_status
    }

    /// Tells whether the same request, unchanged, may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Returns the time to wait before the next attempt, if the service named it.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the redacted answer of the service, or `None` if there is none.
    pub fn body(&self) -> Option<&RedactedBody> {
        self.body.as_ref()
    }

    /// Tells whether the service answered that the secret does not exist: with the word `secret_not_found`, or one of
    /// the older words `not_found` and `not_found_error`. Another missing object does not count, nor does an answer
    /// without a word, which may come from a proxy (decision H335).
    ///
    /// A missing secret is the only failure for which a client returns a default value (decisions L2, L5).
    pub fn is_secret_not_found(&self) -> bool {
        self.class == RemoteClass::NotFound
            && matches!(self.word(), Some("secret_not_found" | "not_found" | "not_found_error"))
    }

    /// Records that the store knows that the call had no effect.
    pub(crate) fn without_effect(mut self) -> Self {
        self.had_no_effect = true;
        self
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

    /// Returns an unknown effect if the answer was lost, because the service may have carried out the request, unless
    /// the store knows that there was no effect.
    fn effect(&self) -> Effect {
        match self.kind() {
            _ if self.had_no_effect => Effect::None,
            ErrorKind::Unavailable { .. }
            | ErrorKind::Internal
            | ErrorKind::Program
            | ErrorKind::DeadlineExceeded
            | ErrorKind::Other => Effect::Unknown,
            _ => Effect::None,
        }
    }
}

/// Tells whether a text looks like a code word. Other texts may be secret and are not shown.
fn is_word(text: &str) -> bool {
    const LONGEST: usize = 64;
    text.len() <= LONGEST
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
