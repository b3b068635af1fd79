//! The configuration of a connection to the authority.

use std::ops::RangeInclusive;

use keyway_certificates::{CertificateError, Json};
use keyway_x509::{AlternativeName, DistinguishedName, KeyType};
use serde::Deserialize;

/// The configuration of the plugin. Every key is optional.
///
/// A change applies to the certificates that are made after it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LocalCaConfiguration {
    /// The name of the base authority for people.
    pub name: String,
    /// The root that the first operation makes. If this is missing, an authority must be imported
    /// ([`LocalCa::import`](crate::LocalCa::import)).
    pub root: Option<RootConfiguration>,
    /// The validity, in days, of a certificate whose order does not name one.
    pub days: u32,
    /// The longest validity that an order may name, in days.
    pub most_days: u32,
    /// The number of minutes by which the validity of a certificate begins before the certificate is made, so that
    /// clients with slow clocks accept the certificate. It is at most a week, and at most half of
    /// `revocation_list_days`, because the validity of a list begins as early.
    pub backdate_minutes: u32,
    /// The validity of a subordinate authority, in days. It ends with the validity of its parent at the latest.
    pub authority_days: u32,
    /// The validity of a revocation list, in days. A new list is signed when half of this time has passed.
    pub revocation_list_days: u32,
    /// The address of an authority's revocation list. Every certificate that the authority signs for others contains
    /// this address. `{ca}` in the address stands for the id of the authority.
    pub revocation_list_url: Option<String>,
    /// The address of an authority's certificate in DER. Every certificate that the authority signs for others contains
    /// this address. `{ca}` in the address stands for the id of the authority.
    pub certificate_url: Option<String>,
}

/// The root that the plugin makes.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RootConfiguration {
    /// The subject, in the form of RFC 4514.
    pub subject: String,
    /// The type of the root's key, and of the keys of subordinate authorities.
    #[serde(default)]
    pub key: AuthorityKey,
    /// The validity in days.
    #[serde(default = "ten_years")]
    pub days: u32,
    /// The maximum number of authorities between the root and a certificate.
    #[serde(default = "one")]
    pub path_length: u8,
}

/// The type of a key that the plugin makes. RSA keys can only be imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuthorityKey {
    /// ECDSA on P-256.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519. Few browsers and devices know it.
    Ed25519,
}

impl AuthorityKey {
    pub(crate) const fn key_type(self) -> KeyType {
        match self {
            Self::EcdsaP256 => KeyType::EcdsaP256,
            Self::EcdsaP384 => KeyType::EcdsaP384,
            Self::Ed25519 => KeyType::Ed25519,
        }
    }
}

const fn ten_years() -> u32 {
    3650
}

const fn one() -> u8 {
    1
}

impl Default for LocalCaConfiguration {
    fn default() -> Self {
        Self {
            name: "Local CA".to_owned(),
            root: None,
            days: 90,
            most_days: 398,
            backdate_minutes: 60,
            authority_days: 1825,
            revocation_list_days: 7,
            revocation_list_url: None,
            certificate_url: None,
        }
    }
}

/// The possible validity of a certificate or a revocation list, in days: up to a hundred years.
const DAYS: RangeInclusive<u32> = 1..=36_500;

impl LocalCaConfiguration {
    /// Reads and checks a configuration.
    pub(crate) fn read(configuration: &Json) -> Result<Self, CertificateError> {
        let read: Self =
            keyway_core::read_configuration(configuration).map_err(|error| invalid(error.to_string()))?;
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), CertificateError> {
        let days = [
            ("days", self.days),
            ("most_days", self.most_days),
            ("authority_days", self.authority_days),
            ("revocation_list_days", self.revocation_list_days),
            ("root.days", self.root.as_ref().map_or(1, |root| root.days)),
        ];
        if let Some((name, _)) = days.iter().find(|(_, days)| !DAYS.contains(days)) {
            return Err(invalid(format!("`{name}` must be from {} to {} days", DAYS.start(), DAYS.end())));
        }
        if self.days > self.most_days {
            return Err(invalid("`days` must be at most `most_days`"));
        }
        if self.backdate_minutes > 7 * 24 * 60 {
            return Err(invalid("`backdate_minutes` must be at most a week"));
        }
        // A list is signed again when half of its validity has passed, which begins this long ago.
        if u64::from(self.backdate_minutes) * 2 > u64::from(self.revocation_list_days) * 24 * 60 {
            return Err(invalid("`backdate_minutes` must be at most half of `revocation_list_days`"));
        }
        if !is_name(&self.name) {
            return Err(invalid("`name` must be 1 to 200 bytes without control characters"));
        }
        for (name, url) in
            [("revocation_list_url", &self.revocation_list_url), ("certificate_url", &self.certificate_url)]
        {
            if let Some(url) = url {
                AlternativeName::uri(&address(url, "id"))
                    .map_err(|error| invalid(format!("`{name}`: {error}")))?;
            }
        }
        self.root_subject().map(drop)
    }

    /// Returns the subject of the root, if the plugin makes one.
    pub(crate) fn root_subject(&self) -> Result<Option<DistinguishedName>, CertificateError> {
        let subject = self.root.as_ref().map(|root| root.subject.parse()).transpose();
        subject.map_err(|error| invalid(format!("`root.subject`: {error}")))
    }
}

/// Tells whether a text can be an authority's name for people: 1 to 200 bytes, not only white space, and no control
/// characters.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=200).contains(&name.len()) && !name.trim().is_empty() && !name.contains(char::is_control)
}

/// Returns an address in which `{ca}` is replaced by the id of an authority.
pub(crate) fn address(url: &str, ca: &str) -> String {
    url.replace("{ca}", ca)
}

fn invalid(reason: impl Into<String>) -> CertificateError {
    CertificateError::invalid("the configuration of the plugin", reason)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_configuration_names_the_key() {
        for (wrong, key) in [
            (json!({ "days": 0 }), "days"),
            (json!({ "days": 399 }), "most_days"),
            (json!({ "most_days": 40_000 }), "most_days"),
            (json!({ "backdate_minutes": 20_000 }), "backdate_minutes"),
            (json!({ "backdate_minutes": 721, "revocation_list_days": 1 }), "revocation_list_days"),
            (json!({ "name": " " }), "name"),
            (json!({ "revocation_list_url": "no address" }), "revocation_list_url"),
            (json!({ "certificate_url": "http://a b/{ca}" }), "certificate_url"),
            (json!({ "root": { "subject": "CN=" } }), "root.subject"),
            (json!({ "root": { "subject": "CN=a", "key": "rsa" } }), "key"),
            (json!({ "root": { "subject": "CN=a", "days": 0 } }), "root.days"),
            (json!({ "root": {} }), "subject"),
            (json!({ "dayz": 1 }), "dayz"),
        ] {
            let error = LocalCaConfiguration::read(&wrong.clone().into()).unwrap_err().to_string();
            assert!(error.contains(key), "{wrong}: {error}");
        }
        let read = LocalCaConfiguration::read(&json!({ "root": { "subject": "CN=a" } }).into()).unwrap();
        assert_eq!(read.root.unwrap().key, AuthorityKey::EcdsaP256);
        LocalCaConfiguration::read(&Json::default()).unwrap();
    }
}
