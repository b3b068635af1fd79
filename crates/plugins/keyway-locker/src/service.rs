//! The service over HTTPS: requests with the access key ID, deadlines and repeated reads.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use keyway_client::Credentials;
use keyway_core::{Clock, Timestamp, Wiped};
use keyway_secrets::StoreError;
use ureq::http::{HeaderName, HeaderValue, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Proxy, RequestBuilder};

use crate::answer::MAX_BYTES;
use crate::configuration::{LockerConfiguration, NO_PROXY};
use crate::failure::{Failure, Refusal};
use crate::retry::RetryPolicy;

/// The HTTP client for one account of the service. Any number of threads may call it at the same time, and each request
/// blocks its thread.
#[derive(Debug)]
pub(crate) struct Service {
    agent: Agent,
    base: String,
    /// All headers of a request, including the access key ID. Their values are marked as sensitive.
    headers: Vec<(HeaderName, HeaderValue)>,
    policy: RetryPolicy,
    /// The longest time for one request.
    request: Duration,
    clock: Arc<dyn Clock>,
}

/// A successful answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Wiped<Vec<u8>>,
    /// The time of the service, to the second, if the answer has a date.
    pub(crate) date: Option<Timestamp>,
}

impl Service {
    /// Makes the client from a checked configuration. Reads the file of root certificates, if one is named.
    pub(crate) fn new(
        configuration: &LockerConfiguration,
        credentials: &Credentials,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let base = configuration.api_base.as_deref().unwrap_or(credentials.api_base());
        let base = base.strip_suffix('/').unwrap_or(base).to_owned();
        if !keyway_http::is_protected(&base) {
            let reason = "it must be an https URL, or an http URL of a loopback address";
            return Err(StoreError::not_ready("the address of the service", reason));
        }
        let is_https = base.starts_with("https://");
        let proxy = match configuration.proxy.as_deref() {
            // Plain HTTP is for loopback addresses. Those of a proxy are on another machine.
            _ if !is_https => None,
            Some(NO_PROXY) => None,
            Some(url) => {
                Some(Proxy::new(url).map_err(|_| StoreError::not_ready("the proxy", "its URL is wrong"))?)
            }
            None => Proxy::try_from_env(),
        };
        let mut headers =
            configuration.parsed_headers().map_err(|error| StoreError::not_ready("a header", error))?;
        headers.push((ureq::http::header::AUTHORIZATION, bearer(credentials)?));
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(is_https)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .user_agent(concat!("keyway-locker/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots(configuration)?).build())
            .build()
            .into();
        let policy = RetryPolicy { retries: configuration.retries };
        Ok(Self {
            agent,
            base,
            headers,
            policy,
            request: Duration::from_secs(configuration.request_seconds.into()),
            clock,
        })
    }

    /// Returns the address of the service.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Sends a read. If the failure is temporary, sends the read again, within the limits of the configuration.
    pub(crate) fn get(&self, path: &str, until: Instant) -> Result<Answer, Failure> {
        let mut failures = 0;
        loop {
            let failure = match self.get_once(path, until) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            failures += 1;
            let jitter = keyway_seal::random_bytes::<1>().map_or(u8::MAX, |[byte]| byte);
            let left = until.saturating_duration_since(Instant::now());
            let wait =
                failure.passing().and_then(|passing| self.policy.next(failures, passing, jitter, left));
            let Some(wait) = wait else { return Err(failure) };
            thread::sleep(wait);
        }
    }

    /// Creates an item. The request is sent once.
    pub(crate) fn post(&self, path: &str, body: &str, until: Instant) -> Result<Wiped<Vec<u8>>, Failure> {
        let time = self.time(until)?;
        self.send(self.agent.post(format!("{}{path}", self.base)), body, time)
    }

    /// Changes an item. The request is sent once.
    pub(crate) fn put(&self, path: &str, body: &str, until: Instant) -> Result<Wiped<Vec<u8>>, Failure> {
        let time = self.time(until)?;
        self.send(self.agent.put(format!("{}{path}", self.base)), body, time)
    }

    fn get_once(&self, path: &str, until: Instant) -> Result<Answer, Failure> {
        let time = self.time(until)?;
        let request = self.agent.get(format!("{}{path}", self.base));
        self.answer(keyway_http::limited(self.with_headers(request), time).call())
    }

    fn send(
        &self,
        request: RequestBuilder<ureq::typestate::WithBody>,
        body: &str,
        time: Duration,
    ) -> Result<Wiped<Vec<u8>>, Failure> {
        let request = keyway_http::limited(self.with_headers(request), time);
        Ok(self.answer(request.content_type("application/json").send(body))?.body)
    }

    fn with_headers<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Returns the time limit of the next request.
    fn time(&self, until: Instant) -> Result<Duration, Failure> {
        match until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(Failure::Unreached { reason: "the time for one operation is over".into() }),
            left => Ok(left.min(self.request)),
        }
    }

    fn answer(&self, answer: Result<Response<Body>, Error>) -> Result<Answer, Failure> {
        let mut answer = answer.map_err(|error| {
            let reason = error.to_string();
            if keyway_http::may_have_been_sent(&error) {
                Failure::NoAnswer { reason }
            } else {
                Failure::Unreached { reason }
            }
        })?;
        let body = answer.body_mut().with_config().limit(MAX_BYTES as u64).read_to_vec().map_err(
            |error| match error {
                Error::BodyExceedsLimit(_) => Failure::TooLarge,
                other => Failure::NoAnswer { reason: other.to_string() },
            },
        )?;
        let body = Wiped::new(body);
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        match answer.status().as_u16() {
            200 | 201 => Ok(Answer { body, date: header("date").and_then(keyway_http::date).map(timestamp) }),
            status => {
                let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.now().as_milliseconds());
                let retry_after = header("retry-after").and_then(|text| keyway_http::retry_after(text, now));
                Err(Failure::Refused(Refusal::new(status, retry_after, &body)))
            }
        }
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::default().plus(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn bearer(credentials: &Credentials) -> Result<HeaderValue, StoreError> {
    let text = Wiped::new(format!("Bearer {}", credentials.access_key_id().expose()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        StoreError::not_ready("the access key ID", "it has characters that a header cannot hold")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns the root certificates that the service's certificate is checked against.
fn roots(configuration: &LockerConfiguration) -> Result<RootCerts, StoreError> {
    let variable = || std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(Into::into);
    let Some(path) = configuration.ca_file.clone().or_else(variable) else { return Ok(RootCerts::WebPki) };
    let unfit =
        |reason: String| StoreError::not_ready("the file of roots", format!("{}: {reason}", path.display()));
    let pem = fs::read(&path).map_err(|error| unfit(error.to_string()))?;
    let certificates = keyway_http::certificates(&pem).map_err(|error| unfit(error.to_string()))?;
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_connection_that_is_not_made_in_time_changed_nothing() {
        // The listener accepts connections, and never answers the handshake of TLS.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let credentials = Credentials::source()
            .access_key_id("0f8fad5b-d9cb-469f-a165-70867728950e")
            .secret_access_key("a2V5")
            .api_base(format!("https://{}", silent.local_addr().unwrap()))
            .resolve()
            .unwrap();
        let configuration = LockerConfiguration::read(&json!({"proxy": NO_PROXY}).into()).unwrap();
        let service = Service::new(&configuration, &credentials, Arc::new(keyway_core::SystemClock)).unwrap();
        let until = || Instant::now() + Duration::from_millis(400);
        for failure in
            [service.post("/", "", until()).unwrap_err(), service.put("/", "", until()).unwrap_err()]
        {
            assert!(matches!(failure, Failure::Unreached { .. }), "{failure:?}");
        }
    }
}
