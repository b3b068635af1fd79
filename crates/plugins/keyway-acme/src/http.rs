//! Requests over HTTPS, each with a deadline.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use keyway_core::Clock;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Proxy};

use crate::configuration::AcmeConfiguration;
use crate::failure::Failure;

/// The maximum size of an answer in bytes. The longest answer is a chain of certificates.
const MOST_BYTES: u64 = 128 << 10;

/// The HTTPS client of one connection.
#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
    clock: Arc<dyn Clock>,
    /// The longest time for one request.
    longest: Duration,
}

/// The answer to a request, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) nonce: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// The URL of the next page of a list.
    pub(crate) next: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// Makes the client from a configuration that was checked.
    pub(crate) fn new(configuration: &AcmeConfiguration, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let roots = match &configuration.root_certificates {
            Some(pem) => RootCerts::Specific(Arc::new(certificates(pem)?)),
            None => RootCerts::WebPki,
        };
        let proxy = configuration.proxy.as_deref().map(Proxy::new).transpose();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(configuration.is_https())
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy.map_err(|_| "`proxy` must be the URL of a proxy".to_owned())?)
            .user_agent(concat!("keyway-acme/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build()
            .into();
        Ok(Self { agent, clock, longest: Duration::from_secs(configuration.request_seconds.into()) })
    }

    /// Reads a page that needs no signature.
    pub(crate) fn get(&self, url: &str, until: Instant) -> Result<Answer, Failure> {
        let time = self.time(url, until)?;
        self.answer(keyway_http::limited(self.agent.get(url), time).call())
    }

    /// Requests only the headers of a page.
    pub(crate) fn head(&self, url: &str, until: Instant) -> Result<Answer, Failure> {
        let time = self.time(url, until)?;
        self.answer(keyway_http::limited(self.agent.head(url), time).call())
    }

    /// Sends a signed request.
    pub(crate) fn post(&self, url: &str, body: &str, until: Instant) -> Result<Answer, Failure> {
        let time = self.time(url, until)?;
        let request = keyway_http::limited(self.agent.post(url), time);
        self.answer(request.content_type("application/jose+json").send(body))
    }

    /// Returns the time that is left for the next request. The URL may come from the server, and must be protected like
    /// that of the directory.
    fn time(&self, url: &str, until: Instant) -> Result<Duration, Failure> {
        let unavailable =
            |reason: &str| Failure::Unavailable { retry_after: None, reason: reason.to_owned() };
        if !keyway_http::is_protected(url) {
            return Err(unavailable("it named an address that is no https URL, nor an http URL of loopback"));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(unavailable("the time for one call is over"));
        }
        Ok(left.min(self.longest))
    }

    fn answer(&self, answer: Result<Response<Body>, Error>) -> Result<Answer, Failure> {
        let mut answer = answer.map_err(|error| failure(&error))?;
        let header = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.now().as_milliseconds());
        let (nonce, location) = (header("replay-nonce"), header("location"));
        let retry_after = header("retry-after").and_then(|text| keyway_http::retry_after(&text, now));
        let links = answer.headers().get_all("link").iter().filter_map(|link| link.to_str().ok());
        let next = links.flat_map(|link| link.split(',')).find_map(next_page);
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
        let body = body.map_err(|error| Failure::NoAnswer { reason: error.to_string() })?;
        Ok(Answer { status, nonce, location, retry_after, next, body })
    }
}

/// Distinguishes a request that was not sent from a request whose answer is missing.
fn failure(error: &Error) -> Failure {
    let reason = error.to_string();
    if keyway_http::may_have_been_sent(error) {
        Failure::NoAnswer { reason }
    } else {
        Failure::Unavailable { retry_after: None, reason }
    }
}

/// Returns the URL of one link of a `Link` header, if the link leads to the next page.
fn next_page(link: &str) -> Option<String> {
    let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        parameter.trim().strip_prefix("rel=").is_some_and(|relation| relation.trim_matches('"') == "next")
    });
    is_next.then(|| url.to_owned())
}

/// Reads the configured roots.
pub(crate) fn certificates(pem: &str) -> Result<Vec<ureq::tls::Certificate<'static>>, String> {
    keyway_http::certificates(pem.as_bytes()).map_err(|error| format!("`root_certificates`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let header = r#"<https://a/dir>;rel="index", <https://a/orders?cursor=2>;rel="next""#;
        assert_eq!(header.split(',').find_map(next_page).as_deref(), Some("https://a/orders?cursor=2"));
        assert_eq!(next_page(r#"<https://a/dir>;rel="index""#), None);
        assert_eq!(next_page("nothing"), None);
        assert_eq!(next_page("<https://a/2>; rel=next").as_deref(), Some("https://a/2"));
    }

    #[test]
    fn debug_shows_no_proxy() {
        let json = serde_json::json!({
            "directory": "https://ca.example.com/directory",
            "proxy": "http://joe:n33dle@proxy.example.com:3128",
        });
        let configuration = AcmeConfiguration::read(&json.into()).unwrap();
        let http = Http::new(&configuration, Arc::new(keyway_core::SystemClock)).unwrap();
        let shown = format!("{http:?}");
        assert!(shown.starts_with("Http") && !shown.contains("n33dle"), "{shown}");
    }

    #[test]
    fn an_address_of_the_server_is_protected_too() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let directory = serde_json::json!({ "directory": format!("http://127.0.0.1:{port}/") });
        let configuration = AcmeConfiguration::read(&directory.into()).unwrap();
        let http = Http::new(&configuration, Arc::new(keyway_core::SystemClock)).unwrap();
        let until = Instant::now() + Duration::from_millis(500);
        // The second address leads to the listener, but user information may make any address look like a loopback one.
        for url in ["http://192.0.2.1/".to_owned(), format!("http://joe@127.0.0.1:{port}/")] {
            for refused in [http.get(&url, until), http.head(&url, until), http.post(&url, "", until)] {
                let Err(Failure::Unavailable { reason, .. }) = refused else { panic!("{refused:?}") };
                assert!(reason.contains("https"), "{reason}");
            }
        }
        assert!(listener.accept().is_err(), "a connection was made");
        assert!(matches!(http.get(&configuration.directory, until), Err(Failure::NoAnswer { .. })));
        assert!(listener.accept().is_ok());
    }

    #[test]
    fn a_connection_that_is_not_made_in_time_changed_nothing() {
        // The listener accepts connections, and never answers the handshake of TLS.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", silent.local_addr().unwrap());
        let configuration = AcmeConfiguration::read(&serde_json::json!({"directory": url}).into()).unwrap();
        let http = Http::new(&configuration, Arc::new(keyway_core::SystemClock)).unwrap();
        let failure = http.post(&url, "", Instant::now() + Duration::from_millis(400)).unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{failure:?}");
    }
}
