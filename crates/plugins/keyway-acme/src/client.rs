//! The client of one server: its directory, its nonces, and signed requests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use crate::account_key::AccountKey;
use crate::documents::Directory;
use crate::failure::Failure;
use crate::http::{Answer, Http};
use crate::jws::{Signer, sign};
use crate::problem::{Problem, ProblemKind};

/// The maximum number of attempts of a request. Each attempt has a new nonce.
const NONCE_ATTEMPTS: usize = 10;
/// The maximum number of nonces that are kept. Each answer brings one.
const MOST_NONCES: usize = 32;
/// The time after which the directory is read again.
const DIRECTORY_AGE: Duration = Duration::from_secs(24 * 3600);

/// The client of one server. Several calls may use it at the same time. Its requests block the thread.
#[derive(Debug)]
pub(crate) struct Client {
    http: Http,
    url: String,
    directory: Mutex<Option<(Directory, Instant)>>,
    nonces: Mutex<Vec<String>>,
}

/// A key, and the way in which requests identify it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credentials<'a> {
    pub(crate) key: &'a AccountKey,
    pub(crate) signer: Signer<'a>,
}

impl Client {
    pub(crate) fn new(http: Http, directory: String) -> Self {
        Self { http, url: directory, directory: Mutex::default(), nonces: Mutex::default() }
    }

    /// Returns the directory: the addresses of the server's operations.
    pub(crate) fn directory(&self, until: Instant) -> Result<Directory, Failure> {
        if let Some((directory, read)) = &*locked(&self.directory)
            && read.elapsed() < DIRECTORY_AGE
        {
            return Ok(directory.clone());
        }
        let directory: Directory = document(&self.get(&self.url, until)?, "its directory")?;
        *locked(&self.directory) = Some((directory.clone(), Instant::now()));
        Ok(directory)
    }

    /// Reads a document that needs no signature.
    pub(crate) fn get(&self, url: &str, until: Instant) -> Result<Answer, Failure> {
        accepted(self.http.get(url, until)?)
    }

    /// Sends a signed request. If the server refuses the nonce, the request is repeated with a new one, up to
    /// [`NONCE_ATTEMPTS`] attempts. A request without payload is a read.
    pub(crate) fn post(
        &self,
        url: &str,
        credentials: Credentials<'_>,
        payload: Option<&Value>,
        until: Instant,
    ) -> Result<Answer, Failure> {
        let mut last = None;
        for _ in 0..NONCE_ATTEMPTS {
            let nonce = self.nonce(until)?;
            let request = sign(credentials.key, credentials.signer, Some(&nonce), url, payload)?;
            let mut answer = self.http.post(url, &request.to_string(), until)?;
            match answer.nonce.take() {
                Some(nonce) => self.keep(nonce),
                // A server gives a nonce with every success (RFC 8555, section 6.5).
                None if is_success(answer.status) => {
                    let reason = "a success without a nonce".to_owned();
                    return Err(Failure::Foreign { retry_after: answer.retry_after, reason });
                }
                None => {}
            }
            match accepted(answer) {
                Err(failure) if failure.is(&ProblemKind::BadNonce) => last = Some(failure),
                answer => return answer,
            }
        }
        let reason = last.map_or_else(String::new, |failure| failure.to_string());
        Err(Failure::Unavailable { retry_after: None, reason })
    }

    /// Returns the newest kept nonce, or requests a new one.
    fn nonce(&self, until: Instant) -> Result<String, Failure> {
        if let Some(nonce) = locked(&self.nonces).pop() {
            return Ok(nonce);
        }
        let answer = accepted(self.http.head(&self.directory(until)?.new_nonce, until)?)?;
        let reason = "newNonce gives no nonce".to_owned();
        answer.nonce.ok_or(Failure::Foreign { retry_after: answer.retry_after, reason })
    }

    fn keep(&self, nonce: String) {
        let mut nonces = locked(&self.nonces);
        if nonces.len() == MOST_NONCES {
            nonces.remove(0);
        }
        nonces.push(nonce);
    }
}

/// Reads the document of an answer. An answer that is no JSON is not that of an ACME server.
pub(crate) fn document<T: DeserializeOwned>(answer: &Answer, what: &'static str) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|error| match error.classify() {
        Category::Data => Failure::Protocol(what),
        _ => Failure::Foreign { retry_after: answer.retry_after, reason: format!("{what} is not JSON") },
    })
}

/// Returns an answer with a status of success, or the failure that the answer means.
fn accepted(answer: Answer) -> Result<Answer, Failure> {
    let status = answer.status;
    if is_success(status) {
        return Ok(answer);
    }
    let problem = Problem::read(status, &answer.body);
    let is_limit = problem.kind == ProblemKind::RateLimited || matches!(status, 429 | 503);
    Err(if is_limit {
        Failure::Unavailable { retry_after: answer.retry_after, reason: problem.to_string() }
    } else if !(400..500).contains(&status) {
        // A redirect comes from a gateway, for example to a page of maintenance.
        Failure::NoAnswer { reason: problem.to_string() }
    } else if problem.has_type() {
        problem.into()
    } else {
        Failure::Foreign { retry_after: answer.retry_after, reason: format!("status {status}") }
    })
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let retry_after = Some(Duration::from_secs(7));
        Answer { status, nonce: None, location: None, retry_after, next: None, body: body.into() }
    }

    #[test]
    fn an_answer_is_taken_limited_missing_or_refused() {
        assert!(accepted(answer(201, "{}")).is_ok());
        for (status, body) in
            [(429, ""), (503, ""), (403, r#"{"type": "urn:ietf:params:acme:error:rateLimited"}"#)]
        {
            let Err(Failure::Unavailable { retry_after, .. }) = accepted(answer(status, body)) else {
                panic!("{status}")
            };
            assert_eq!(retry_after, Some(Duration::from_secs(7)));
        }
        assert!(matches!(accepted(answer(500, "")), Err(Failure::NoAnswer { .. })));
        assert!(matches!(accepted(answer(302, "")), Err(Failure::NoAnswer { .. })));
        for (status, body) in [
            (404, ""),
            (403, "<html>Log in first</html>"),
            (407, r#"{"detail": "no type"}"#),
            (400, r#"{"type": "about:blank", "title": "Bad Request"}"#),
        ] {
            assert!(matches!(accepted(answer(status, body)), Err(Failure::Foreign { .. })), "{status}");
        }
        for kind in ["urn:ietf:params:acme:error:malformed", "https://ca.example.com/errors/closed"] {
            let body = serde_json::json!({ "type": kind }).to_string();
            assert!(matches!(accepted(answer(404, &body)), Err(Failure::Problem(_))), "{kind}");
        }
    }

    #[test]
    fn a_page_in_place_of_a_document_is_not_of_the_server() {
        let read = |body| document::<Directory>(&answer(200, body), "its directory");
        assert!(matches!(read("<html>Maintenance</html>"), Err(Failure::Foreign { .. })));
        assert!(matches!(read(""), Err(Failure::Foreign { .. })));
        assert!(matches!(read("{}"), Err(Failure::Protocol(_))));
    }
}
