//! Judges whether a failed request may have had an effect.

use std::io;

use ureq::{Error, Timeout};

/// Tells whether the service may have received a request that failed with this error. If not, the request can be
/// repeated.
pub fn may_have_been_sent(error: &Error) -> bool {
    match error {
        Error::Timeout(when) => !matches!(when, Timeout::Resolve | Timeout::Connect),
        Error::Io(error) => error.kind() != io::ErrorKind::ConnectionRefused && !refuses_certificate(error),
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_)
        | Error::Tls(_)
        | Error::Rustls(_)
        | Error::BadUri(_)
        | Error::Http(_)
        | Error::RequireHttpsOnly(_) => false,
        _ => true,
    }
}

/// Tells whether the certificate of the service was refused, which happens before the request is sent.
fn refuses_certificate(error: &io::Error) -> bool {
    let source = error.get_ref().and_then(|source| source.downcast_ref());
    matches!(source, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn only_a_failure_before_the_connection_leaves_nothing() {
        for before in [
            Error::HostNotFound,
            Error::Io(ErrorKind::ConnectionRefused.into()),
            Error::Timeout(Timeout::Connect),
        ] {
            assert!(!may_have_been_sent(&before), "{before}");
        }
        for after in [Error::Io(ErrorKind::ConnectionReset.into()), Error::Timeout(Timeout::RecvResponse)] {
            assert!(may_have_been_sent(&after), "{after}");
        }
    }
}
