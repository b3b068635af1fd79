//! The configuration of a connection to the service.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use keyway_secrets::{Json, StoreError, StoreName};
use serde::Deserialize;
use ureq::http::{HeaderName, HeaderValue};

/// The configuration of the plugin. Nothing is required.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LockerConfiguration {
    /// The URL of the service: HTTPS, or HTTP to a loopback address. The default is the URL in the credentials.
    #[serde(default)]
    pub api_base: Option<String>,
    /// The file with the credentials, which only its owner may read. By default, the credentials are searched in the
    /// environment variables of the process, and then in `~/.locker/credentials` (decision L7). If the host passes
    /// credentials, these are used instead.
    #[serde(default)]
    pub credentials_file: Option<PathBuf>,
    /// Further headers of every request, at most 64.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The maximum number of times that a failed read is repeated, at most 20. Writes are never repeated.
    #[serde(default)]
    pub retries: u32,
    /// The longest time for one request, in seconds. The connection gets at most three quarters of it.
    #[serde(default = "ten")]
    pub request_seconds: u16,
    /// The longest time for all requests of one operation and the waits between them, in seconds. It must be below the
    /// host's deadline for a call.
    #[serde(default = "twenty_five")]
    pub call_seconds: u16,
    /// The time in seconds for which an answer of the service may be returned again, even while the service is down. It
    /// is at most a day. The store declares it as its staleness. Writes through this store are visible at once.
    #[serde(default)]
    pub max_age_seconds: u32,
    /// The folder of the cache file. Processes share the service's answers in this file, so even a process that starts
    /// while the service is down can read them. The folder is an absolute path, or `xdg` for the folder `keyway` in the
    /// user's cache folder.
    ///
    /// The file has the name of the store and mode 0600; the folder is made if it is missing. This setting requires
    /// `max_age_seconds`. Without a folder, the answers stay in memory.
    #[serde(default)]
    pub cache_folder: Option<PathBuf>,
    /// A file with the roots, in PEM, that verify the service's certificate. The default is the file that the variable
    /// `SSL_CERT_FILE` names, otherwise the roots of Mozilla's program.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The URL of an HTTP proxy, or `none`. The default is taken from the usual variables `HTTPS_PROXY` and `NO_PROXY`.
    /// Requests to an `http` URL use no proxy.
    #[serde(default)]
    pub proxy: Option<String>,
}

const fn ten() -> u16 {
    10
}

const fn twenty_five() -> u16 {
    25
}

/// The headers that the plugin or the HTTP client sets.
const RESERVED: [&str; 7] =
    ["authorization", "connection", "content-length", "content-type", "expect", "host", "transfer-encoding"];

/// The value of `cache_folder` that selects the folder of the XDG specification.
const XDG: &str = "xdg";

/// The value of `proxy` that stands for no proxy.
pub(crate) const NO_PROXY: &str = "none";

impl LockerConfiguration {
    const MOST_HEADERS: usize = 64;
    const MOST_RETRIES: u32 = 20;
    pub(crate) const LONGEST_AGE: u32 = 24 * 3600;

    /// Reads and checks a configuration.
    pub(crate) fn read(configuration: &Json) -> Result<Self, StoreError> {
        let read: Self =
            keyway_core::read_configuration(configuration).map_err(|error| invalid(error.to_string()))?;
        read.check().map_err(invalid)?;
        Ok(read)
    }

    fn check(&self) -> Result<(), String> {
        if self.api_base.as_deref().is_some_and(|base| !keyway_http::is_protected(base)) {
            return Err("`api_base` must be an https URL, or an http URL of a loopback address".into());
        }
        if self.headers.len() > Self::MOST_HEADERS {
            return Err(format!("`headers` must be at most {}", Self::MOST_HEADERS));
        }
        self.parsed_headers().map(drop)?;
        if self.retries > Self::MOST_RETRIES {
            return Err(format!("`retries` must be at most {}", Self::MOST_RETRIES));
        }
        if self.max_age_seconds > Self::LONGEST_AGE {
            return Err(format!("`max_age_seconds` must be at most {}", Self::LONGEST_AGE));
        }
        if self.cache_folder.as_ref().is_some_and(|folder| !folder.is_absolute() && folder != Path::new(XDG))
        {
            return Err("`cache_folder` must be an absolute path, or xdg".into());
        }
        if self.cache_folder.is_some() && self.max_age_seconds == 0 {
            return Err("`cache_folder` needs `max_age_seconds`".into());
        }
        if self.request_seconds == 0 || self.request_seconds > self.call_seconds {
            return Err("`request_seconds` must be from 1 to `call_seconds`".into());
        }
        if let Some(proxy) = self.proxy.as_deref().filter(|proxy| *proxy != NO_PROXY) {
            ureq::Proxy::new(proxy).map_err(|_| "`proxy` must be the URL of a proxy, or none")?;
        }
        Ok(())
    }

