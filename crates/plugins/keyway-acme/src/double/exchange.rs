//! The exchange of requests and answers over one connection.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{Shared, locked};

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) next: Option<String>,
    pub(super) has_retry_after: bool,
    pub(super) has_nonce: bool,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    pub(super) fn text(status: u16, body: String) -> Self {
        Self { status, location: None, next: None, has_retry_after: false, has_nonce: true, body }
    }

    pub(super) fn problem(status: u16, kind: &str, detail: &str) -> Self {
        let body = json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail });
        Self::json(status, &body)
    }

    pub(super) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    pub(super) fn retried(mut self) -> Self {
        self.has_retry_after = true;
        self
    }
}

/// Answers the requests of one connection until the client closes it.
pub(super) fn serve(shared: &Shared, stream: TcpStream) {
    let Ok(reading) = stream.try_clone() else { return };
    let (mut reader, mut writer) = (BufReader::new(reading), stream);
    while let Some(request) = read(&mut reader) {
        let (operation, reply) = shared.answered(&request);
        delay(shared, &operation);
        if is_lost(shared, &operation) || write(shared, &mut writer, &request, &reply).is_none() {
            return;
        }
    }
}

/// Blocks the thread for the delay of an operation.
pub(super) fn delay(shared: &Shared, operation: &str) {
    let slow = locked(&shared.settings).slow.clone();
    if let Some((_, delay)) = slow.filter(|(slow, _)| slow == operation) {
        std::thread::sleep(delay);
    }
}

fn is_lost(shared: &Shared, operation: &str) -> bool {
    let mut settings = locked(&shared.settings);
    let is_lost = [&settings.lost, &settings.unheard].iter().any(|lost| lost.as_deref() == Some(operation));
    if is_lost {
        (settings.lost, settings.unheard) = (None, None);
    }
    is_lost
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_ascii_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    Some(Request { method, path, body })
}

fn write(shared: &Shared, writer: &mut TcpStream, request: &Request, reply: &Reply) -> Option<()> {
    let retry_after = locked(&shared.settings).retry_after.clone().filter(|_| reply.has_retry_after);
    let headers = [
        ("Replay-Nonce", reply.has_nonce.then(|| locked(&shared.state).new_nonce())),
        ("Location", reply.location.clone()),
        ("Link", reply.next.as_ref().map(|next| format!("<{next}>;rel=\"next\""))),
        ("Retry-After", retry_after),
        ("Content-Length", Some(reply.body.len().to_string())),
    ];
    let mut text = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in headers {
        if let Some(value) = value {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    text.push_str("\r\n");
    if request.method != "HEAD" {
        text.push_str(&reply.body);
    }
    writer.write_all(text.as_bytes()).ok()
}
