//! The error objects of Locker's first generation, and the output of its program.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::{RedactedBody, RemoteClass, RemoteError};
use keyway_core::json::Reader;

/// The rules for answers: no duplicate names in an object, and no nesting that is too deep for `serde_json`.
const ANSWERS: Reader =
    Reader { max_bytes: usize::MAX, max_depth: 127, max_collections: usize::MAX, ..Reader::STRICT };

/// An error object: a status, a code word, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorObject<'a> {
    /// The field `status_code`, when it is an integer.
    pub status: Option<i64>,
    /// The field `error`.
    pub word: Option<&'a str>,
}

impl ErrorObject<'_> {
    /// Returns the class of the error. The first line that fits decides:
    ///
    /// | status | or word | class |
    /// | --- | --- | --- |
    /// | 429 | `rate_limit` | rate limit |
    /// | 401 | `unauthorized`, `invalid_secret_access_key` | authentication |
    /// | 403 | `permission_denied` | permission denied |
    /// | 404 | `not_found`, `not_found_error` | not found |
    /// | 500 and above | `server_error` | server |
    /// | 409 | | conflict (decision L6) |
    /// | 422 | | validation (decision L6) |
    /// | | `http_error` | connection |
    /// | | `database_error`, `command_error` | program |
    ///
    /// Any other error has the class of the general error.
    pub fn class(&self) -> RemoteClass {
        let word = |words: &[&str]| self.word.is_some_and(|word| words.contains(&word));
        match self.status {
            status if status == Some(429) || word(&["rate_limit"]) => RemoteClass::RateLimit,
            status if status == Some(401) || word(&["unauthorized", "invalid_secret_access_key"]) => {
                RemoteClass::Authentication
            }
            status if status == Some(403) || word(&["permission_denied"]) => RemoteClass::PermissionDenied,
            status if status == Some(404) || word(&["not_found", "not_found_error"]) => RemoteClass::NotFound,
            status if status.is_some_and(|status| status >= 500) || word(&["server_error"]) => {
                RemoteClass::Server
            }
            // Without these two lines, Locker's error for a duplicate secret would have the class of a broken
            // connection.
            Some(409) => RemoteClass::Conflict,
            Some(422) => RemoteClass::Validation,
            _ if word(&["http_error"]) => RemoteClass::Connection,
            _ if word(&["database_error", "command_error"]) => RemoteClass::Program,
            _ => RemoteClass::Other,
        }
    }

    /// Converts the object to an error.
    pub fn to_error(&self) -> RemoteError {
        let status = self.status.and_then(|status| u16::try_from(status).ok());
        RemoteError::new(self.class()).with_word(self.word).with_reported_status(status)
    }
}

/// The answer of a program.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// The requested value.
    Value(T),
    /// An error object. The program's exit code does not matter.
    Error(RemoteError),
}

/// Finds the part of a program's output that is its answer.
///
/// The answer is the text between the first two lines `----------- LOG BREAK -----------` if the output has such lines,
/// and otherwise the whole output. `lines_to_skip` lines at the beginning of the answer are skipped.
///
/// # Errors
/// [`Protocol`](RemoteClass::Protocol) when the answer has fewer line ends than `lines_to_skip`.
pub fn program_output(output: &str, lines_to_skip: usize) -> Result<&str, RemoteError> {
    const BREAK: &str = "----------- LOG BREAK -----------";
    let mut rest = output.split(BREAK).nth(1).unwrap_or(output);
    for _ in 0..lines_to_skip {
        rest = rest.split_once('\n').ok_or_else(|| RemoteError::new(RemoteClass::Protocol))?.1;
    }
    Ok(rest)
}

/// Reads a program's answer in JSON.
///
/// `T` chooses the types of the values. Use types that zeroize their content for secrets. `serde_json` decodes a text
/// with escapes in a buffer that it does not zeroize. To avoid this, take the text undecoded, and decode it with
/// [`keyway_core::unescape_json`].
///
/// # Errors
/// [`Protocol`](RemoteClass::Protocol) when the output is not one JSON object, has a name twice in an object, or is not
/// of the type `T`. The error shows nothing of the output.
pub fn interpret<T: DeserializeOwned>(output: &str, lines_to_skip: usize) -> Result<Answer<T>, RemoteError> {
    let text = program_output(output, lines_to_skip)?;
    let protocol = |_| RemoteError::new(RemoteClass::Protocol);
    // serde would also read a list as a struct.
    if !text.trim_start().starts_with('{') {
        return Err(RemoteError::new(RemoteClass::Protocol));
    }
    // Readers differ about which of two equal names counts.
    if ANSWERS.read(text.as_bytes()).is_err() {
        return Err(RemoteError::new(RemoteClass::Protocol));
    }
    let signs: Signs<'_> = serde_json::from_str(text).map_err(protocol)?;
    if !signs.is_error() {
        return serde_json::from_str(text).map(Answer::Value).map_err(protocol);
    }
    let body: Value = serde_json::from_str(text).map_err(protocol)?;
    let object = ErrorObject {
        status: body.get("status_code").and_then(Value::as_i64),
        word: body.get("error").and_then(Value::as_str),
    };
    Ok(Answer::Error(object.to_error().with_body(RedactedBody::of(&body))))
}

/// The fields that distinguish an error object. Nothing else of the text is kept.
#[derive(Deserialize)]
struct Signs<'a> {
    #[serde(borrow, default)]
    object: Option<Sign<'a>>,
    #[serde(borrow, default)]
    success: Option<Sign<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sign<'a> {
    Truth(bool),
    Text(#[serde(borrow)] std::borrow::Cow<'a, str>),
    Other(IgnoredAny),
}

impl Signs<'_> {
    fn is_error(&self) -> bool {
        let object = matches!(&self.object, Some(Sign::Text(text)) if text == "error");
        let success = match &self.success {
            Some(Sign::Truth(success)) => *success,
            Some(Sign::Text(text)) => text != "false",
            Some(Sign::Other(IgnoredAny)) | None => true,
        };
        object || !success
    }
}
