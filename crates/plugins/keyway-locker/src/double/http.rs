//! A small HTTP/1.1 server on a loopback address, with one thread for each connection.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The maximum number of connections at a time. Further connections are closed at once.
const MAX_CONNECTIONS: usize = 256;
/// The maximum size of the head of a request, in bytes.
const MAX_HEAD: u64 = 64 << 10;
/// The maximum size of the body of a request, in bytes.
const MAX_BODY: usize = 16 << 20;
/// The time without traffic after which a connection is closed.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// A request that the double received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// The method.
    pub method: String,
    /// The path, decoded, without `/locker_secrets`, the path of [`base`](super::LockerDouble::base).
    pub path: String,
    /// The parameters, decoded.
    pub query: BTreeMap<String, String>,
    /// The headers in their order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl SeenRequest {
    /// Returns the first value of a header. The name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) retry_after: Option<String>,
}

/// The way in which the double ends an exchange.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// Sends the answer.
    Send(Reply),
    /// Sends the head and half of the body, and closes the connection.
    SendHalf(Reply),
    /// Closes the connection.
    Close,
}

/// The function that answers requests. Several connections may call it at the same time.
type Answer = dyn Fn(&SeenRequest, &Stop) -> Ending + Send + Sync;

/// Tells the threads when the server ends.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_ended: AtomicBool,
    open: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    serving: JoinHandle<()>,
}

impl Stop {
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::SeqCst)
    }

    /// Waits for a time, or until the server ends.
    pub(super) fn wait(&self, time: Duration) {
        const STEP: Duration = Duration::from_millis(5);
        let mut left = time;
        while !left.is_zero() && !self.is_ended() {
            thread::sleep(left.min(STEP));
            left = left.saturating_sub(STEP);
        }
    }
}

/// A running server. When it is dropped, all its threads end.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Arc<Stop>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(
        answer: impl Fn(&SeenRequest, &Stop) -> Ending + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(Stop::default());
        let answer: Arc<Answer> = Arc::new(answer);
        let stopped = Arc::clone(&stop);
        let name = "locker-double".to_owned();
        let accepting = thread::Builder::new().name(name).spawn(move || {
            for stream in listener.incoming() {
                if stopped.is_ended() {
                    return;
                }
                // If a connection fails here, only its client is affected.
                let _ = stream.and_then(|stream| serve_apart(stream, &stopped, &answer));
            }
        })?;
        Ok(Self { address, stop, accepting: Some(accepting) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.is_ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts connections.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let (Ok(_), Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
        let open = std::mem::take(&mut *self.stop.open.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in open {
            let _ = connection.stream.shutdown(Shutdown::Both);
            let _ = connection.serving.join();
        }
    }
}

fn serve_apart(stream: TcpStream, stop: &Arc<Stop>, answer: &Arc<Answer>) -> io::Result<()> {
    let mut open = stop.open.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|connection| !connection.serving.is_finished());
    if open.len() == MAX_CONNECTIONS {
        return Ok(());
    }
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(MAX_SILENCE))?;
    stream.set_write_timeout(Some(MAX_SILENCE))?;
    let kept = stream.try_clone()?;
    let (stopped, answer) = (Arc::clone(stop), Arc::clone(answer));
    let serving = thread::Builder::new().name("locker-double".to_owned()).spawn(move || {
        // If the client closes the connection early, only this connection ends.
        let _ = serve(&stream, &stopped, &*answer);
        // `open` holds another handle of the connection, so the connection must be shut down explicitly.
        let _ = stream.shutdown(Shutdown::Both);
    })?;
    open.push(Connection { stream: kept, serving });
    Ok(())
}

/// Answers the requests of one connection until the client or an [`Ending`] closes it.
fn serve(stream: &TcpStream, stop: &Stop, answer: &Answer) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while !stop.is_ended() {
        let request = match read(&mut reader)? {
            Received::Request(request) => request,
            Received::End => return Ok(()),
            Received::Refused(status) => {
                let refused = Reply { status, body: String::new(), retry_after: None };
                return writer.write_all(&bytes(&refused));
            }
        };
        let is_last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        match answer(&request, stop) {
            Ending::Send(reply) => writer.write_all(&bytes(&reply))?,
            Ending::SendHalf(reply) => {
                let sent = bytes(&reply);
                return writer.write_all(&sent[..sent.len() - reply.body.len().div_ceil(2)]);
            }
            Ending::Close => return Ok(()),
        }
        if is_last {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns an answer as one piece, so that it is sent as one packet where possible.
fn bytes(reply: &Reply) -> Vec<u8> {
    let (status, length) = (reply.status, reply.body.len());
    let mut text = format!("HTTP/1.1 {status} status\r\ncontent-type: application/json\r\n");
    if let Some(retry_after) = &reply.retry_after {
        let _ = write!(text, "retry-after: {retry_after}\r\n");
    }
    let _ = write!(text, "content-length: {length}\r\n\r\n{}", reply.body);
    text.into_bytes()
}

#[derive(Debug)]
enum Received {
    Request(SeenRequest),
    /// The client closed the connection between two requests.
    End,
    /// The request breaks a limit of the server, or the protocol.
    Refused(u16),
}

fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Received> {
    let mut head = Vec::new();
    let mut limited = reader.by_ref().take(MAX_HEAD);
    loop {
        let length = limited.read_until(b'\n', &mut head)?;
        if length == 0 {
            let is_between = head.is_empty();
            return Ok(if is_between { Received::End } else { Received::Refused(431) });
        }
        if head.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let Some(mut request) = String::from_utf8(head).ok().as_deref().and_then(parsed) else {
        return Ok(Received::Refused(400));
    };
    if request.header("transfer-encoding").is_some() {
        return Ok(Received::Refused(411));
    }
    let Ok(length) = request.header("content-length").unwrap_or("0").parse::<usize>() else {
        return Ok(Received::Refused(400));
    };
    if length > MAX_BODY {
        return Ok(Received::Refused(413));
    }
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(Received::Request(request))
}

fn parsed(head: &str) -> Option<SeenRequest> {
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target, "HTTP/1.1", None) = (first.next()?, first.next()?, first.next()?, first.next())
    else {
        return None;
    };
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<Option<_>>()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.strip_prefix(super::PREFIX).unwrap_or(path);
    let parameter = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Some((decoded(&name.replace('+', " "))?, decoded(&value.replace('+', " "))?))
    };
    let query = query.split('&').filter(|text| !text.is_empty()).map(parameter).collect::<Option<_>>()?;
    Some(SeenRequest { method: method.to_owned(), path: decoded(path)?, query, headers, body: Vec::new() })
}

/// Decodes the percent-encoding of a part of a URL.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_its_parameters_decoded() {
        let head = "GET /locker_secrets/v1/a%20b?hash=x-_&page=2&n=a+%C3%A9 HTTP/1.1\r\nX-A: 1,2:3\r\n\r\n";
        let request = parsed(head).expect("it is a request");
        assert_eq!((&*request.method, &*request.path), ("GET", "/v1/a b"));
        let query: Vec<_> = request.query.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(query, [("hash", "x-_"), ("n", "a é"), ("page", "2")]);
        assert_eq!(request.header("x-a"), Some("1,2:3"));
    }

    #[test]
    fn a_malformed_request_is_refused() {
        for head in [
            "",
            "GET /\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.1\r\nbroken\r\n\r\n",
            "GET /%zz HTTP/1.1\r\n\r\n",
            "GET /%é HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(parsed(head), None, "{head:?}");
        }
    }
}
