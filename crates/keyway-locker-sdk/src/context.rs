//! The context of a request: credentials, and options for cache and transport.

use std::time::Duration;

use keyway_client::Credentials;
use keyway_secrets::AcceptedAge;

use crate::access::Access;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::parameters::Parameters;

/// The version of the protocol.
pub(crate) const PROTOCOL_VERSION: u32 = 1;

/// The largest value of `max_age_seconds`, which is also the value for a request without this entry.
const OLDEST: u32 = 86400;

/// Checks a context. Returns the access whose id and secret the context holds, and the maximum age of cached answers
/// that the caller accepts. Unknown entries are ignored, because later SDKs add entries.
///
/// # Errors
/// [`Failure::Unauthorized`] for a wrong id and for a wrong secret; other failures for a context that is not
/// acceptable.
pub(crate) fn access(
    mut context: Parameters,
    configuration: &Configuration,
) -> Result<(&Access, AcceptedAge), Failure> {
    let mut oldest = OLDEST;
    if context.integer("protocol_version", 0..=u32::MAX, 0)? != PROTOCOL_VERSION {
        return Err(Failure::InvalidRequest);
    }
    if let Some(transport) = context.take("transport")
        && Parameters::of(transport)?.flag("insecure_skip_tls_verify")?
    {
        return Err(Failure::RequestRejected);
    }
    if let Some(cache) = context.take("cache") {
        let mut cache = Parameters::of(cache)?;
        let is_forced = cache.flag("force_refresh")?;
        oldest = cache.integer("max_age_seconds", 0..=OLDEST, OLDEST)?;
        if is_forced {
            oldest = 0;
        }
    }
    let mut given = context.object("credentials").map_err(|_| Failure::MissingCredentials)?;
    let credentials = Credentials::source()
        .access_key_id(given.optional_text("access_key_id")?.unwrap_or_else(|| "".into()))
        .secret_access_key(given.optional_text("secret_access_key")?.unwrap_or_else(|| "".into()))
        .resolve()?
        .checked()?;
    let id = credentials.access_key_id().expose();
    // The log tells the operator whether the id or the secret was wrong. The answer does not.
    let Some(access) = configuration.access.iter().find(|access| access.has_id(id)) else {
        tracing::warn!("no entry of `access` has the access key ID of the request");
        return Err(Failure::Unauthorized);
    };
    if !access.opens_with(credentials.secret_access_key()) {
        tracing::warn!("a request for the store {} has a wrong secret access key", access.store);
        return Err(Failure::Unauthorized);
    }
    Ok((access, AcceptedAge(Duration::from_secs(oldest.into()))))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

    fn outcome(context: Value) -> Result<bool, Failure> {
        let hash = "49cfc4f8614634a80b2929b144b43bfea3c21d3c33d16660f73189e6a7dc7cfb";
        let text = format!(
            "[stores.web]\nplugin = 'generic'\nkeys = '/k'\n\
             [[access]]\nid = '{ID}'\nsecret_sha256 = '{hash}'\nstore = 'web'\nread_only = true"
        );
        let configuration = Configuration::parse(&text, Path::new("c.toml")).unwrap();
        access(Parameters::of(context.into()).unwrap(), &configuration).map(|(access, _)| access.read_only)
    }

    fn context(id: &str, key: &str) -> Value {
        json!({
            "protocol_version": 1,
            "credentials": { "access_key_id": id, "secret_access_key": key },
            "client": { "name": "locker-python", "version": "2.0.7" },
            "cache": { "force_refresh": false, "max_age_seconds": 120 },
            "transport": { "api_base": "https://api.example.org", "headers": { "a": "b" } },
            "error_contract": "typed-v1",
        })
    }

    #[test]
    fn the_right_key_gives_its_access() {
        assert_eq!(outcome(context(ID, "QUI=")), Ok(true));
        assert_eq!(outcome(context(&format!(" {} ", ID.to_uppercase()), "QUI=\n")), Ok(true));
    }

    #[test]
    fn other_contexts_are_refused() {
        let mut changed = Vec::new();
        let mut with = |path: &str, value: Value, failure| {
            let mut context = context(ID, "QUI=");
            *context.pointer_mut(path).unwrap() = value;
            changed.push((context, failure));
        };
        with("/protocol_version", json!(2), Failure::InvalidRequest);
        with("/protocol_version", json!(true), Failure::InvalidParameters);
        with("/credentials", json!(null), Failure::MissingCredentials);
        with("/credentials", json!({}), Failure::MissingCredentials);
        with("/credentials/access_key_id", json!("x"), Failure::InvalidAccessKeyId);
        with("/credentials/secret_access_key", json!("!"), Failure::MalformedSecretAccessKey);
        with("/credentials/secret_access_key", json!("QUJD"), Failure::Unauthorized);
        with(
            "/credentials/access_key_id",
            json!("1f8fad5b-d9cb-469f-a165-70867728950e"),
            Failure::Unauthorized,
        );
        with("/transport", json!({"insecure_skip_tls_verify": true}), Failure::RequestRejected);
        with("/cache/max_age_seconds", json!(86401), Failure::InvalidParameters);
        with("/cache/force_refresh", json!(1), Failure::InvalidParameters);
        for (context, failure) in changed {
            assert_eq!(outcome(context.clone()), Err(failure), "{context}");
        }
    }
}
