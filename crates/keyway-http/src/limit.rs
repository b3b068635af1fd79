//! Limits the time of a request.

use std::time::Duration;

use ureq::RequestBuilder;

/// Limits the whole request to this time, including its answer. The connection gets at most three quarters of it: a
/// quarter for the address of the host, and half for the rest, such as the handshake of TLS.
///
/// The error of an expired limit names the limit that was nearest. With one limit for everything, a connection that
/// cannot be made would look like a lost answer, and [`may_have_been_sent`](crate::may_have_been_sent) could not tell
/// them apart (H331).
pub fn limited<B>(request: RequestBuilder<B>, time: Duration) -> RequestBuilder<B> {
    let (resolve, connect) = (time / 4, time / 2);
    let config = request.config().timeout_global(Some(time));
    config.timeout_resolve(Some(resolve)).timeout_connect(Some(connect)).build()
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Instant;

    use ureq::Error;

    use super::*;
    use crate::may_have_been_sent;

    const TIME: Duration = Duration::from_millis(800);

    /// Sends a request, and returns its error.
    fn failed(url: &str) -> Error {
        let started = Instant::now();
        let request = ureq::Agent::config_builder().proxy(None).build().new_agent().post(url);
        let error = limited(request, TIME).send("").unwrap_err();
        assert!(started.elapsed() < TIME * 3, "{:?}", started.elapsed());
        error
    }

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_that_is_not_made_in_time_carried_nothing() {
        let (listener, address) = listener();
        // A full backlog drops further connections without an answer.
        rustix::net::listen(&listener, 0).unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            waiting.push(stream);
        }
        let error = failed(&format!("http://{address}/"));
        assert!(matches!(error, Error::Timeout(_)) && !may_have_been_sent(&error), "{error}");
    }

    #[test]
    fn a_handshake_that_does_not_end_in_time_carried_nothing() {
        let (_silent, address) = listener();
        let error = failed(&format!("https://{address}/"));
        assert!(matches!(error, Error::Timeout(_)) && !may_have_been_sent(&error), "{error}");
    }

    #[test]
    fn an_answer_that_does_not_come_in_time_may_have_been_an_effect() {
        let (_silent, address) = listener();
        let error = failed(&format!("http://{address}/"));
        assert!(matches!(error, Error::Timeout(_)) && may_have_been_sent(&error), "{error}");
    }
}
