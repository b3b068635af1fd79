//! The configuration of a connection to an ACME server.

use std::fmt;

use keyway_certificates::{CertificateError, Json};
use serde::Deserialize;

use crate::http::certificates;

/// The configuration of the plugin. Only `directory` is required.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AcmeConfiguration {
    /// The URL of the server's directory: HTTPS, or HTTP to a loopback address.
    pub directory: String,
    /// The name of the authority, for people. The default is the host of the directory.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether the operator agrees to the server's terms of service.
    #[serde(default)]
    pub agree_to_terms: bool,
    /// The addresses that the server may write to, such as `mailto:admin@example.org`.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// The kinds of proofs that the host's responder can show, the preferred one first.
    #[serde(default = "http_only")]
    pub challenges: Vec<ChallengeKind>,
    /// The roots that verify the server's own certificate, in PEM. By default, those of Mozilla's program.
    #[serde(default)]
    pub root_certificates: Option<String>,
    /// The URL of an HTTP proxy. Environment variables for proxies are ignored.
    #[serde(default)]
    pub proxy: Option<String>,
    /// The longest time for one request, in seconds. The connection gets at most three quarters of it.
    #[serde(default = "ten")]
    pub request_seconds: u16,
    /// The longest time for all requests of one call, in seconds. It must be below the host's deadline for a call.
    #[serde(default = "twenty_five")]
    pub call_seconds: u16,
}

/// A kind of proof that the account controls a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[non_exhaustive]
pub enum ChallengeKind {
    /// A page below `http://NAME/.well-known/acme-challenge/`.
    #[serde(rename = "http-01")]
    Http,
    /// A TXT record at `_acme-challenge.NAME`. Wildcards need this kind.
    #[serde(rename = "dns-01")]
    Dns,
}

impl ChallengeKind {
    /// Returns the name of the kind in RFC 8555.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http-01",
            Self::Dns => "dns-01",
        }
    }
}

fn http_only() -> Vec<ChallengeKind> {
    vec![ChallengeKind::Http]
}

const fn ten() -> u16 {
    10
}

const fn twenty_five() -> u16 {
    25
}

impl AcmeConfiguration {
    /// Reads and checks a configuration.
    pub(crate) fn read(configuration: &Json) -> Result<Self, CertificateError> {
        let read: Self =
            keyway_core::read_configuration(configuration).map_err(|error| invalid(error.to_string()))?;
        read.check().map_err(invalid)?;
        Ok(read)
    }

    fn check(&self) -> Result<(), String> {
        if !keyway_http::is_protected(&self.directory) {
            return Err("`directory` must be an https URL, or an http URL of a loopback address".into());
        }
        if self.challenges.is_empty() {
            return Err("`challenges` must name a proof: http-01 or dns-01".into());
        }
        if self.contacts.iter().any(|contact| !contact.contains(':') || contact.contains(char::is_control)) {
            return Err("`contacts` must be URLs, such as mailto:admin@example.org".into());
        }
        let is_name = |name: &String| {
            (1..=200).contains(&name.trim().len()) && name.len() <= 200 && !name.contains(char::is_control)
        };
        if !self.name.as_ref().is_none_or(is_name) {
            return Err("`name` must be 1 to 200 bytes without control characters".into());
        }
        if self.request_seconds == 0 || self.request_seconds > self.call_seconds {
            return Err("`request_seconds` must be from 1 to `call_seconds`".into());
        }
        if let Some(proxy) = &self.proxy {
            ureq::Proxy::new(proxy).map_err(|_| "`proxy` must be the URL of a proxy")?;
        }
        self.root_certificates.as_deref().map(certificates).transpose().map(drop)
    }

    /// Tells whether the directory is reached by HTTPS. If so, all other addresses must use HTTPS, too.
    pub(crate) fn is_https(&self) -> bool {
        self.directory.starts_with("https://")
    }

    /// Returns the host of the directory, with its port.
    pub(crate) fn host(&self) -> &str {
        keyway_http::host(&self.directory)
    }
}

impl fmt::Debug for AcmeConfiguration {
    /// Leaves out the proxy, whose URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcmeConfiguration")
            .field("directory", &self.directory)
            .field("name", &self.name)
            .field("agree_to_terms", &self.agree_to_terms)
            .field("contacts", &self.contacts)
            .field("challenges", &self.challenges)
            .finish_non_exhaustive()
    }
}

fn invalid(reason: impl Into<String>) -> CertificateError {
    CertificateError::invalid("the configuration of the plugin", reason)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn with(name: &str, value: Value) -> Value {
        let mut configuration = json!({ "directory": "https://ca.example.com/directory" });
        configuration[name] = value;
        configuration
    }

    #[test]
    fn a_wrong_configuration_names_the_key() {
        for (wrong, key) in [
            (json!({}), "directory"),
            (with("directory", json!("http://ca.example.com/directory")), "directory"),
            (with("directory", json!("http://127.0.0.1@ca.example.com/")), "directory"),
            (with("directory", json!("http://localhost:1@ca.example.com/")), "directory"),
            (with("directory", json!("ftp://ca.example.com")), "directory"),
            (with("directory", json!("https:///directory")), "directory"),
            (with("challenges", json!([])), "challenges"),
            (with("challenges", json!(["tls-alpn-01"])), "challenges"),
            (with("contacts", json!(["admin"])), "contacts"),
            (with("name", json!("")), "name"),
            (with("request_seconds", json!(0)), "request_seconds"),
            (with("request_seconds", json!(26)), "request_seconds"),
            (with("root_certificates", json!("none")), "root_certificates"),
            (with("proxy", json!("::")), "proxy"),
            (with("directry", json!("")), "directry"),
        ] {
            let error = AcmeConfiguration::read(&wrong.clone().into()).unwrap_err().to_string();
            assert!(error.contains(key), "{wrong}: {error}");
        }
    }

    #[test]
    fn debug_shows_no_proxy() {
        let proxy = "http://joe:n33dle@proxy.example.com:3128";
        let read = AcmeConfiguration::read(&with("proxy", json!(proxy)).into()).unwrap();
        let shown = format!("{read:?}");
        assert!(shown.contains("ca.example.com") && !shown.contains("n33dle"), "{shown}");
    }
}
