//! A proxy on loopback in front of Pebble. It adds what this version of Pebble lacks, and counts the requests.

use std::io::{self, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, http};

use super::books::Books;
use super::exchange::{Answer, Request};
use super::server::{Identity, Server};

/// The delay in seconds that the proxy demands in answers about waiting orders, and in refusals of new orders.
const RETRY_AFTER: &str = "1";
/// The headers of an answer that the proxy passes on.
const HEADERS: [&str; 4] = ["replay-nonce", "location", "link", "content-type"];
/// The page of Pebble for new orders.
pub(crate) const NEW_ORDER: &str = "/order-plz";
/// The page with renewal information, which this version of Pebble does not have.
const RENEWAL_INFORMATION: &str = "/renewal-info";

/// A proxy. Its thread for new connections ends with the proxy. The thread of a connection ends with the client.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tls: Arc<ServerConfig>,
    agent: Agent,
    pebble: u16,
    host: String,
    faults: Faults,
    new_orders: AtomicUsize,
    requests: AtomicUsize,
    books: Mutex<Books>,
    /// Passes new orders on one after the other. Pebble 2.4 hangs for ever if it looks for a valid authorization for
    /// one new order while it makes the challenges of another one: the two take the same two locks in opposite order.
    order: Mutex<()>,
    is_ended: AtomicBool,
}

/// The faults that a proxy adds. Zero means never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// The proxy refuses every n-th new order because of a rate limit. This field is n.
    pub(crate) limited_every: usize,
    /// The proxy delays every n-th answer. This field is n.
    pub(crate) slow_every: usize,
}

impl Faults {
    pub(crate) const NONE: Self = Self { limited_every: 0, slow_every: 0 };
}

impl Proxy {
    /// Starts a proxy in front of a server, with the same certificate.
    pub(crate) fn start(server: &Server, faults: Faults) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            tls: Arc::new(tls(&server.identity)),
            agent: agent(&server.identity),
            pebble: server.port,
            host: format!("127.0.0.1:{port}"),
            faults,
            new_orders: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            books: Mutex::default(),
            order: Mutex::default(),
            is_ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.is_ended.load(Ordering::SeqCst) {
                    return;
                }
                let (serving, Ok(stream)) = (Arc::clone(&serving), stream) else { continue };
                // The connection ends when its client goes away.
                thread::spawn(move || drop(serving.serve(stream)));
            }
        });
        Self { port, shared }
    }

    /// Returns the URL of the directory.
    pub(crate) fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.port)
    }

    /// Returns the books of the proxy so far, and begins new ones.
    pub(crate) fn take_books(&self) -> Books {
        std::mem::take(&mut self.shared.books.lock().expect("no thread panics within it"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn tls(identity: &Identity) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate with its key")
}

fn agent(identity: &Identity) -> Agent {
    let root = Certificate::from_pem(identity.certificate.as_bytes()).expect("a certificate");
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .max_idle_connections(64)
        .max_idle_connections_per_host(64)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).build())
        .build()
        .into()
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let connection = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        while let Some(request) = Request::read(&mut stream)? {
            let answer = self.answered(&request)?;
            self.books.lock().expect("no thread panics within it").note(&request, &answer);
            if is_turn(&self.requests, self.faults.slow_every) {
                thread::sleep(Duration::from_millis(200));
            }
            answer.write(stream.get_mut(), &request)?;
        }
        Ok(())
    }

    fn answered(&self, request: &Request) -> io::Result<Answer> {
        if request.path.starts_with(RENEWAL_INFORMATION) {
            let window = json!({ "start": "2027-01-02T04:00:00Z", "end": "2027-01-03T04:00:00Z" });
            let answer = Answer::json(200, &json!({ "suggestedWindow": window }));
            return Ok(answer.with_header("Retry-After", "21600"));
        }
        let is_new_order = request.path == NEW_ORDER;
        if is_new_order && is_turn(&self.new_orders, self.faults.limited_every) {
            let kind = "urn:ietf:params:acme:error:rateLimited";
            let answer = Answer::json(429, &json!({ "type": kind, "detail": "Too many orders." }));
            return Ok(answer.with_header("Retry-After", RETRY_AFTER));
        }
        let turn = is_new_order.then(|| self.order.lock().expect("no thread panics within it"));
        let mut answer = self.passed_on(request).map_err(io::Error::other)?;
        drop(turn);
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return Ok(answer) };
        if request.path == "/dir" {
            body["renewalInfo"] = format!("https://{}{RENEWAL_INFORMATION}", self.host).into();
            answer.body = body.to_string().into_bytes();
        }
        let is_waiting = matches!(body["status"].as_str(), Some("pending" | "processing"));
        Ok(if is_waiting { answer.with_header("Retry-After", RETRY_AFTER) } else { answer })
    }

    /// Passes a request on. Pebble makes the addresses of its objects from the header `host`, so this header names the
    /// proxy.
    fn passed_on(&self, request: &Request) -> Result<Answer, ureq::Error> {
        let url = format!("https://127.0.0.1:{}{}", self.pebble, request.path);
        let passed = http::Request::builder().method(&request.method[..]).uri(url).header("host", &self.host);
        let answer = if request.method == "POST" {
            let passed = passed.header("content-type", "application/jose+json");
            self.agent.run(passed.body(&request.body[..])?)
        } else {
            self.agent.run(passed.body(())?)
        };
        let mut answer = answer?;
        let passed = answer.headers().iter().filter(|(name, _)| HEADERS.contains(&name.as_str()));
        let headers =
            passed.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let headers = headers.collect();
        let status = answer.status().as_u16();
        Ok(Answer { status, headers, body: answer.body_mut().read_to_vec()? })
    }
}

/// Counts a call, and tells whether the count is a multiple of `every`.
fn is_turn(count: &AtomicUsize, every: usize) -> bool {
    (count.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(every)
}
