//! The envelope of a request: id, method, parameters.

use keyway_core::json::{Duplicates, Json, Reader, Trailing};

use crate::failure::Failure;
use crate::method::Method;
use crate::parameters::Parameters;

/// The maximum size of a request and of an answer, in bytes.
pub(crate) const MAX_BYTES: usize = 20 << 20;
/// The maximum nesting depth of a request.
pub(crate) const MAX_DEPTH: usize = Reader::MAX_DEPTH;

/// The maximum length of an id that an answer repeats, in bytes. The official SDKs send 32 digits.
const MAX_ID_BYTES: usize = 256;

/// A request whose parameters are not checked yet.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) method: Method,
    pub(crate) parameters: Parameters,
}

/// Reads a request strictly: duplicate names, lone surrogates, and text after the request are errors. If the id was
/// found, it is returned even with a failure, because the answer repeats the id.
pub(crate) fn read(bytes: &[u8]) -> (Option<String>, Result<Envelope, Failure>) {
    let reader = Reader {
        duplicates: Duplicates::Refused,
        trailing: Trailing::Refused,
        max_bytes: MAX_BYTES,
        max_depth: MAX_DEPTH,
        ..Reader::STRICT
    };
    let mut request = match reader.read(bytes).map(Parameters::of) {
        Err(_) => return (None, Err(Failure::Parse)),
        Ok(Err(_)) => return (None, Err(Failure::InvalidRequest)),
        Ok(Ok(request)) => request,
    };
    let id = match request.take("id") {
        Some(Json::Text(id)) if id.expose().len() <= MAX_ID_BYTES => id.into_open(),
        _ => return (None, Err(Failure::InvalidRequest)),
    };
    (Some(id), envelope(request))
}

fn envelope(mut request: Parameters) -> Result<Envelope, Failure> {
    let version = request.text("jsonrpc").map_err(|_| Failure::InvalidRequest)?;
    let method = request.text("method").map_err(|_| Failure::InvalidRequest)?;
    let parameters = request.take("params");
    if version.expose() != "2.0" {
        return Err(Failure::InvalidRequest);
    }
    request.end().map_err(|_| Failure::InvalidRequest)?;
    let method = Method::named(method.expose()).ok_or(Failure::MethodNotFound)?;
    Ok(Envelope { method, parameters: Parameters::of(parameters.unwrap_or_default())? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> (Option<String>, Result<Method, Failure>) {
        let (id, envelope) = read(text.as_bytes());
        (id, envelope.map(|envelope| envelope.method))
    }

    #[test]
    fn a_request_is_read() {
        let (id, method) =
            outcome(r#" {"jsonrpc":"2.0","id":"7","method":"secret.get","params":{"key":"K"}}"#);
        assert_eq!((id.as_deref(), method.unwrap()), (Some("7"), Method::GetSecret));
        assert!(outcome(r#"{"jsonrpc":"2.0","id":"7","method":"system.capabilities"}"#).1.is_ok());
    }

    #[test]
    fn a_failure_repeats_the_id_if_there_is_one() {
        for (text, id, failure) in [
            ("", None, Failure::Parse),
            ("\u{feff}{}", None, Failure::Parse),
            (r#"{"id":"7","id":"8"}"#, None, Failure::Parse),
            (r#"{"id":"\ud800"}"#, None, Failure::Parse),
            ("{} {}", None, Failure::Parse),
            ("{\"a\":NaN}", None, Failure::Parse),
            ("[]", None, Failure::InvalidRequest),
            (r#"{"id":7}"#, None, Failure::InvalidRequest),
            (r#"{"id":"7"}"#, Some("7"), Failure::InvalidRequest),
            (r#"{"id":"7","jsonrpc":"1.0","method":"secret.get"}"#, Some("7"), Failure::InvalidRequest),
            (r#"{"id":"7","jsonrpc":"2.0","method":"secret.get","x":1}"#, Some("7"), Failure::InvalidRequest),
            (r#"{"id":"7","jsonrpc":"2.0","method":"secret.delete"}"#, Some("7"), Failure::MethodNotFound),
            (
                r#"{"id":"7","jsonrpc":"2.0","method":"secret.get","params":[]}"#,
                Some("7"),
                Failure::InvalidParameters,
            ),
        ] {
            let (found, method) = outcome(text);
            assert_eq!((found.as_deref(), method.unwrap_err()), (id, failure), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
        assert_eq!(outcome(&deep).1.unwrap_err(), Failure::Parse);
        let long = format!(r#"{{"id":"{}"}}"#, "7".repeat(MAX_ID_BYTES + 1));
        assert_eq!(outcome(&long), (None, Err(Failure::InvalidRequest)));
    }
}
