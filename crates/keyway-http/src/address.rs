//! Checks the addresses to which requests with credentials may go.

/// The hosts to which plain HTTP may go.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Tells whether requests to this URL are protected in transit: by HTTPS, or because HTTP goes to a loopback address. A
/// URL with user information is refused, because the user information could look like a loopback address in front of
/// another host.
pub fn is_protected(url: &str) -> bool {
    let host = host(url);
    let is_https = url.starts_with("https://");
    !host.is_empty() && !host.contains('@') && (is_https || url.starts_with("http://") && is_loopback(host))
}

/// Returns the host of a URL, with its port; empty if the text is not a URL.
pub fn host(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    LOOPBACK.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_reaches_loopback_addresses_only() {
        for right in
            ["http://127.0.0.1:14000/dir", "http://[::1]:14000/dir", "http://localhost/dir", "https://a.b"]
        {
            assert!(is_protected(right), "{right}");
        }
        for wrong in [
            "http://ca.example.com/directory",
            "http://127.0.0.1@ca.example.com/",
            "http://localhost:1@ca.example.com/",
            "https://joe@ca.example.com/",
            "ftp://ca.example.com",
            "https:///directory",
            "localhost",
            "",
        ] {
            assert!(!is_protected(wrong), "{wrong}");
        }
    }
}