    /// Returns the path of the cache file, if one is configured.
    pub(crate) fn kept_file(&self, store: &StoreName) -> Result<Option<PathBuf>, StoreError> {
        let Some(folder) = &self.cache_folder else { return Ok(None) };
        let folder = if folder == Path::new(XDG) {
            let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
            let caches =
                variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
            let caches =
                caches.ok_or_else(|| invalid("`cache_folder` is xdg: set XDG_CACHE_HOME or HOME"))?;
            caches.join("keyway")
        } else {
            folder.clone()
        };
        Ok(Some(folder.join(format!("{store}.locker"))))
    }

    /// Returns the headers in the form that the HTTP client needs.
    pub(crate) fn parsed_headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
            let Some((name, mut value)) = parsed.filter(|(name, _)| !RESERVED.contains(&name.as_str()))
            else {
                return Err("`headers` must be headers of HTTP, other than those of the plugin".into());
            };
            value.set_sensitive(true);
            headers.push((name, value));
        }
        Ok(headers)
    }
}

impl fmt::Debug for LockerConfiguration {
    /// Leaves out the proxy and the values of headers, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockerConfiguration")
            .field("api_base", &self.api_base)
            .field("credentials_file", &self.credentials_file)
            .field("headers", &self.headers.keys())
            .field("retries", &self.retries)
            .field("request_seconds", &self.request_seconds)
            .field("call_seconds", &self.call_seconds)
            .field("max_age_seconds", &self.max_age_seconds)
            .field("cache_folder", &self.cache_folder)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

fn invalid(reason: impl Into<String>) -> StoreError {
    StoreError::invalid("the configuration of the plugin", reason)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_configuration_names_the_key() {
        for (wrong, key) in [
            (json!({"api_base": "http://api.locker.io"}), "api_base"),
            (json!({"api_bse": "https://api.locker.io"}), "api_bse"),
            (json!({"headers": {"Authorization": "x"}}), "headers"),
            (json!({"headers": {"a b": "x"}}), "headers"),
            (json!({"headers": {"a": "x\ny"}}), "headers"),
            (json!({"retries": 21}), "retries"),
            (json!({"max_age_seconds": 86_401}), "max_age_seconds"),
            (json!({"request_seconds": 0}), "request_seconds"),
            (json!({"request_seconds": 26}), "request_seconds"),
            (json!({"proxy": "::"}), "proxy"),
        ] {
            let error = LockerConfiguration::read(&wrong.clone().into()).unwrap_err().to_string();
            assert!(error.contains(key), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_empty_configuration_has_no_retries_and_ends_before_the_hosts_deadline() {
        let read = LockerConfiguration::read(&Json::default()).unwrap();
        assert_eq!((read.retries, read.request_seconds, read.call_seconds), (0, 10, 25));
    }

    #[test]
    fn debug_shows_no_password() {
        let json = json!({"proxy": "http://joe:n33dle@proxy.example.com", "headers": {"x-key": "n33dle"}});
        let shown = format!("{:?}", LockerConfiguration::read(&json.into()).unwrap());
        assert!(shown.contains("x-key") && !shown.contains("n33dle"), "{shown}");
    }

    #[cfg(feature = "schemars")]
    #[test]
    fn the_schema_allows_no_other_keys() {
        let schema = keyway_core::configuration::configuration_schema::<LockerConfiguration>();
        assert_eq!(schema["additionalProperties"], false);
        assert!(schema["properties"]["api_base"].is_object());
    }
}
